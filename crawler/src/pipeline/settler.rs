//! A batch at the end of the flow: its records are written first, then its URLs are settled, so that the output holds each
//! settled URL once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stage::Result;

use super::capture::Capture;
use super::{Counts, Entry, EntryId, Held, Outputs, Visited};
use crate::frontier::{Frontier, FrontierError, Lease, NewUrl, Outcome, Settled};

/// Writes and settles outcomes, a batch in one step.
#[derive(Debug)]
pub(super) struct Settler {
    frontier: Arc<dyn Frontier>,
    outputs: Outputs,
    /// Whether the frontier has heard of them.
    are_known: bool,
    held: Held,
    counts: Counts,
}

impl Settler {
    pub(super) const fn new(
        frontier: Arc<dyn Frontier>,
        outputs: Outputs,
        held: Held,
        counts: Counts,
    ) -> Self {
        Self {
            frontier,
            outputs,
            are_known: false,
            held,
            counts,
        }
    }

    /// Writes and settles a batch.
    ///
    /// # Errors
    ///
    /// When an output or the frontier fails; the batch is not settled then.
    pub(super) async fn settle(&mut self, batch: Vec<Visited>) -> Result {
        let (mut entries, mut outcomes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut tallies = Vec::new();
        let mut refused = HashMap::new();
        let mut is_rest = false;
        for visited in batch {
            let mut outcome = visited.outcome.aged(visited.ended.elapsed());
            entries.extend(visited.line.map(|line| Entry {
                id: id(&outcome.lease),
                line,
                capture: visited.capture,
                archived: None,
            }));
            if !visited.refused.is_empty() {
                let codes: HashMap<_, _> = visited.refused.into_iter().collect();
                let has_archive = self.outputs.has_archive();
                let links: Vec<_> = outcome.links.iter().map(NewUrl::key).collect();
                // Others may have had the same link since its page was read.
                let mut known = self.frontier.remembers(&links).into_iter();
                outcome.links.retain(|link| {
                    let is_known = known.next() == Some(true);
                    let Some(entry) = entry_of(link, has_archive) else {
                        return true;
                    };
                    let code = codes.get(&link.hash).copied().unwrap_or_default();
                    let is_new = !is_known && refused.insert(entry.id, code).is_none();
                    if is_new {
                        entries.push(entry);
                    }
                    is_new
                });
            }
            is_rest |= !outcome.lease.is_in_a_row() && !outcome.rest.is_zero();
            keys.push(outcome.lease.key());
            tallies.push((id(&outcome.lease), visited.tally));
            outcomes.push(outcome);
        }
        if !entries.is_empty() {
            if !self.are_known {
                // Before they hold anything, so that what a kill leaves in them is cut back, and taken for nobody's.
                let written = self.outputs.written();
                self.frontier.settle(Vec::new(), written).await?;
                self.are_known = true;
            }
            entries = self.outputs.append(entries).await?;
            note_places(&mut outcomes, &mut entries);
        }
        self.held.settles(&keys);
        let (mut late, mut settled) = (0, self.send(outcomes).await?);
        while !settled.refused.is_empty() {
            // Others have recorded these URLs meanwhile, and each has one record.
            late += settled.late;
            keep(&mut entries, &settled.refused);
            let kept: HashSet<_> = entries.iter().map(|entry| entry.id).collect();
            refused.retain(|id, _| kept.contains(id));
            tallies.retain(|(id, tally)| kept.contains(id) || !tally.is_done());
            entries = self.outputs.replace(entries).await?;
            note_places(&mut settled.refused, &mut entries);
            settled = self.send(settled.refused).await?;
        }
        if is_rest {
            self.held.on_rest();
        }
        for key in keys {
            self.held.give_back(key);
        }
        for (_, tally) in tallies {
            self.counts.settled(tally);
        }
        for code in refused.into_values() {
            self.counts.refused(code);
        }
        self.counts.links(settled.links);
        late = late.max(settled.late);
        if late > 0 {
            tracing::warn!(outcomes = late, "outcomes came after their lease was lost");
        }
        Ok(())
    }

    async fn send(&self, outcomes: Vec<Outcome>) -> std::result::Result<Settled, FrontierError> {
        self.frontier.settle(outcomes, self.outputs.written()).await
    }
}

/// Keeps those of outcomes and links that have a record.
fn keep(entries: &mut Vec<Entry>, outcomes: &[Outcome]) {
    let recorded = outcomes.iter().filter(|outcome| outcome.record().is_some());
    let recorded = recorded.map(|outcome| id(&outcome.lease));
    let links = outcomes.iter().flat_map(|outcome| &outcome.links);
    let links = links.filter(|link| link.record.is_some()).map(id_of_link);
    let recorded: HashSet<_> = recorded.chain(links).collect();
    entries.retain(|entry| recorded.contains(&entry.id));
}

/// Notes where an archive holds the answers of outcomes.
fn note_places(outcomes: &mut [Outcome], entries: &mut [Entry]) {
    let places = entries.iter_mut();
    let places = places.filter_map(|entry| Some((entry.id, entry.archived.take()?)));
    let mut places: HashMap<_, _> = places.collect();
    for outcome in outcomes {
        let place = places.remove(&id(&outcome.lease));
        outcome.archived_at(place);
    }
}

const fn id(lease: &Lease) -> EntryId {
    EntryId::Lease(lease.key(), lease.hash)
}

const fn id_of_link(link: &NewUrl) -> EntryId {
    EntryId::Link(link.site.id(), link.hash)
}

/// Returns what is written of a link that is done with its page.
fn entry_of(link: &NewUrl, has_archive: bool) -> Option<Entry> {
    let line = [&link.record.as_ref()?.about, "\n"].concat();
    let capture = has_archive.then(|| {
        let mut capture = Box::<Capture>::default();
        capture.tell(&link.url, &line);
        capture
    });
    Some(Entry {
        id: id_of_link(link),
        line,
        capture,
        archived: None,
    })
}
