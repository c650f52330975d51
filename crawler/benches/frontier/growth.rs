//! What a claim and a settle cost as the queue in a file grows to a million URLs, of one site that is fetched from
//! without delay and of many sites. It should hardly depend on how much is queued.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crawler::frontier::{Frontier, Job, Lease, NewUrl, Outcome, Site, SqliteOptions};

use super::web::fetched;
use super::{BATCH, LINKS, NEW_LINKS, Result, SITES, timed};

/// URLs queued when it is measured.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// URLs that are added at a time.
const ADDED: usize = 1_000;
/// Claims that are timed at each size, each with its settle.
const ROUNDS: usize = 50;

pub(crate) async fn run() -> Result<()> {
    println!(
        "{:<12} {:>10} {:>12} {:>12} {:>12} {:>10} {:>10}",
        "sites", "queued", "add, µs", "claim, ms", "settle, ms", "file, MB", "RSS, MB"
    );
    let without_delay = Site::unlimited("one.example");
    grow("1", vec![without_delay]).await?;
    let polite = |n| Site::polite(format!("site{n}.example"), Duration::ZERO);
    grow("2,000", (0..SITES).map(polite).collect()).await
}

/// Fills a crawl of these sites, and prints at each size how long a URL takes to add, and a claim and a settle of
/// [`BATCH`] at the median.
async fn grow(name: &str, sites: Vec<Site>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("crawl.db");
    let frontier = SqliteOptions::default()
        .create(&path, Job::default())
        .await?;
    frontier.seeded().await?;
    let mut web = Grown { sites, made: 0 };
    let mut queued = 0;
    for size in SIZES {
        let (from, began) = (queued, Instant::now());
        while queued < size {
            let some = ADDED.min(size - queued);
            frontier.add(web.next(some)).await?;
            queued += some;
        }
        let added = began.elapsed() / u32::try_from(size - from)?;
        let (claims, settles) = timed(&frontier, ROUNDS, |lease| web.fetch(lease)).await?;
        queued += ROUNDS * BATCH * (NEW_LINKS - 1);
        println!(
            "{name:<12} {size:>10} {:>12.1} {:>12.2} {:>12.2} {:>10} {:>10}",
            added.as_secs_f64() * 1e6,
            median(claims),
            median(settles),
            size_of_files(folder.path())? / 1_000_000,
            resident()?
        );
    }
    frontier.close().await?;
    Ok(())
}

/// A web that is numbered in the order in which its pages are found.
struct Grown {
    sites: Vec<Site>,
    made: usize,
}

impl Grown {
    fn page(&self, number: usize) -> NewUrl {
        let site = &self.sites[number % self.sites.len()];
        let url = format!("http://{}/articles/2024/{number}.html", site.name());
        NewUrl::seed(url, site.clone())
    }

    fn next(&mut self, some: usize) -> Vec<NewUrl> {
        let numbers = self.made..self.made + some;
        self.made = numbers.end;
        numbers.map(|number| self.page(number)).collect()
    }

    /// A page with links to new pages, and to some that are known, all over the web.
    fn fetch(&mut self, lease: Lease) -> Outcome {
        let known: BTreeSet<usize> = (0..LINKS - NEW_LINKS)
            .map(|link| (self.made / LINKS * link + self.made % 7_919) % self.made)
            .collect();
        let known = known.into_iter().map(|number| self.page(number));
        let mut links: Vec<NewUrl> = known.collect();
        links.extend(self.next(NEW_LINKS));
        fetched(lease, links)
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn size_of_files(folder: &Path) -> Result<u64> {
    let sizes = fs::read_dir(folder)?.map(|file| Ok(file?.metadata()?.len()));
    sizes.sum()
}

/// Megabytes of this process in memory.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no VmRSS")?.parse::<u64>()? / 1_000)
}
