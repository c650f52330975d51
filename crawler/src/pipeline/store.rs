//! The end of the flow: a record is written first, then its URL is settled, so that the output holds each settled URL once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use stage::{Asking, Batch, Consumer, Context, Directive, Failure, Result, SubscriptionId};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::capture::Capture;
use super::{Counts, Entry, EntryId, Held, Outputs, Visited};
use crate::frontier::{Frontier, FrontierError, Lease, NewUrl, Outcome, Settled};

/// How long after a settle began the next begins at the earliest for one page; for more it is less, and none for a full batch.
/// A settle costs as much for one page as for ten; a page that comes alone is settled at once.
const SETTLE_EVERY: Duration = Duration::from_millis(10);

/// Writes and settles outcomes, a batch in one step.
#[derive(Debug)]
pub struct Store {
    frontier: Arc<dyn Frontier>,
    outputs: Outputs,
    /// Whether the frontier has heard of them.
    are_known: bool,
    held: Held,
    counts: Counts,
    batch_max: usize,
    /// When the last settle began.
    settled: Option<Instant>,
    /// Told when it is subscribed.
    subscribed: Option<oneshot::Sender<()>>,
}

impl Store {
    /// Makes one that gets batches of so many outcomes at most.
    pub(crate) const fn new(
        frontier: Arc<dyn Frontier>,
        outputs: Outputs,
        held: Held,
        counts: Counts,
        batch_max: usize,
    ) -> Self {
        Self {
            frontier,
            outputs,
            are_known: false,
            held,
            counts,
            batch_max,
            settled: None,
            subscribed: None,
        }
    }

    /// Tells when it is subscribed, once.
    pub(crate) fn telling(mut self, subscribed: oneshot::Sender<()>) -> Self {
        self.subscribed = Some(subscribed);
        self
    }

    async fn settle(&self, outcomes: Vec<Outcome>) -> std::result::Result<Settled, FrontierError> {
        self.frontier.settle(outcomes, self.outputs.written()).await
    }
}

