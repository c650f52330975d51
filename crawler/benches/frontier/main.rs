//! Pages a CPU-second through the frontier: claims and settles in batches of 100, over 2,000 sites, with 20 links a
//! page of which 90 % are known.
//!
//! `cargo bench -p crawler` takes about a minute, `cargo bench -p crawler -- quick` a few seconds. CPU is that of the
//! whole process, the making of the links with it. Compare the ratios to the first line of one run.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crawler::frontier::{
    Fate, Frontier, Job, Lease, NewUrl, Next, Outcome, Record, Site, SqliteOptions,
};

const SITES: usize = 2_000;
const BATCH: usize = 100;
const LINKS: usize = 20;
const NEW_LINKS: usize = 2;

/// URLs of a crawl.
const FULL: usize = 200_000;
const QUICK: usize = 10_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --all-targets` runs this too, but says nothing of a bench.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let is_quick = arguments.iter().any(|argument| argument == "quick");
    match run(if is_quick { QUICK } else { FULL }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(pages: usize) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    println!("{pages} pages of {SITES} sites, {LINKS} links each, {NEW_LINKS} of them new");
    println!(
        "{:<28} {:>12} {:>14} {:>7}",
        "", "pages/s", "pages/CPU-s", "ratio"
    );
    let mut baseline = None;
    for (name, known_max, is_file) in [
        ("in a file, no cache", 0, true),
        ("in a file, 500,000 cached", 500_000, true),
        ("in memory, no cache", 0, false),
        ("in memory, 500,000 cached", 500_000, false),
    ] {
        let options = SqliteOptions::default().known_max(known_max);
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("crawl.db");
        let (wall, cpu) = runtime.block_on(async {
            let frontier: Arc<dyn Frontier> = if is_file {
                Arc::new(options.create(&path, Job::default()).await?)
            } else {
                Arc::new(options.in_memory(Job::default()).await?)
            };
            let spent = crawl(&*frontier, pages).await?;
            frontier.close().await?;
            Ok::<_, Box<dyn Error>>(spent)
        })?;
        let rate = |span: Duration| {
            let pages = f64::from(u32::try_from(pages).unwrap_or(u32::MAX));
            pages / span.as_secs_f64().max(f64::MIN_POSITIVE)
        };
        let baseline = *baseline.get_or_insert(rate(cpu));
        let ratio = rate(cpu) / baseline;
        println!(
            "{name:<28} {:>12.0} {:>14.0} {ratio:>7.2}",
            rate(wall),
            rate(cpu)
        );
    }
    Ok(())
}

/// Crawls until nothing is left, and returns what it took: by the wall, and of the processor.
async fn crawl(
    frontier: &dyn Frontier,
    pages: usize,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let mut web = Web::new(pages);
    frontier.add(web.seeds()).await?;
    frontier.seeded().await?;
    let (began, cpu) = (Instant::now(), cpu_time());
    let mut done = 0;
    loop {
        let claims = frontier.claim(BATCH).await?;
        if claims.next == Next::Done {
            break;
        }
        done += claims.leases.len();
        let outcomes = claims.leases.into_iter().map(|lease| web.fetch(lease));
        frontier.settle(outcomes.collect(), vec![]).await?;
    }
    assert_eq!(done, pages, "each page is fetched once");
    Ok((began.elapsed(), cpu_time() - cpu))
}

/// A web that grows as it is fetched: page n is on site n modulo [`SITES`].
struct Web {
    sites: Vec<Site>,
    made: usize,
    pages: usize,
    random: u64,
}

impl Web {
    fn new(pages: usize) -> Self {
        let site = |n| Site::polite(format!("site{n}.example"), Duration::ZERO);
        Self {
            sites: (0..SITES).map(site).collect(),
            made: SITES,
            pages,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn seeds(&self) -> Vec<NewUrl> {
        (0..SITES).map(|number| self.page(number)).collect()
    }

    fn page(&self, number: usize) -> NewUrl {
        let site = &self.sites[number % SITES];
        let url = format!("http://{}/articles/2024/{number}.html", site.name());
        NewUrl::seed(url, site.clone())
    }

    fn fetch(&mut self, lease: Lease) -> Outcome {
        let site = self.below(SITES);
        let mut links = Vec::with_capacity(LINKS);
        for link in 0..LINKS {
            let number = if link < NEW_LINKS && self.made < self.pages {
                self.made += 1;
                self.made - 1
            } else if link < LINKS - NEW_LINKS {
                // Most links stay on one site.
                let round = self.below(self.made / SITES);
                round * SITES + site
            } else {
                self.below(self.made)
            };
            links.push(self.page(number));
        }
        let mut record = Record::new(Fate::Fetched);
        record.status = Some(200);
        record.about = r#"{"type":"text/html","bytes":12345,"title":"An article"}"#.to_owned();
        Outcome::done(lease, record).with_links(links)
    }

    /// Returns a number below `bound`, by xorshift.
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap_or(0) % bound.max(1)
    }
}

/// Returns the processor's time of this process, in steps of 10 ms, or the wall's where it can't be told.
fn cpu_time() -> Duration {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    };
    // The name of the program stands in brackets, and may hold anything; user and system time are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks = ticks.filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
