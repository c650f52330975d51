//! The producer of URLs: each once, on demand. It takes back what is to be tried again, so that a job that waits
//! holds no slot.
//!
//! Reports come over a channel without a bound of its own, for a lease must report from `Drop`, which cannot wait. It
//! holds at most as many as the fetchers have slots: a lease reports once, and a slot is asked for anew only after
//! its lease has reported. Before new leases go out for what was asked, all reports sent until then are taken, so
//! reports waiting and leases out share the slots.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use stage::{Context, Handler, Producer, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use url::Url;

use super::{Lease, Report};
use crate::model::{Job, has_private_part};
use crate::policy::retry;
use crate::tally::Tally;

/// A back-off is over.
#[derive(Debug)]
struct Wake;

/// Where the URLs come from.
#[derive(Debug)]
pub(crate) enum Supply {
    /// Pages 1 to `count` asked of a slow API.
    Pages { api: Url, count: usize },
    /// A list that holds each URL once, as text.
    List(std::vec::IntoIter<Arc<str>>),
}

impl Supply {
    /// Returns how many URLs there are before the first is taken.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Pages { count, .. } => *count,
            Self::List(urls) => urls.len(),
        }
    }

    /// Returns how many of these URLs have their answer already.
    pub(crate) fn len_of(&self, answered: &HashSet<String>) -> usize {
        if answered.is_empty() {
            return 0;
        }
        match self {
            Self::Pages { count, .. } => (1..=*count)
                .filter(|number| answered.contains(&page(*number)))
                .count(),
            Self::List(urls) => {
                // What a record shows is the whole URL, or a URL that is not known by it.
                let urls = urls.as_slice().iter();
                urls.filter(|url| answered.contains(&***url) && !has_private_part(&parsed(url)))
                    .count()
            }
        }
    }

    fn take(&mut self, number: usize) -> Option<Job> {
        match self {
            Self::Pages { api, count } => {
                if number > *count {
                    return None;
                }
                let page = page(number);
                let mut target = api.clone();
                let base = api.path().trim_end_matches('/');
                target.set_path(&format!("{base}/api/crawl"));
                target.query_pairs_mut().clear().append_pair("url", &page);
                Some(Job::new(number, page, target))
            }
            Self::List(urls) => Some(Job::of(number, parsed(&urls.next()?))),
        }
    }
}

fn page(number: usize) -> String {
    format!("https://example.com/page{number}")
}

fn parsed(url: &str) -> Url {
    Url::parse(url).expect("the list was read as URLs")
}

