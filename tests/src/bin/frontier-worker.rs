//! Crawls a tree of pages on a frontier in a file or a database, and prints each URL once it is settled; it is made to be
//! killed.
//!
//! `frontier-worker FILE PAGES`, or `frontier-worker URL PAGES CRAWL`

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use crawler::frontier::{Frontier, FrontierError, Job, Next, PostgresOptions, SqliteOptions};
use tests::{tree_page, tree_url};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("no file is named")?;
    let pages = arguments.next().ok_or("no number of pages")?.parse()?;
    let frontier = match arguments.next() {
        Some(crawl) => in_database(&place, &crawl).await?,
        None => in_file(Path::new(&place)).await?,
    };
    frontier.add(vec![tree_url(1)]).await?;
    frontier.seeded().await?;
    loop {
        let claims = frontier.claim(4).await?;
        match claims.next {
            Next::Done if claims.leases.is_empty() => return Ok(()),
            Next::After(wait) if claims.leases.is_empty() => {
                let changed = frontier.changed(claims.round);
                let _changed = tokio::time::timeout(wait, changed).await;
            }
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

async fn in_file(path: &Path) -> Result<Arc<dyn Frontier>, FrontierError> {
    let options = SqliteOptions::default();
    Ok(Arc::new(match options.create(path, Job::default()).await {
        Err(FrontierError::Exists { .. }) => options.open(path).await?,
        created => created?,
    }))
}

async fn in_database(url: &str, crawl: &str) -> Result<Arc<dyn Frontier>, FrontierError> {
    let options = PostgresOptions::new(url, crawl)?;
    Ok(Arc::new(match options.create(Job::default()).await {
        Err(FrontierError::Exists { .. }) => options.open().await?,
        created => created?,
    }))
}
