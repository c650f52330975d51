//! A job on its way through the stages. Whatever becomes of it, its source hears of it exactly once: also when its
//! child panics, is aborted by its name, or never starts.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::model::{Job, Problem};

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It has its final outcome.
    Settled,
    /// It is to be tried again: when the server said, or after a back-off.
    Retry(Job, Option<Duration>),
    /// Its child ended without a word, for this reason.
    Lost(Job, Problem),
}

/// A job on loan from its source; dropping it says that it was lost.
#[derive(Debug)]
pub(crate) struct Lease {
    job: Job,
    /// Taken by the one report.
    reports: Option<UnboundedSender<Report>>,
}

impl Lease {
    pub(crate) const fn new(job: Job, reports: UnboundedSender<Report>) -> Self {
        Self {
            job,
            reports: Some(reports),
        }
    }

    pub(crate) const fn job(&self) -> &Job {
        &self.job
    }

    /// Says that the job has its final outcome.
    pub(crate) fn settle(mut self) {
        self.report(Report::Settled);
    }

    /// Gives the job back for its next try.
    pub(crate) fn retry(mut self, wait: Option<Duration>) {
        let job = self.job.clone().again();
        self.report(Report::Retry(job, wait));
    }

    fn report(&mut self, report: Report) {
        if let Some(reports) = self.reports.take() {
            // After Ctrl-C the source is gone, and nobody counts on it.
            let _source_drained = reports.send(report);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.reports.is_none() {
            return;
        }
        let problem = if std::thread::panicking() {
            Problem::Panicked
        } else {
            Problem::Aborted
        };
        let job = self.job.clone().again();
        self.report(Report::Lost(job, problem));
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;
    use url::Url;

    use super::*;

    fn job() -> Job {
        Job::new(1, "http://h/".to_owned(), Url::parse("http://h/").unwrap())
    }

    #[test]
    fn a_settled_lease_reports_once() {
        let (sender, mut reports) = unbounded_channel();
        Lease::new(job(), sender).settle();
        assert_eq!(reports.try_recv(), Ok(Report::Settled));
        assert!(reports.try_recv().is_err());
    }

    #[test]
    fn a_lease_that_is_dropped_gives_its_job_back_for_the_next_try() {
        let (sender, mut reports) = unbounded_channel();
        drop(Lease::new(job(), sender));
        assert_eq!(
            reports.try_recv(),
            Ok(Report::Lost(job().again(), Problem::Aborted))
        );
    }
}
