//! The wiring: which API, the two stages, Ctrl-C, and the summary.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use stage::{Demand, Exit, Stages, consumer_supervisor, producer};

use crate::cli::Flags;
use crate::fetch::{Outcome, fetch};
use crate::source::{Finished, Job, UrlSource};

/// How long running requests may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);
/// Descriptors that are not connections.
const DESCRIPTORS_KEPT: u64 = 64;

#[derive(Debug, Default)]
struct Totals {
    fetched: usize,
    failed: usize,
    retries: usize,
}

pub(crate) async fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let concurrency = clamp(flags.concurrency);
    let (api, own) = find_api(flags).await?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .user_agent(concat!("crawler/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(flags.timeout))
        .build()
        .context("cannot set up the HTTP client")?;
    let totals = Arc::new(Mutex::new(Totals::default()));
    let stages = Stages::new();
    let start = Instant::now();
    let urls = producer(UrlSource::new(flags.count.get()))
        .named("urls")
        .within(&stages)
        .spawn()?;
    let (source, counts, retries, json) =
        (urls.clone(), Arc::clone(&totals), flags.retries, flags.json);
    let fetchers = consumer_supervisor(move |job: Job| {
        let (client, api, source, counts) = (
            client.clone(),
            api.clone(),
            source.clone(),
            Arc::clone(&counts),
        );
        async move {
            let outcome = fetch(&client, &api, &job).await;
            source
                .call(settle(job, &outcome, retries, json, &counts)?)
                .await?;
            Ok(())
        }
    })
    .name_children(Job::page)
    .named("fetchers")
    .within(&stages)
    .subscribe_to(&urls, Demand::new(concurrency, concurrency - 1)?)
    .spawn()?;
    let exit = tokio::select! {
        exit = fetchers.join() => exit,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("crawler: finishing what is in flight; Ctrl-C again to abort");
            tokio::select! {
                _ = stages.drain(GRACE) => {}
                _ = tokio::signal::ctrl_c() => fetchers.abort(),
            }
            fetchers.join().await
        }
    };
    let totals = std::mem::take(&mut *totals.lock().unwrap_or_else(PoisonError::into_inner));
    if !flags.quiet {
        eprintln!(
            "{} fetched, {} failed, {} retries in {:.2} s",
            totals.fetched,
            totals.failed,
            totals.retries,
            start.elapsed().as_secs_f64()
        );
        for edge in fetchers.edges() {
            eprintln!(
                "{} → {}: asked {}, delivered {}",
                edge.from, edge.to, edge.asked, edge.delivered
            );
        }
    }
    if let Some(server) = own {
        let stats = server.stats();
        if !flags.quiet {
            eprintln!(
                "the API saw {} requests of {} distinct URLs, at most {} at once",
                stats.requests, stats.distinct, stats.max_in_flight
            );
        }
        server.stop().await;
    }
    let finished = totals.fetched + totals.failed;
    Ok(match exit {
        Exit::Completed if totals.failed == 0 => ExitCode::SUCCESS,
        _ if finished < flags.count.get() => ExitCode::from(3),
        _ => ExitCode::from(1),
    })
}

/// Counts an outcome, prints it when it is final, and says what its source is to hear.
fn settle(
    mut job: Job,
    outcome: &Outcome,
    retries: u32,
    json: bool,
    totals: &Mutex<Totals>,
) -> stage::Result<Finished> {
    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    if outcome.is_retried && job.attempt < retries {
        totals.retries += 1;
        job.attempt += 1;
        return Ok(Finished::Retry(job));
    }
    if outcome.is_retried {
        totals.failed += 1;
    } else {
        totals.fetched += 1;
    }
    if json {
        use std::io::Write;
        let line = serde_json::to_string(outcome)?;
        if writeln!(std::io::stdout(), "{line}").is_err() {
            eprintln!(
                "crawler: standard output is closed; {} is not printed",
                outcome.url
            );
        }
    }
    Ok(Finished::Done)
}

/// Raises the descriptor limit and lowers the concurrency to what it allows.
fn clamp(concurrency: NonZeroUsize) -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let most = usize::try_from(limit.saturating_sub(DESCRIPTORS_KEPT).max(1)).unwrap_or(usize::MAX);
    if concurrency.get() > most {
        eprintln!(
            "crawler: {limit} open files are allowed, so at most {most} requests run at once; raise it with ulimit -n"
        );
    }
    concurrency.get().min(most)
}

/// Finds the slow API, or starts one; its first line says which.
async fn find_api(flags: &Flags) -> anyhow::Result<(url::Url, Option<slow_api::Server>)> {
    if let Some(api) = &flags.api {
        anyhow::ensure!(
            matches!(api.scheme(), "http" | "https"),
            "--api: not an http URL"
        );
        return Ok((api.clone(), None));
    }
    let default = url::Url::parse("http://127.0.0.1:4000").context("the default API")?;
    let why = match reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build()?
        .get(default.join("healthz")?)
        .send()
        .await
    {
        Ok(answer) => {
            if answer
                .text()
                .await
                .is_ok_and(|body| body.contains("\"service\":\"slow-api\""))
            {
                eprintln!("using the slow API at {default}");
                return Ok((default, None));
            }
            "another service listens on port 4000 and is left alone"
        }
        Err(error) if error.is_connect() => "nothing listens on port 4000",
        Err(_) => "port 4000 does not answer as a slow API and is left alone",
    };
    let options = slow_api::Options {
        port: 0,
        ..slow_api::Options::default()
    };
    let server = slow_api::start(options).await?;
    eprintln!("{why}; started a slow API at {}", server.url());
    Ok((url::Url::parse(&server.url())?, Some(server)))
}
