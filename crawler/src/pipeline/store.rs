//! The end of the flow: outcomes are gathered and settled in batches, one batch after another.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use stage::{Asking, Batch, Consumer, Context, Directive, Exit, Failure, Result, SubscriptionId};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::settler::Settler;
use super::{Counts, Held, Outputs, SettleWindow, Visited};
use crate::frontier::Frontier;

/// How long after a settle began the next begins at the earliest, unless a batch is full before. A settle costs as much for
/// one page as for ten; a page that comes alone is settled at once.
const SETTLE_EVERY: Duration = Duration::from_millis(10);

/// Outcomes in one settle: a transaction of some milliseconds, behind which claims wait.
const BATCH_MAX: usize = 128;

/// A batch that is settled, with who does it.
type Settling = Pin<Box<dyn Future<Output = (Settler, Result)> + Send>>;

/// Gathers outcomes, and settles them in batches.
pub struct Store {
    window: SettleWindow,
    /// Whom its outcomes come from.
    visits: Option<SubscriptionId>,
    /// Fetched and not settled; fewer than the window is wide.
    waiting: Vec<Visited>,
    /// `None` while it is at work.
    settler: Option<Settler>,
    settling: Option<Settling>,
    /// How many are settled now.
    at_work: usize,
    /// Whether a settle has failed, which ends the stage.
    has_failed: bool,
    /// Until a batch that is not full may be settled.
    rest: Pin<Box<Sleep>>,
    /// Told when it is subscribed.
    subscribed: Option<oneshot::Sender<()>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("waiting", &self.waiting.len())
            .field("at_work", &self.at_work)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Makes one that takes as many outcomes as the window is wide.
    pub(crate) fn new(
        frontier: Arc<dyn Frontier>,
        outputs: Outputs,
        held: Held,
        counts: Counts,
        window: SettleWindow,
    ) -> Self {
        Self {
            window,
            visits: None,
            waiting: Vec::new(),
            settler: Some(Settler::new(frontier, outputs, held, counts)),
            settling: None,
            at_work: 0,
            has_failed: false,
            rest: Box::pin(tokio::time::sleep(Duration::ZERO)),
            subscribed: None,
        }
    }

    /// Tells when it is subscribed, once.
    pub(crate) fn telling(mut self, subscribed: oneshot::Sender<()>) -> Self {
        self.subscribed = Some(subscribed);
        self
    }

    /// Begins to settle what waits, unless a batch is at work.
    fn begin(&mut self) {
        let Some(mut settler) = self.settler.take() else {
            return;
        };
        let behind = self.waiting.split_off(self.waiting.len().min(BATCH_MAX));
        let batch = std::mem::replace(&mut self.waiting, behind);
        self.at_work = batch.len();
        self.rest.as_mut().reset(Instant::now() + SETTLE_EVERY);
        self.settling = Some(Box::pin(async move {
            let settled = settler.settle(batch).await;
            (settler, settled)
        }));
    }

    /// Waits until no batch is at work, and returns how many outcomes are settled since.
    fn poll_settled(&mut self, task: &mut Task<'_>) -> Poll<Result<usize>> {
        let Some(settling) = &mut self.settling else {
            return Poll::Ready(Ok(0));
        };
        let (settler, settled) = ready!(settling.poll_unpin(task));
        self.settling = None;
        self.settler = Some(settler);
        if let Err(error) = settled {
            // What was at work stays so, and is lost with the stage.
            self.has_failed = true;
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(std::mem::take(&mut self.at_work)))
    }

    /// Waits until what waits is to be settled.
    fn poll_due(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.waiting.is_empty() {
            return Poll::Pending;
        }
        let is_full = self.waiting.len() >= self.window.batch;
        if is_full || self.rest.deadline() <= Instant::now() {
            return Poll::Ready(());
        }
        self.rest.as_mut().poll(task)
    }
}

impl Consumer for Store {
    type In = Visited;

    async fn handle_events(&mut self, events: &mut Batch<'_, Visited>, _: &mut Context) -> Result {
        // `poll_events` runs after every few batches.
        self.waiting.extend(events);
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context) -> Poll<Result> {
        loop {
            let settled = ready!(self.poll_settled(task))?;
            if let Some(visits) = self.visits {
                cx.ask(visits, settled);
            }
            ready!(self.poll_due(task));
            self.begin();
        }
    }

