//! One URL's child: it fetches, and says what came of it.

use tokio::sync::mpsc;

use super::{Lease, fetch};
use crate::model::Outcome;
use crate::policy::retry;
use crate::tally::Tally;

/// What all children share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) client: reqwest::Client,
    pub(crate) tally: Tally,
    pub(crate) results: mpsc::Sender<Outcome>,
    pub(crate) retries: u32,
}

/// Fetches one job and tells the writer, the counts and the source, in this order: what is counted is with the writer.
pub(crate) async fn child(shared: Shared, lease: Lease) -> stage::Result {
    let job = lease.job();
    let mut in_flight = None;
    let outcome = match job.lost {
        Some(problem) if !retry::is_due(problem, job.tried, shared.retries) => {
            Outcome::lost(job, problem)
        }
        _ => {
            in_flight = Some(shared.tally.begin(&job.target));
            fetch(&shared.client, job).await
        }
    };
    if outcome.status.is_some() {
        shared.tally.answered();
    }
    match outcome.problem {
        Some(problem) if retry::is_due(problem, outcome.attempts, shared.retries) => {
            lease.retry(outcome.retry_after);
        }
        problem => {
            let failure = problem.map(|problem| (problem, outcome.what_and_where()));
            let status = outcome.status;
            // The crawl ends for a writer that has ended; what it did not take counts as left.
            if shared.results.send(outcome).await.is_ok() {
                match failure {
                    Some((problem, told)) => shared.tally.failed(problem, told),
                    None => shared.tally.fetched(status.unwrap_or_default()),
                }
            }
            lease.settle();
        }
    }
    drop(in_flight);
    Ok(())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::{Job, Problem};
    use crate::stages::Report;

    /// Runs a child for a job whose last try was lost, and returns the record, the failures and the report.
    async fn after_loss(problem: Problem, tries: u32) -> (Outcome, usize, Report) {
        let (results, mut records) = mpsc::channel(1);
        let (sender, mut reports) = mpsc::unbounded_channel();
        let shared = Shared {
            client: reqwest::Client::new(),
            tally: Tally::default(),
            results,
            retries: 1,
        };
        let target = Url::parse("http://h/").unwrap();
        let mut job = Job::new(1, target.to_string(), target);
        for _ in 0..tries {
            job = job.again().lost_to(problem);
        }
        let tally = shared.tally.clone();
        child(shared, Lease::new(job, sender)).await.unwrap();
        let report = reports.try_recv().unwrap();
        (records.try_recv().unwrap(), tally.counts().failed, report)
    }

    #[tokio::test]
    async fn a_url_whose_child_panicked_fails_with_that_class() {
        let (record, failed, report) = after_loss(Problem::Panicked, 1).await;
        assert_eq!(record.error.as_deref(), Some("panic"));
        assert_eq!((record.attempts, failed, report), (1, 1, Report::Settled));
    }

    #[tokio::test]
    async fn a_url_aborted_once_more_than_its_retries_fails_with_that_class() {
        let (record, failed, report) = after_loss(Problem::Aborted, 2).await;
        assert_eq!(record.error.as_deref(), Some("aborted"));
        assert_eq!((record.attempts, failed, report), (2, 1, Report::Settled));
    }
}
