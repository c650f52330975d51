//! The producer of URLs: generates each once, on demand, and takes back what has to be tried again.

use std::collections::VecDeque;
use std::time::Duration;

use stage::{Context, Handler, Producer, Result};

/// The longest wait before a retry.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// One URL to fetch.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) number: usize,
    pub(crate) attempt: u32,
}

impl Job {
    /// The page whose processing the API is asked for.
    pub(crate) fn page(&self) -> String {
        format!("https://example.com/page{}", self.number)
    }
}

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It has its final outcome.
    Done,
    /// It is to be tried again after a back-off, holding no slot meanwhile.
    Retry(Job),
}

/// A job's back-off is over.
#[derive(Debug)]
struct Ready(Job);

/// Numbers from 1 to `count`, each once; completes when every job is done.
#[derive(Debug)]
pub(crate) struct UrlSource {
    next: usize,
    count: usize,
    unfinished: usize,
    again: VecDeque<Job>,
}

impl UrlSource {
    pub(crate) const fn new(count: usize) -> Self {
        Self {
            next: 1,
            count,
            unfinished: count,
            again: VecDeque::new(),
        }
    }

    fn emit(&mut self, cx: &mut Context<Job>) {
        while cx.demand() > 0 {
            if let Some(job) = self.again.pop_front() {
                cx.emit(job);
            } else if self.next <= self.count {
                cx.emit(Job {
                    number: self.next,
                    attempt: 0,
                });
                self.next += 1;
            } else {
                return;
            }
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
            Finished::Done => {
                self.unfinished -= 1;
                if self.unfinished == 0 {
                    cx.complete();
                }
            }
            Finished::Retry(job) => {
                cx.cast_after::<Self, _>(backoff(job.attempt), Ready(job));
            }
        }
    }
}

impl Handler<Ready, Job> for UrlSource {
    type Reply = ();

    async fn handle(&mut self, message: Ready, cx: &mut Context<Job>) {
        self.again.push_back(message.0);
        self.emit(cx);
    }
}

/// 1 s, 2 s, 4 s … up to a minute.
fn backoff(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(6);
    Duration::from_secs(1 << doublings).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_a_minute() {
        let seconds: Vec<u64> = [1, 2, 3, 7, 90].map(|n| backoff(n).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 60, 60]);
    }
}
