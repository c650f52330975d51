//! The wiring: which URLs, the two stages, who watches them, and how they end. All else is in a module of its own.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use stage::{Demand, ProducerHandle, Stages, consumer_supervisor, producer};
use tokio::sync::mpsc;

use crate::api::{self, Api};
use crate::cli::Flags;
use crate::model::{Outcome, UrlList};
use crate::output::{self, Written};
use crate::policy::retry;
use crate::progress;
use crate::say::say;
use crate::setup;
use crate::stages::{Lease, Supply, UrlSource, client, fetch};
use crate::summary::Summary;
use crate::tally::{Ended, Tally};

/// How long running requests may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);
/// How long the writer may take to finish after an abort.
const WRITER_GRACE: Duration = Duration::from_secs(2);

/// What all children share.
#[derive(Debug, Clone)]
struct Shared {
    client: reqwest::Client,
    tally: Tally,
    results: mpsc::Sender<Outcome>,
    retries: u32,
}

/// Runs the crawl and returns the exit code.
pub(crate) async fn run(flags: &Flags) -> anyhow::Result<u8> {
    let start = Instant::now();
    let list = flags.urls.as_deref().map(setup::read_list).transpose()?;
    let api = match &list {
        None => Some(api::find(flags.api_url()?.as_ref()).await?),
        Some(_) => None,
    };
    if let Some(api) = api.as_ref().filter(|_| !flags.quiet) {
        say(&api.line);
    }
    let has_own_api = api.as_ref().is_some_and(|api| api.own.is_some());
    let concurrency = setup::concurrency(flags.concurrency.get(), has_own_api);
    let (results, written) = output::start(output::open(flags)?)?;
    let (mut duplicates, mut rejected) = (0, 0);
    let supply = match list {
        Some(list) => {
            (duplicates, rejected) = (list.duplicates, list.rejected.len());
            report_rejected(&list, &results).await;
            Supply::List(list.urls.into_iter())
        }
        None => pages(flags, api.as_ref())?,
    };
    let (total, tally) = (supply.len(), Tally::default());
    let (edges, is_written) = crawl(flags, supply, concurrency, &tally, (results, written)).await?;
    let summary = Summary {
        total,
        counts: tally.counts(),
        duplicates,
        rejected,
        elapsed: start.elapsed(),
        edges,
        is_written,
    };
    if !flags.quiet {
        say(&summary);
    }
    end_api(api, flags.quiet).await;
    Ok(summary.exit_code())
}

/// Runs the two stages to their end; returns the edges, and whether all results were written.
async fn crawl(
    flags: &Flags,
    supply: Supply,
    concurrency: usize,
    tally: &Tally,
    (results, mut written): (mpsc::Sender<Outcome>, Written),
) -> anyhow::Result<(Vec<stage::EdgeStats>, bool)> {
    let (total, stages) = (supply.len(), Stages::new());
    let urls = producer(UrlSource::new(supply))
        .named("urls")
        .within(&stages)
        .spawn()?;
    let shared = Shared {
        client: client(flags.timeout, concurrency).context("cannot set up the HTTP client")?,
        tally: tally.clone(),
        results,
        retries: flags.retries,
    };
    let fetchers = consumer_supervisor(move |lease: Lease| child(shared.clone(), lease))
        .name_children(|lease: &Lease| lease.job().child_name())
        .named("fetchers")
        .within(&stages)
        .subscribe_to(&urls, Demand::new(concurrency, concurrency - 1)?)
        .spawn()?;
    let ended = async { tokio::join!(fetchers.join(), urls.join()) };
    tokio::pin!(ended);
    let mut early = None;
    let is_interrupted = tokio::select! {
        biased;
        _ = &mut ended => false,
        () = progress::show(tally.clone(), total, flags.quiet) => false,
        result = &mut written => {
            early = result.ok();
            urls.abort();
            fetchers.abort();
            ended.await;
            false
        }
        _ = tokio::signal::ctrl_c() => {
            interrupt(&stages, &urls, &fetchers).await;
            ended.await;
            true
        }
    };
    let result = match early {
        Some(result) => Some(result),
        None => wait_for(written, is_interrupted).await,
    };
    Ok((fetchers.edges(), report_written(result)))
}

