//! The producer of URLs: each once, on demand. It takes back what is to be tried again, so that a job that waits
//! holds no slot.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use stage::{Context, Handler, Producer, Result};
use url::Url;

use crate::model::{Job, shown};
use crate::policy::retry;

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It has its final outcome.
    Done,
    /// It is to be tried again after a back-off.
    Retry(Job),
}

/// A back-off is over.
#[derive(Debug)]
struct Wake;

/// Where the URLs come from.
#[derive(Debug)]
pub(crate) enum Supply {
    /// Pages 1 to `count` asked of a slow API.
    Pages { api: Url, count: usize },
    /// A list that holds each URL once.
    List(std::vec::IntoIter<Url>),
}

impl Supply {
    /// Returns how many URLs there are before the first is taken.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Pages { count, .. } => *count,
            Self::List(urls) => urls.len(),
        }
    }

    fn take(&mut self, number: usize) -> Option<Job> {
        let (subject, target) = match self {
            Self::Pages { api, count } => {
                if number > *count {
                    return None;
                }
                let page = format!("https://example.com/page{number}");
                let mut target = api.clone();
                let base = api.path().trim_end_matches('/');
                target.set_path(&format!("{base}/api/crawl"));
                target.query_pairs_mut().clear().append_pair("url", &page);
                (page, target)
            }
            Self::List(urls) => {
                let url = urls.next()?;
                (shown(&url), url)
            }
        };
        Some(Job {
            number,
            tried: 0,
            subject,
            target,
        })
    }
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
#[derive(Debug)]
pub(crate) struct UrlSource {
    supply: Supply,
    next: usize,
    unfinished: usize,
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// When the timer that is set goes off.
    wake: Option<Instant>,
}

impl UrlSource {
    pub(crate) fn new(supply: Supply) -> Self {
        Self {
            next: 1,
            unfinished: supply.len(),
            supply,
            waiting: BinaryHeap::new(),
            wake: None,
        }
    }

    /// Returns the next job that may run at `now`; retries that are due go first.
    fn take(&mut self, now: Instant) -> Option<Job> {
        if self.waiting.peek().is_some_and(|first| first.0.due <= now) {
            return self.waiting.pop().map(|first| first.0.job);
        }
        let job = self.supply.take(self.next)?;
        self.next += 1;
        Some(job)
    }

    fn emit(&mut self, cx: &mut Context<Job>) {
        let now = Instant::now();
        while cx.demand() > 0 {
            let Some(job) = self.take(now) else { break };
            cx.emit(job);
        }
        if self.unfinished == 0 {
            cx.complete();
        }
        self.set_timer(now, cx);
    }

    /// Sets a timer for the first retry to come, unless one goes off by then. One that is due waits for demand alone.
    fn set_timer(&mut self, now: Instant, cx: &mut Context<Job>) {
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
    type Out = Job;

    async fn handle_demand(&mut self, _: usize, cx: &mut Context<Job>) -> Result {
        self.emit(cx);
        Ok(())
    }
}

impl Handler<Finished, Job> for UrlSource {
    type Reply = ();

    async fn handle(&mut self, message: Finished, cx: &mut Context<Job>) {
        match message {
            Finished::Done => self.unfinished = self.unfinished.saturating_sub(1),
            Finished::Retry(job) => {
                let due = Instant::now() + retry::back_off(job.tried, rand::random());
                self.waiting.push(Reverse(Waiting { due, job }));
            }
        }
        self.emit(cx);
    }
}

impl Handler<Wake, Job> for UrlSource {
    type Reply = ();

    async fn handle(&mut self, _: Wake, cx: &mut Context<Job>) {
        self.wake = None;
        self.emit(cx);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    fn pages(count: usize) -> UrlSource {
        let api = Url::parse("http://h:1/base/").unwrap();
        UrlSource::new(Supply::Pages { api, count })
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
}
