//! The wiring: which URLs, the two stages, who watches them, and how they end. All else is in a module of its own.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use stage::{
    Consumer, ConsumerHandle, Demand, EdgeStats, ProducerHandle, Stages, consumer_supervisor,
    producer,
};
use tokio::sync::mpsc;

use crate::api::{self, Api};
use crate::cli::Flags;
use crate::interrupt::Interrupts;
use crate::model::{Outcome, UrlList};
use crate::output::{self, Written};
use crate::progress::{self, Phase};
use crate::say::say;
use crate::setup;
use crate::stages::{Lease, Shared, Supply, UrlSource, child, client};
use crate::summary::Summary;
use crate::tally::Tally;

/// How long running requests may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);
/// How long the writer may take to finish after an abort.
const WRITER_GRACE: Duration = Duration::from_secs(2);
/// Lines without a URL that are told one by one.
const REJECTED_TOLD: usize = 10;

/// What there is to do.
struct Work {
    supply: Supply,
    answered: HashSet<String>,
    /// URLs to fetch in this run.
    total: usize,
    concurrency: usize,
}

/// Runs the crawl and returns the exit code.
pub(crate) async fn run(flags: &Flags) -> anyhow::Result<u8> {
    let start = Instant::now();
    let list = flags.urls.as_deref().map(setup::read_list).transpose()?;
    let named = flags.api_url()?;
    let output = output::open(flags)?;
    let api = match &list {
        None => Some(api::find(named.as_ref()).await?),
        Some(_) => None,
    };
    if let Some(api) = api.as_ref().filter(|_| !flags.quiet) {
        say(&api.line);
    }
    let has_own_api = api.as_ref().is_some_and(|api| api.own.is_some());
    let concurrency = setup::concurrency(flags.concurrency.get(), has_own_api);
    let (results, written) = output::start(output.sinks)?;
    let (mut duplicates, mut rejected) = (0, 0);
    let supply = match list {
        Some(list) => {
            (duplicates, rejected) = (list.duplicates, list.rejected.len());
            report_rejected(&list, &results).await;
            Supply::List(list.urls.into_iter())
        }
        None => pages(flags, api.as_ref())?,
    };
    let earlier = supply.len_of(&output.answered);
    let work = Work {
        total: supply.len() - earlier,
        supply,
        answered: output.answered,
        concurrency,
    };
    let (total, tally) = (work.total, Tally::default());
    let (edges, is_written) = crawl(flags, work, &tally, (results, written)).await?;
    let summary = Summary {
        total,
        counts: tally.counts(),
        statuses: tally.statuses(),
        failures: tally.failures(),
        earlier,
        duplicates,
        rejected,
        elapsed: start.elapsed(),
        edges,
        is_written,
        is_resumable: flags.output_file().is_some(),
    };
    if !flags.quiet {
        say(&summary);
        report_api(api.as_ref());
    }
    summary.troubles().iter().for_each(say);
    Ok(summary.exit_code())
}

/// Runs the two stages to their end; returns the edges, and whether all results were written.
async fn crawl(
    flags: &Flags,
    work: Work,
    tally: &Tally,
    (results, mut written): (mpsc::Sender<Outcome>, Written),
) -> anyhow::Result<(Vec<EdgeStats>, bool)> {
    let mut interrupts = Interrupts::listen().context("cannot listen for Ctrl-C")?;
    let stages = Stages::new();
    let urls = producer(UrlSource::new(work.supply, work.answered, tally.clone()))
        .named("urls")
        .within(&stages)
        .spawn()?;
    let shared = Shared {
        client: client(flags.timeout, work.concurrency).context("cannot set up the HTTP client")?,
        tally: tally.clone(),
        results,
        retries: flags.retries,
    };
    let fetchers = consumer_supervisor(move |lease: Lease| child(shared.clone(), lease))
        .name_children(|lease: &Lease| lease.job().child_name())
        .named("fetchers")
        .within(&stages)
        .subscribe_to(&urls, Demand::new(work.concurrency, work.concurrency - 1)?)
        .spawn()?;
    let ended = async { tokio::join!(fetchers.join(), urls.join()) };
    tokio::pin!(ended);
    let mut early = None;
    let is_interrupted = tokio::select! {
        biased;
        _ = &mut ended => false,
        () = progress::show(tally.clone(), work.total, Phase::Fetching, flags.quiet) => false,
        result = &mut written => {
            early = result.ok();
            urls.abort();
            fetchers.abort();
            ended.await;
            false
        }
        () = interrupts.next() => {
            say(format!(
                "crawler: finishing the {} in flight, for {} s at most; Ctrl-C again to abort",
                tally.counts().in_flight,
                GRACE.as_secs()
            ));
            tokio::select! {
                () = interrupt(&stages, &urls, &fetchers, &mut interrupts) => {}
                () = progress::show(tally.clone(), work.total, Phase::Draining, flags.quiet) => {}
            }
            ended.await;
            true
        }
    };
    let result = match early {
        Some(result) => Some(result),
        None => wait_for(written, is_interrupted, &mut interrupts).await,
    };
    Ok((fetchers.edges(), report_written(result)))
}

/// Lets running requests finish; a second Ctrl-C ends them.
async fn interrupt<S: Consumer>(
    stages: &Stages,
    urls: &ProducerHandle<UrlSource>,
    fetchers: &ConsumerHandle<S>,
    interrupts: &mut Interrupts,
) {
    tokio::select! {
        _ = stages.drain(GRACE) => {}
        () = interrupts.next() => {
            urls.abort();
            fetchers.abort();
        }
    }
}

/// Waits for the last results to be written: as long as it takes, or a moment after Ctrl-C.
async fn wait_for(
    written: Written,
    is_interrupted: bool,
    interrupts: &mut Interrupts,
) -> Option<std::io::Result<()>> {
    let in_a_moment = async {
        if !is_interrupted {
            interrupts.next().await;
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
    for (index, line) in list.rejected.iter().enumerate() {
        if index < REJECTED_TOLD {
            say(format!("crawler: {line}"));
        }
        // A writer that has ended is reported when the crawl looks at it.
        let _writer_ended = results.send(Outcome::rejected(line)).await;
    }
    let untold = list.rejected.len().saturating_sub(REJECTED_TOLD);
    if untold > 0 {
        say(format!(
            "crawler: {untold} more lines hold no URL; --json and -o name them all"
        ));
    }
}

fn pages(flags: &Flags, api: Option<&Api>) -> anyhow::Result<Supply> {
    Ok(Supply::Pages {
        api: api.context("there is no API to ask")?.url.clone(),
        count: flags.count.get(),
    })
}

fn report_api(api: Option<&Api>) {
    if let Some(server) = api.and_then(|api| api.own.as_ref()) {
        let stats = server.stats();
        say(format!(
            "the API saw {} requests of {} distinct URLs, at most {} at once",
            stats.requests, stats.distinct, stats.max_in_flight
        ));
    }
}
