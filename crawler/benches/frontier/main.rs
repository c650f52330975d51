//! Pages a CPU-second through the frontier: claims and settles in batches of 100, over 2,000 sites, with 20 links a
//! page of which 90 % are known. SQLite has one process; in PostgreSQL four nodes share the crawl, and the same is done
//! by a bare loop of statements, which decides nothing and is what the engine is measured by.
//!
//! `cargo bench -p crawler` takes some minutes, `cargo bench -p crawler -- quick` some seconds; a number is that of the
//! pages, and with `sqlite` or `postgres` it is that engine alone. CPU is that of the whole process and of the server,
//! the making of the links with it. Compare the ratios to the first line of one engine in one run. With `large` it is
//! the claims of a crawl that has grown large, in PostgreSQL; to fill it takes some minutes and 4 GB. With `growth` it is
//! what a claim and a settle cost as the queue in a file grows to a million URLs.

mod bare;

mod cpu;

mod growth;

mod large;

mod web;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crawler::frontier::{Frontier, Job, Lease, Next, Outcome, PostgresOptions, SqliteOptions};
use tests::Postgres;

use cpu::cpu_time;
use web::Web;

const SITES: usize = 2_000;
const BATCH: usize = 100;
const LINKS: usize = 20;
const NEW_LINKS: usize = 2;
/// Nodes that share a crawl in PostgreSQL.
const NODES: usize = 4;

