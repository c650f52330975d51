//! A floor as a program: so many workers that take from one frontier.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;
use url::Url;

use crate::Frontier;

/// Whatever a worker fails on: a floor ends with its first failure.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The command line of a floor: what to fetch, and how many at once.
#[derive(Debug)]
pub struct Args {
    /// A URL, or a file of URLs.
    pub what: String,
    /// How many workers there are.
    pub workers: usize,
}

impl Args {
    /// Reads the command line.
    ///
    /// # Errors
    ///
    /// When it has another form.
    pub fn read() -> Result<Self, Failure> {
        let [what, workers] = std::env::args()
            .skip(1)
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| "give what to fetch, and how many at once")?;
        let workers = workers.parse()?;
        Ok(Self { what, workers })
    }

    /// Returns the URL of the first page, and the authority of its host.
    ///
    /// # Errors
    ///
    /// When it is no URL with a host.
    pub fn seed(&self) -> Result<(Url, String), Failure> {
        let seed = Url::parse(&self.what)?;
        let authority = seed.authority().to_owned();
        Ok((seed, authority))
    }
}

/// Runs the workers until nothing is left, and tells how many pages they had; `work` returns the bytes of its pages.
///
/// # Errors
///
/// That of the first worker that fails.
pub async fn crawl<F>(
    seed: &str,
    workers: usize,
    work: impl Fn(Arc<Frontier>) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<u64, Failure>> + Send + 'static,
{
    let frontier = Arc::new(Frontier::new(seed));
    let bytes = AtomicU64::new(0);
    let mut all: JoinSet<_> = (0..workers).map(|_| work(frontier.clone())).collect();
    while let Some(worked) = all.join_next().await {
        bytes.fetch_add(worked??, Ordering::Relaxed);
    }
    println!("{} pages, {} bytes", frontier.seen(), bytes.into_inner());
    Ok(())
}