/// Fetches one job and tells the writer, the counts and the source, in this order: what is counted is with the writer.
async fn child(shared: Shared, lease: Lease) -> stage::Result {
    let job = lease.job();
    let outcome = match job.lost {
        Some(problem) if !retry::is_due(problem, job.tried, shared.retries) => {
            Outcome::lost(job, problem)
        }
        _ => {
            shared.tally.begin(&job.target);
            fetch(&shared.client, job).await
        }
    };
    match outcome.problem {
        Some(problem) if retry::is_due(problem, outcome.attempts, shared.retries) => {
            shared.tally.end(Ended::Retried);
            lease.retry(outcome.retry_after);
        }
        problem => {
            // The crawl ends for a writer that has ended; what it did not take counts as left.
            if shared.results.send(outcome).await.is_ok() {
                let ended = problem.map_or(Ended::Fetched, |_| Ended::Failed);
                shared.tally.end(ended);
            }
            lease.settle();
        }
    }
    Ok(())
}

/// Lets running requests finish; a second Ctrl-C ends them.
async fn interrupt<S>(
    stages: &Stages,
    urls: &ProducerHandle<UrlSource>,
    fetchers: &stage::ConsumerHandle<S>,
) where
    S: stage::Consumer,
{
    say("crawler: finishing what is in flight; Ctrl-C again to abort");
    tokio::select! {
        _ = stages.drain(GRACE) => {}
        _ = tokio::signal::ctrl_c() => {
            urls.abort();
            fetchers.abort();
        }
    }
}

/// Waits for the last results to be written: as long as it takes, or a moment after Ctrl-C.
async fn wait_for(written: Written, is_interrupted: bool) -> Option<std::io::Result<()>> {
    let in_a_moment = async {
        if !is_interrupted {
            // A handler that can't be set leaves the writer its time.
            let _no_handler = tokio::signal::ctrl_c().await;
        }
        tokio::time::sleep(WRITER_GRACE).await;
    };
    tokio::select! {
        result = written => result.ok(),
        () = in_a_moment => None,
    }
}

fn report_written(result: Option<std::io::Result<()>>) -> bool {
    match result {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            say(format!("crawler: {}", output::explain(&error)));
            false
        }
        None => {
            say("crawler: the last results may be missing: their reader does not take them");
            false
        }
    }
}

async fn report_rejected(list: &UrlList, results: &mpsc::Sender<Outcome>) {
    for line in &list.rejected {
        say(format!("crawler: {line}"));
        // A writer that has ended is reported when the crawl looks at it.
        let _writer_ended = results.send(Outcome::rejected(line)).await;
    }
}

fn pages(flags: &Flags, api: Option<&Api>) -> anyhow::Result<Supply> {
    Ok(Supply::Pages {
        api: api.context("there is no API to ask")?.url.clone(),
        count: flags.count.get(),
    })
}

async fn end_api(api: Option<Api>, is_quiet: bool) {
    let Some(server) = api.and_then(|api| api.own) else {
        return;
    };
    let stats = server.stats();
    if !is_quiet {
        say(format!(
            "the API saw {} requests of {} distinct URLs, at most {} at once",
            stats.requests, stats.distinct, stats.max_in_flight
        ));
    }
    // Its answers may still be slow after an abort; nobody waits for them.
    let _still_answering = tokio::time::timeout(WRITER_GRACE, server.stop()).await;
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::{Job, Problem};
    use crate::stages::Report;

    /// Runs a child for a job whose last try was lost, and returns the record, the counts and the report.
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
