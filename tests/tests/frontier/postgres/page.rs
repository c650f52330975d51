//! The SQL of the page on running a cluster, on a crawl that is at work: each query has an answer, and the crawl goes on in
//! partitions.

use crawler::frontier::{Frontier, Next, State};
use tests::{tree_page, tree_url};

use super::{Crawl, number};

const PAGE: &str = include_str!("../../../../crawler/docs/cluster.md");

/// Returns the page's pieces of SQL, with this crawl in the place of its example.
fn pieces(crawl: &Crawl) -> Vec<String> {
    let pieces = PAGE.split("```sql\n").skip(1);
    let pieces = pieces.map(|piece| piece.split("```").next().unwrap_or_default());
    let schema = format!("crawl_{}", crawl.name);
    pieces
        .map(|piece| piece.replace("crawl_demo", &schema))
        .collect()
}

#[tokio::test]
async fn what_the_page_says_to_run_on_a_crawl_runs_and_the_crawl_goes_on() {
    const PAGES: usize = 60;
    let crawl = Crawl::new();
    let frontier = crawl.create().await;
    frontier.add(vec![tree_url(1)]).await.unwrap();
    frontier.seeded().await.unwrap();
    let raw = crawl.raw().await;
    let [queries, partitions] = <[String; 2]>::try_from(pieces(&crawl)).unwrap();
    let mut rounds = 0;
    loop {
        let claims = frontier.claim(10).await.unwrap();
        if claims.next == Next::Done && claims.leases.is_empty() {
            break;
        }
        let outcomes = claims.leases.into_iter().map(tree_page(PAGES));
        let outcomes: Vec<_> = outcomes.collect();
        rounds += 1;
        if rounds == 3 {
            raw.batch_execute(&queries).await.unwrap();
            raw.batch_execute(&partitions).await.unwrap();
        }
        frontier.settle(outcomes, vec![]).await.unwrap();
    }
    let stats = frontier.stats().await.unwrap();
    assert_eq!((stats.state, stats.queued), (State::Done, 0));
    assert_eq!((stats.known, stats.fetched), (PAGES as u64, PAGES as u64));
    let parts =
        "SELECT count(*) FROM pg_inherits WHERE inhparent IN ('seen'::regclass, 'queue'::regclass)";
    assert_eq!(number(&raw, parts).await, 32);
}