/// A job's turn: the earliest due first, then the earliest numbered.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    due: Instant,
    job: Job,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.job.number).cmp(&(other.due, other.job.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Emits every URL once and every retry when it is due; completes when all have their final outcome.
///
/// Every URL without its final outcome is in one place: in the supply, waiting, or out on a lease.
#[derive(Debug)]
pub(crate) struct UrlSource {
    supply: Supply,
    next: usize,
    /// URLs that are left out: an earlier run has their answer.
    answered: HashSet<String>,
    unfinished: usize,
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// When the last of those that wait is due.
    last_due: Option<Instant>,
    /// Where the progress looks how many wait.
    tally: Tally,
    /// When the timer that is set goes off.
    wake: Option<Instant>,
    reports: UnboundedReceiver<Report>,
    /// What each lease reports to.
    sender: UnboundedSender<Report>,
}

impl UrlSource {
    pub(crate) fn new(supply: Supply, answered: HashSet<String>, tally: Tally) -> Self {
        let (sender, reports) = unbounded_channel();
        Self {
            next: 1,
            unfinished: supply.len() - supply.len_of(&answered),
            answered,
            supply,
            waiting: BinaryHeap::new(),
            last_due: None,
            tally,
            wake: None,
            reports,
            sender,
        }
    }

    /// Returns the next job that may run at `now`; retries that are due go first.
    fn take(&mut self, now: Instant) -> Option<Job> {
        if self.waiting.peek().is_some_and(|first| first.0.due <= now) {
            return self.waiting.pop().map(|first| first.0.job);
        }
        loop {
            let job = self.supply.take(self.next)?;
            self.next += 1;
            if job.is_hidden || !self.answered.contains(&job.subject) {
                return Some(job);
            }
        }
    }

    fn on_report(&mut self, report: Report, now: Instant) {
        let (due, job) = match report {
            Report::Settled => {
                debug_assert!(self.unfinished > 0, "a lease reports once");
                self.unfinished = self.unfinished.saturating_sub(1);
                return;
            }
            Report::Retry(job, wait) => {
                let back_off = || retry::back_off(job.tried, rand::random());
                (now + wait.unwrap_or_else(back_off), job)
            }
            Report::Lost(job, problem) => (now, job.lost_to(problem)),
        };
        self.last_due = self.last_due.max(Some(due));
        self.waiting.push(Reverse(Waiting { due, job }));
    }

    fn emit(&mut self, cx: &mut Context<Lease>) {
        let now = Instant::now();
        while let Ok(report) = self.reports.try_recv() {
            self.on_report(report, now);
        }
        while cx.demand() > 0 {
            let Some(job) = self.take(now) else { break };
            cx.emit(Lease::new(job, self.sender.clone()));
        }
        // They leave in the order they are due, so the last is there as long as any.
        self.last_due = self.last_due.filter(|_| !self.waiting.is_empty());
        self.tally.waiting(self.waiting.len(), self.last_due);
        if self.unfinished == 0 {
            cx.complete();
        }
        self.set_timer(now, cx);
    }

    /// Sets a timer for the first retry to come, unless one goes off by then. One that is due waits for demand alone.
    fn set_timer(&mut self, now: Instant, cx: &mut Context<Lease>) {
        let Some(due) = self.waiting.peek().map(|first| first.0.due) else {
            return;
        };
        if due > now && self.wake.is_none_or(|wake| due < wake) {
            self.wake = Some(due);
            cx.cast_after::<Self, _>(due - now, Wake);
        }
    }
}

impl Producer for UrlSource {
    type Out = Lease;

    async fn handle_demand(&mut self, _: usize, cx: &mut Context<Lease>) -> Result {
        self.emit(cx);
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Lease>) -> Poll<Result> {
        let Poll::Ready(Some(report)) = self.reports.poll_recv(task) else {
            return Poll::Pending;
        };
        self.on_report(report, Instant::now());
        self.emit(cx);
        Poll::Ready(Ok(()))
    }
}

impl Handler<Wake, Lease> for UrlSource {
    type Reply = ();

    async fn handle(&mut self, _: Wake, cx: &mut Context<Lease>) {
        self.wake = None;
        self.emit(cx);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use stage::{Demand, Stages, consumer_supervisor, producer};

    use super::*;
    use crate::model::Problem;

    fn pages(count: usize) -> UrlSource {
        let api = Url::parse("http://h:1/base/").unwrap();
        UrlSource::new(
            Supply::Pages { api, count },
            HashSet::new(),
            Tally::default(),
        )
    }

    #[test]
    fn every_url_comes_once_and_percent_encoded() {
        let (mut source, now) = (pages(100), Instant::now());
        let jobs: Vec<Job> = std::iter::from_fn(|| source.take(now)).collect();
        let distinct: HashSet<&str> = jobs.iter().map(|job| job.target.as_str()).collect();
        assert_eq!((jobs.len(), distinct.len()), (100, 100));
        assert_eq!(
            jobs[99].target.as_str(),
            "http://h:1/base/api/crawl?url=https%3A%2F%2Fexample.com%2Fpage100"
        );
    }

    #[test]
    fn a_retry_comes_when_it_is_due_and_not_before() {
        let (mut source, now) = (pages(1), Instant::now());
        let job = source.take(now).unwrap().again();
        let due = now + Duration::from_secs(1);
        source.waiting.push(Reverse(Waiting { due, job }));
        assert!(source.take(now).is_none());
        assert_eq!(source.take(due).unwrap().tried, 1);
    }

    #[test]
    fn what_has_its_answer_is_left_out() {
        let urls = ["http://h/a", "http://ann@h/b", "http://h/c"];
        let urls = urls.map(Arc::from).to_vec();
        let answered = ["http://h/a", "http://h/b"].map(str::to_owned).into();
        let mut source = UrlSource::new(Supply::List(urls.into_iter()), answered, Tally::default());
        let numbers: Vec<usize> = std::iter::from_fn(|| source.take(Instant::now()))
            .map(|job| job.number)
            .collect();
        assert_eq!((numbers, source.unfinished), (vec![2, 3], 2));
    }

    #[test]
    fn a_retry_waits_as_long_as_the_server_asked() {
        let (mut source, now) = (pages(1), Instant::now());
        let job = source.take(now).unwrap().again();
        let wait = Duration::from_secs(100);
        source.on_report(Report::Retry(job, Some(wait)), now);
        assert!(source.take(now + wait / 2).is_none());
        assert!(source.take(now + wait).is_some());
    }

    /// Runs `count` URLs with two slots, `first` deciding what the first child of each does; returns why each job that
    /// came again had been lost.
    async fn run_to_the_end(count: usize, first: fn(&Stages, &Job)) -> Vec<Option<Problem>> {
        let stages = Stages::new();
        let urls = producer(pages(count)).within(&stages).spawn().unwrap();
        let again = Arc::new(Mutex::new(Vec::new()));
        let (seen, group) = (Arc::clone(&again), stages.clone());
        let fetchers = consumer_supervisor(move |lease: Lease| {
            let (seen, group) = (Arc::clone(&seen), group.clone());
            async move {
                if lease.job().tried > 0 {
                    seen.lock().unwrap().push(lease.job().lost);
                } else {
                    // The supervisor has named the child by the time it goes on.
                    tokio::task::yield_now().await;
                    first(&group, lease.job());
                    tokio::task::yield_now().await;
                }
                lease.settle();
                Ok(())
            }
        })
        .name_children(|lease: &Lease| lease.job().child_name())
        .within(&stages)
        .subscribe_to(&urls, Demand::new(2, 1).unwrap())
        .spawn()
        .unwrap();
        let both = async { tokio::join!(urls.join(), fetchers.join()) };
        tokio::time::timeout(Duration::from_secs(10), both)
            .await
            .expect("the crawl ends");
        std::mem::take(&mut *again.lock().unwrap())
    }

    #[tokio::test]
    async fn a_child_that_panics_gives_its_job_back_and_the_crawl_ends() {
        let again = run_to_the_end(5, |_, _| panic!("on purpose")).await;
        assert_eq!(again, [Some(Problem::Panicked); 5]);
    }

    #[tokio::test]
    async fn a_child_aborted_by_its_name_gives_its_job_back_and_the_crawl_ends() {
        let abort = |stages: &Stages, job: &Job| {
            stages.registry().child(&job.child_name()).unwrap().abort();
        };
        let again = run_to_the_end(5, abort).await;
        assert_eq!(again, [Some(Problem::Aborted); 5]);
    }
}
