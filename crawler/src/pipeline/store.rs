//! The end of the flow: a record is written first, then its URL is settled, so that the output holds each settled URL once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use stage::{Asking, Batch, Consumer, Context, Directive, Failure, Result, SubscriptionId};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Counts, Entry, Held, Outputs, Visited};
use crate::frontier::{Frontier, FrontierError, Lease, LeaseKey, Outcome, Settled, UrlHash};

/// How long after a settle began the next begins at the earliest, unless it is a full batch. A settle waits for the disk
/// and costs as much for one page as for ten; a page that comes alone is settled at once.
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

/// Keeps those of outcomes that have a record.
fn keep(entries: &mut Vec<Entry>, outcomes: &[Outcome]) {
    let recorded = outcomes.iter().filter(|outcome| outcome.record().is_some());
    let recorded: HashSet<_> = recorded.map(|outcome| id(&outcome.lease)).collect();
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

const fn id(lease: &Lease) -> (LeaseKey, UrlHash) {
    (lease.key(), lease.hash)
}

impl Consumer for Store {
    type In = Visited;

    async fn handle_events(&mut self, events: &mut Batch<'_, Visited>, _: &mut Context) -> Result {
        if let Some(settled) = self.settled
            && events.len() < self.batch_max
        {
            tokio::time::sleep_until(settled + SETTLE_EVERY).await;
        }
        self.settled = Some(Instant::now());
        let (mut entries, mut outcomes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for visited in events {
            let lease = &visited.outcome.lease;
            entries.extend(visited.line.map(|line| Entry {
                id: id(lease),
                line,
                capture: visited.capture,
                archived: None,
            }));
            keys.push(lease.key());
            outcomes.push(visited.outcome.aged(visited.ended.elapsed()));
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
            entries = self.outputs.replace(entries).await?;
            note_places(&mut settled.refused, &mut entries);
            settled = self.settle(settled.refused).await?;
        }
        for key in keys {
            self.held.give_back(key);
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

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let mut outputs = Outputs::open(std::slice::from_ref(&path), None, 0).unwrap();
        outputs.cut_back(&[], Overwritten::Never).unwrap();
        let frontier: Arc<dyn Frontier> = Arc::new(frontier);
        let (held, counts) = (Held::default(), Counts::default());
        let store = Store::new(Arc::clone(&frontier), outputs, held, counts, 3);
        let visits = leases.into_iter().map(|lease| Visited {
            line: Some(format!("{}\n", lease.url)),
            capture: None,
            outcome: fetched(lease),
            ended: Instant::now(),
        });
        let stages = Stages::new();
        let visits: Vec<_> = visits.collect();
        let visits = from_iter(visits).within(&stages).spawn().unwrap();
        let all_at_once = settle_window(NonZeroUsize::new(3).unwrap()).unwrap();
        let store = consumer(store).within(&stages);
        let store = store.subscribe_to(&visits, all_at_once).spawn().unwrap();
        assert!(!store.join().await.is_failure());
        let held = std::fs::read_to_string(&path).unwrap();
        assert_eq!(held, "http://a/\nhttp://c/\n");
        assert_eq!(frontier.stats().await.unwrap().fetched, 3);
        assert_eq!(frontier.written().await.unwrap()[0].bytes, 20);
    }
}
