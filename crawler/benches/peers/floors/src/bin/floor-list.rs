//! The floor of a list: reqwest, so many workers, each URL once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use floors::{Args, Failure};
use reqwest::Client;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::read()?;
    let list = std::fs::read_to_string(&args.what)?;
    let urls: Arc<[String]> = list.lines().map(str::to_owned).collect();
    let client = Client::builder().no_proxy().build()?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers: JoinSet<_> = (0..args.workers)
        .map(|_| work(urls.clone(), next.clone(), client.clone()))
        .collect();
    while let Some(worked) = workers.join_next().await {
        worked??;
    }
    println!("{} pages", urls.len());
    Ok(())
}

async fn work(urls: Arc<[String]>, next: Arc<AtomicUsize>, client: Client) -> Result<(), Failure> {
    while let Some(url) = urls.get(next.fetch_add(1, Ordering::Relaxed)) {
        let response = client.get(url).send().await?.error_for_status()?;
        response.bytes().await?;
    }
    Ok(())
}