/// URLs of a crawl.
const FULL: usize = 200_000;
const QUICK: usize = 10_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let is_given = |word: &str| arguments.iter().any(|argument| argument == word);
    // `cargo test --all-targets` runs this too, but says nothing of a bench.
    if !is_given("--bench") {
        return ExitCode::SUCCESS;
    }
    if is_given("large") {
        return told(alone(large::run()));
    }
    if is_given("growth") {
        return told(alone(growth::run()));
    }
    let number = arguments.iter().find_map(|argument| argument.parse().ok());
    let pages = number.unwrap_or(if is_given("quick") { QUICK } else { FULL });
    println!("{pages} pages of {SITES} sites, {LINKS} links each, {NEW_LINKS} of them new");
    let ran = || {
        if !is_given("postgres") {
            sqlite(pages)?;
        }
        if !is_given("sqlite") {
            postgres(pages)?;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    told(ran())
}

fn told(ran: Result<()>) -> ExitCode {
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn alone(bench: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(bench)
}

fn sqlite(pages: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut table = Table::new("SQLite", pages);
    for (name, known_max, is_file) in [
        ("in a file, no cache", 0, true),
        ("in a file, 500,000 cached", 500_000, true),
        ("in memory, no cache", 0, false),
        ("in memory, 500,000 cached", 500_000, false),
    ] {
        let options = SqliteOptions::default().known_max(known_max);
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("crawl.db");
        let spent = runtime.block_on(async {
            let frontier: Arc<dyn Frontier> = if is_file {
                Arc::new(options.create(&path, Job::default()).await?)
            } else {
                Arc::new(options.in_memory(Job::default()).await?)
            };
            crawl(vec![frontier], pages, None).await
        })?;
        table.line(name, spent);
    }
    Ok(())
}

fn postgres(pages: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = Postgres::start();
    let id = Some(server.id());
    let mut table = Table::new("PostgreSQL, four nodes", pages);
    let spent = runtime.block_on(bare::crawl(&server.url(), pages, server.id()))?;
    table.line("bare statements, no cache", spent);
    for (name, known_max) in [("no cache", 0), ("500,000 cached", 500_000)] {
        let options = PostgresOptions::new(&server.url(), &format!("cache-{known_max}"))?;
        let options = options.known_max(known_max);
        let spent = runtime.block_on(async {
            let mut nodes: Vec<Arc<dyn Frontier>> =
                vec![Arc::new(options.create(Job::default()).await?)];
            while nodes.len() < NODES {
                nodes.push(Arc::new(options.open().await?));
            }
            crawl(nodes, pages, id).await
        })?;
        table.line(name, spent);
    }
    Ok(())
}

/// What a crawl took: by the wall, and of the processor.
#[derive(Debug, Clone, Copy)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

/// Prints lines of one engine, each with its ratio to the first.
struct Table {
    pages: usize,
    baseline: Option<f64>,
}

impl Table {
    fn new(title: &str, pages: usize) -> Self {
        println!(
            "{title:<28} {:>12} {:>14} {:>7}",
            "pages/s", "pages/CPU-s", "ratio"
        );
        Self {
            pages,
            baseline: None,
        }
    }

    fn line(&mut self, name: &str, spent: Spent) {
        let pages = f64::from(u32::try_from(self.pages).unwrap_or(u32::MAX));
        let rate = |span: Duration| pages / span.as_secs_f64().max(f64::MIN_POSITIVE);
        let baseline = *self.baseline.get_or_insert(rate(spent.cpu));
        let ratio = rate(spent.cpu) / baseline;
        println!(
            "{name:<28} {:>12.0} {:>14.0} {ratio:>7.2}",
            rate(spent.wall),
            rate(spent.cpu)
        );
    }
}

/// Lets nodes crawl until nothing is left, and returns what it took.
async fn crawl(nodes: Vec<Arc<dyn Frontier>>, pages: usize, server: Option<u32>) -> Result<Spent> {
    let web = Arc::new(Mutex::new(Web::new(pages)));
    let seeds = lock(&web).seeds();
    nodes[0].add(seeds).await?;
    nodes[0].seeded().await?;
    let (began, cpu) = (Instant::now(), cpu_time(server));
    let work = nodes.iter().map(|node| work(&**node, &web));
    let done = futures::future::try_join_all(work).await?;
    let spent = Spent {
        wall: began.elapsed(),
        cpu: cpu_time(server) - cpu,
    };
    assert_eq!(
        done.iter().sum::<usize>(),
        pages,
        "each page is fetched once"
    );
    for node in nodes {
        node.close().await?;
    }
    Ok(spent)
}

/// Crawls as one node, and returns how many pages it fetched.
async fn work(frontier: &dyn Frontier, web: &Mutex<Web>) -> Result<usize> {
    let mut done = 0;
    loop {
        let claims = frontier.claim(BATCH).await?;
        match claims.next {
            Next::Done if claims.leases.is_empty() => return Ok(done),
            Next::After(wait) if claims.leases.is_empty() => {
                let changed = frontier.changed(claims.round);
                let _changed = tokio::time::timeout(wait, changed).await;
                continue;
            }
            _ => {}
        }
        done += claims.leases.len();
        let outcomes = {
            let mut web = lock(web);
            let outcomes = claims.leases.into_iter().map(|lease| web.fetch(lease));
            outcomes.collect()
        };
        frontier.settle(outcomes, vec![]).await?;
    }
}

/// Claims and settles batches of which all is due, and returns how long each claim and each settle took.
async fn timed(
    frontier: &dyn Frontier,
    rounds: usize,
    mut fetch: impl FnMut(Lease) -> Outcome,
) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut claims, mut settles) = (Vec::new(), Vec::new());
    for _round in 0..rounds {
        let began = Instant::now();
        let leases = frontier.claim(BATCH).await?.leases;
        claims.push(began.elapsed());
        assert_eq!(leases.len(), BATCH, "all are due");
        let outcomes = leases.into_iter().map(&mut fetch).collect();
        let began = Instant::now();
        frontier.settle(outcomes, vec![]).await?;
        settles.push(began.elapsed());
    }
    Ok((claims, settles))
}

fn lock(web: &Mutex<Web>) -> std::sync::MutexGuard<'_, Web> {
    web.lock().unwrap_or_else(PoisonError::into_inner)
}
