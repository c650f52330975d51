//! spider without its default features: it crawls a site, so many at once, by robots.txt.

use floors::{Args, Failure};
use spider::website::Website;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::read()?;
    let mut website = Website::new(&args.what);
    website
        .with_respect_robots_txt(true)
        .with_concurrency_limit(Some(args.workers))
        .with_delay(0);
    website.crawl().await;
    println!("{} links", website.get_links().len());
    Ok(())
}