    async fn handle_subscribe(
        &mut self,
        visits: SubscriptionId,
        _: Asking,
        cx: &mut Context,
    ) -> Result<Asking> {
        self.visits = Some(visits);
        cx.ask(visits, self.window.max);
        if let Some(subscribed) = self.subscribed.take() {
            let _nobody_waits = subscribed.send(());
        }
        Ok(Asking::Manual)
    }

    /// What can't be written or settled can't be skipped: the crawl ends, and is resumed.
    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }

    fn in_hand(&self) -> usize {
        self.waiting.len() + self.at_work
    }

    /// Settles what is here, whatever ends the stage but a settle.
    async fn stopping(&mut self, _: &Exit, _: &mut Context) {
        while !self.has_failed && self.in_hand() > 0 {
            self.begin();
            if let Err(error) = poll_fn(|task| self.poll_settled(task)).await {
                tracing::error!(%error, "what was fetched last is not settled");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, SystemTime};

    use stage::{Stages, Subscribe, consumer, from_iter};

    use super::*;
    use crate::frontier::{
        Clock, Fate, Job, LEASE, Lease, NewUrl, Outcome, Record, Site, SqliteOptions,
    };
    use crate::pipeline::{Overwritten, Tally};

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

    /// Time stands still, so that what is not a full batch waits for ever but for the stop.
    #[tokio::test(start_paused = true)]
    async fn what_waits_is_gathered_and_settled_before_the_stage_stops() {
        tokio::time::resume();
        let frontier = SqliteOptions::default();
        let frontier: Arc<dyn Frontier> =
            Arc::new(frontier.in_memory(Job::default()).await.unwrap());
        let site = Site::unlimited("h");
        let seeds = (0..4).map(|n| NewUrl::seed(format!("http://h/{n}"), site.clone()));
        frontier.add(seeds.collect()).await.unwrap();
        let mut leases = frontier.claim(4).await.unwrap().leases.into_iter();
        tokio::time::pause();
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(&[folder.path().join("pages.jsonl")], None, 0).unwrap();
        let window = SettleWindow::of(NonZeroUsize::new(64).unwrap());
        let (held, counts) = (Held::default(), Counts::default());
        let store = Store::new(Arc::clone(&frontier), outputs, held, counts, window);
        let (sender, visits) = stage::channel();
        let visits = visits.spawn().unwrap();
        let store = consumer(store).subscribe_to(&visits, Subscribe::default());
        let store = store.spawn().unwrap();
        let fetched = async || frontier.stats().await.unwrap().fetched;

        sender.send(visited(leases.next().unwrap())).await.unwrap();
        while fetched().await < 1 {
            tokio::task::yield_now().await;
        }
        for lease in leases {
            sender.send(visited(lease)).await.unwrap();
        }
        while store.edges().iter().all(|edge| edge.delivered < 4) {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            fetched().await,
            1,
            "one that comes alone is settled at once"
        );
        store.stop().await;
        assert_eq!((fetched().await, store.stats().lost), (4, 0));
    }

    fn visited(lease: Lease) -> Visited {
        Visited {
            line: Some(format!("{}\n", lease.url)),
            refused: Vec::new(),
            capture: None,
            tally: Tally::ToCome,
            outcome: fetched(lease),
            ended: Instant::now(),
        }
    }

    /// Stores visits, all in one batch.
    async fn store(frontier: &Arc<dyn Frontier>, visits: Vec<Visited>, path: &Path) -> Counts {
        let mut outputs = Outputs::open(&[path.to_owned()], None, 0).unwrap();
        outputs.cut_back(&[], Overwritten::Never).unwrap();
        let (held, counts) = (Held::default(), Counts::default());
        let window = SettleWindow::of(NonZeroUsize::new(3).unwrap());
        let store = Store::new(Arc::clone(frontier), outputs, held, counts.clone(), window);
        let stages = Stages::new();
        let visits = from_iter(visits).within(&stages).spawn().unwrap();
        let store = consumer(store).within(&stages);
        let store = store.subscribe_to(&visits, Subscribe::default());
        let store = store.spawn().unwrap();
        assert!(!store.join().await.is_failure());
        counts
    }
}
