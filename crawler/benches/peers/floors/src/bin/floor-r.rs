//! Floor R: reqwest, the scanner, and a join that knows the forms of the local web.

use std::sync::Arc;

use floors::{Args, Failure, Frontier, crawl, decode, may_follow, resolve, scan};
use reqwest::Client;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::read()?;
    let (seed, authority) = args.seed()?;
    let client = Client::builder().no_proxy().build()?;
    crawl(seed.path(), args.workers, |frontier| {
        work(frontier, authority.clone(), client.clone())
    })
    .await
}

async fn work(frontier: Arc<Frontier>, authority: String, client: Client) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(path) = frontier.next().await {
        let response = client
            .get(format!("http://{authority}{path}"))
            .send()
            .await?;
        let body = response.bytes().await?;
        bytes += body.len() as u64;
        let html = str::from_utf8(&body)?;
        let links: Vec<_> = scan(html).map(decode).collect();
        let paths: Vec<_> = links
            .iter()
            .filter_map(|link| resolve(&authority, &path, link))
            .filter(|path| may_follow(path))
            .collect();
        frontier.done(&paths);
    }
    Ok(bytes)
}
