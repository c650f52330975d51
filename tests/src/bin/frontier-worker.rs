//! Crawls a tree of pages on a frontier in a file, and prints each URL once it is settled; it is made to be killed.
//!
//! `frontier-worker FILE PAGES`

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use crawler::frontier::{Frontier, FrontierError, Job, Next, SqliteOptions};
use tests::{tree_page, tree_url};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("no file is named")?;
    let pages = arguments.next().ok_or("no number of pages")?.parse()?;
    let options = SqliteOptions::default();
    let frontier = match options.create(Path::new(&path), Job::default()).await {
        Err(FrontierError::Exists { .. }) => options.open(Path::new(&path)).await?,
        created => created?,
    };
    frontier.add(vec![tree_url(1)]).await?;
    frontier.seeded().await?;
    loop {
        let claims = frontier.claim(4).await?;
        match claims.next {
            Next::Done => return Ok(()),
            Next::After(wait) if claims.leases.is_empty() => tokio::time::sleep(wait).await,
            _ => {}
        }
        let urls: Vec<_> = claims
            .leases
            .iter()
            .map(|lease| lease.url.clone())
            .collect();
        let outcomes = claims.leases.into_iter().map(tree_page(pages));
        frontier.settle(outcomes.collect(), vec![]).await?;
        let mut stdout = std::io::stdout().lock();
        for url in urls {
            writeln!(stdout, "{url}")?;
        }
        stdout.flush()?;
    }
}