/// Returns how long after a settle began the next begins at the earliest, with so many pages of at most `max`.
fn rest(pages: usize, max: usize) -> Duration {
    let of_max = |pages: usize| u32::try_from(pages).unwrap_or(u32::MAX);
    SETTLE_EVERY * of_max(max.saturating_sub(pages)) / of_max(max.max(1))
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
    let line = format!("{}\n", link.record.as_ref()?.about);
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

impl Consumer for Store {
    type In = Visited;

    async fn handle_events(&mut self, events: &mut Batch<'_, Visited>, _: &mut Context) -> Result {
        if let Some(settled) = self.settled
            && events.len() < self.batch_max
        {
            tokio::time::sleep_until(settled + rest(events.len(), self.batch_max)).await;
        }
        self.settled = Some(Instant::now());
        let (mut entries, mut outcomes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut refused = HashMap::new();
        for visited in events {
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
                outcome.links.retain(|link| {
                    let Some(entry) = entry_of(link, has_archive) else {
                        return true;
                    };
                    // Others may have had the same link since its page was read.
                    let code = codes.get(&link.hash).copied().unwrap_or_default();
                    let is_new = !self.frontier.remembers(link.site.id(), link.hash)
                        && refused.insert(entry.id, code).is_none();
                    if is_new {
                        entries.push(entry);
                    }
                    is_new
                });
            }
            keys.push(outcome.lease.key());
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
        let (mut late, mut settled) = (0, self.settle(outcomes).await?);
        while !settled.refused.is_empty() {
            // Others have recorded these URLs meanwhile, and each has one record.
            late += settled.late;
            keep(&mut entries, &settled.refused);
            let kept: HashSet<_> = entries.iter().map(|entry| entry.id).collect();
            refused.retain(|id, _| kept.contains(id));
            entries = self.outputs.replace(entries).await?;
            note_places(&mut settled.refused, &mut entries);
            settled = self.settle(settled.refused).await?;
        }
        for key in keys {
            self.held.give_back(key);
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

    async fn handle_subscribe(
        &mut self,
        _: SubscriptionId,
        asking: Asking,
        _: &mut Context,
    ) -> Result<Asking> {
        if let Some(subscribed) = self.subscribed.take() {
            let _nobody_waits = subscribed.send(());
        }
        Ok(asking)
    }

    /// What can't be written or settled can't be skipped: the crawl ends, and is resumed.
    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, SystemTime};

    use stage::{Stages, consumer, from_iter};
    use tokio::time::Instant;

    use super::*;
    use crate::frontier::{Clock, Fate, Job, LEASE, NewUrl, Record, Site, SqliteOptions};
    use crate::pipeline::{Overwritten, settle_window};

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    fn fetched(lease: Lease) -> Outcome {
        Outcome::done(lease, Record::new(Fate::Fetched))
    }

    #[tokio::test]
    async fn a_record_that_comes_too_late_is_taken_out_of_the_file_again() {
        let clock = Arc::new(Hand::default());
        let options = SqliteOptions::default().clock(Arc::clone(&clock) as _);
        let frontier = options.in_memory(Job::default()).await.unwrap();
        let urls = ["http://a/", "http://b/", "http://c/"];
        let seeds = urls.map(|url| NewUrl::seed(url, Site::unlimited("h")));
        frontier.add(seeds.into()).await.unwrap();
        let leases = frontier.claim(3).await.unwrap().leases;
        clock.0.fetch_add(LEASE.as_secs(), Ordering::Relaxed);
        let mut again = frontier.claim(3).await.unwrap().leases;
        again.retain(|lease| lease.url == "http://b/");
        let by_another = again.into_iter().map(fetched).collect();
        frontier.settle(by_another, vec![]).await.unwrap();

        let visits = leases.into_iter().map(visited).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let frontier: Arc<dyn Frontier> = Arc::new(frontier);
        store(&frontier, visits, &path).await;
        let held = std::fs::read_to_string(&path).unwrap();
        assert_eq!(held, "http://a/\nhttp://c/\n");
        assert_eq!(frontier.stats().await.unwrap().fetched, 3);
        assert_eq!(frontier.written().await.unwrap()[0].bytes, 20);
    }

    #[tokio::test]
    async fn a_link_that_two_pages_have_is_refused_once() {
        let frontier = SqliteOptions::default();
        let frontier = frontier.in_memory(Job::default()).await.unwrap();
        let site = Site::unlimited("h");
        let seeds = ["http://a/", "http://b/"].map(|url| NewUrl::seed(url, site.clone()));
        frontier.add(seeds.into()).await.unwrap();
        let leases = frontier.claim(2).await.unwrap().leases;
        let mut record = Record::new(Fate::Refused);
        record.about = "no".to_owned();
        let link = NewUrl::seed("http://no/", site).recorded(record);
        let visits = leases.into_iter().map(|lease| {
            let mut visited = visited(lease);
            visited.outcome = visited.outcome.with_links([link.clone()]);
            visited.refused = vec![(link.hash, "robots")];
            visited
        });
        let visits = visits.collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let frontier: Arc<dyn Frontier> = Arc::new(frontier);
        let counts = store(&frontier, visits, &path).await;
        let held = std::fs::read_to_string(&path).unwrap();
        assert_eq!(held, "http://a/\nno\nhttp://b/\n");
        let stats = frontier.stats().await.unwrap();
        assert_eq!((stats.fetched, stats.refused), (2, 1));
        assert_eq!(counts.now().refused, 1);
    }

    fn visited(lease: Lease) -> Visited {
        Visited {
            line: Some(format!("{}\n", lease.url)),
            refused: Vec::new(),
            capture: None,
            outcome: fetched(lease),
            ended: Instant::now(),
        }
    }

    /// Stores visits, all in one batch.
    async fn store(frontier: &Arc<dyn Frontier>, visits: Vec<Visited>, path: &Path) -> Counts {
        let mut outputs = Outputs::open(&[path.to_owned()], None, 0).unwrap();
        outputs.cut_back(&[], Overwritten::Never).unwrap();
        let (held, counts) = (Held::default(), Counts::default());
        let store = Store::new(Arc::clone(frontier), outputs, held, counts.clone(), 3);
        let stages = Stages::new();
        let visits = from_iter(visits).within(&stages).spawn().unwrap();
        let all_at_once = settle_window(NonZeroUsize::new(3).unwrap()).unwrap();
        let store = consumer(store).within(&stages);
        let store = store.subscribe_to(&visits, all_at_once).spawn().unwrap();
        assert!(!store.join().await.is_failure());
        counts
    }
}
