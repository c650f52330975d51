//! Each trap of a frontier that several processes share, as a test that fails when its remedy is taken out. Each was seen
//! to fail so; how is told with it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crawler::frontier::{
    Frontier, Job, Lease, Next, Outcome, PostgresFrontier, RobotsCopy, Site, Written,
};
use futures::future::join_all;
use tokio::task::JoinSet;

use super::{Crawl, number, until_locked};
use crate::world::{fetched, names, page, pages, polite};

fn hasty(name: &str) -> Site {
    Site::polite(name, Duration::ZERO)
}

/// Claims and settles one by one until the crawl is done, and returns what it was given.
async fn fetch_all(frontier: Arc<PostgresFrontier>, demand: usize) -> Vec<String> {
    let mut urls = Vec::new();
    loop {
        let claims = frontier.claim(demand).await.unwrap();
        if claims.next == Next::Done && claims.leases.is_empty() {
            return urls;
        }
        if claims.leases.is_empty() {
            tokio::task::yield_now().await;
            continue;
        }
        urls.extend(names(&claims.leases));
        let outcomes = claims.leases.into_iter().map(fetched).collect();
        frontier.settle(outcomes, vec![]).await.unwrap();
    }
}

/// A claim that finds lanes and URLs in one statement sees the queue as it was before it had the lane, and hands out a
/// URL that was finished in between. Here it is held up where it looks at the lane: with `DUE` and `TAKE` joined in one
/// statement it gives the first page again.
#[tokio::test]
async fn a_url_that_is_finished_as_its_lane_is_claimed_is_not_handed_out() {
    let crawl = Crawl::new();
    let frontier = Arc::new(crawl.create().await);
    frontier.add(pages(&hasty("h"), 2)).await.unwrap();
    let late = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    let (other, watch) = (crawl.raw().await, crawl.raw().await);
    other
        .batch_execute(
            "UPDATE site_lane SET next_at = 0;
             ALTER TABLE site_lane RENAME TO lanes;
             CREATE FUNCTION pause() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
                 IF current_query() LIKE '%SKIP LOCKED%' THEN PERFORM pg_advisory_xact_lock_shared(4242); END IF;
                 RETURN true; END $$;
             CREATE VIEW site_lane AS SELECT * FROM lanes WHERE pause();
             SELECT pg_advisory_lock(4242)",
        )
        .await
        .unwrap();
    let claims = Arc::clone(&frontier);
    let claiming = tokio::spawn(async move { claims.claim(1).await });
    until_locked(&watch, &crawl, 1).await;
    // Its lane is due again as if it had been so for long.
    let ended = fetched(late).aged(Duration::from_secs(10));
    let settled = frontier.settle(vec![ended], vec![]).await.unwrap();
    assert_eq!(settled.outcomes, 1);
    other
        .batch_execute("SELECT pg_advisory_unlock(4242)")
        .await
        .unwrap();
    let leases = claiming.await.unwrap().unwrap().leases;
    assert_eq!(names(&leases), ["http://h/2"]);
}

/// Another node settles the last URL of a lane, and does not see what is about to be added to it: who adds decides
/// whether to wake the lane only when it has its lock. With lanes read by `LOCK` without `FOR UPDATE` it sleeps for ever.
#[tokio::test]
async fn a_lane_that_falls_asleep_as_it_is_filled_is_woken() {
    let crawl = Crawl::new();
    let frontier = Arc::new(crawl.create().await);
    frontier.add(vec![page(&hasty("h"), 1)]).await.unwrap();
    let other = crawl.raw().await;
    let watch = crawl.raw().await;
    other
        .batch_execute("BEGIN; SELECT FROM site_lane FOR UPDATE; DELETE FROM queue")
        .await
        .unwrap();
    let adds = Arc::clone(&frontier);
    let adding = tokio::spawn(async move { adds.add(vec![page(&hasty("h"), 2)]).await });
    until_locked(&watch, &crawl, 1).await;
    other
        .batch_execute("UPDATE site_lane SET next_at = 9223372036854775807; COMMIT")
        .await
        .unwrap();
    assert_eq!(adding.await.unwrap().unwrap().new, 1);
    let leases = frontier.claim(10).await.unwrap().leases;
    assert_eq!(names(&leases), ["http://h/2"]);
}

/// All that adds and settles locks rows in the order of their keys. Without the sorting in `see` or in `lock` two nodes
/// wait for one another, and one of them is thrown out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_work_on_the_same_sites_never_wait_in_a_circle() {
    const SITES: usize = 60;
    let crawl = Crawl::new();
    let first = crawl.create().await;
    let sites = |round: usize| {
        let pages = (0..SITES).map(move |site| page(&hasty(&format!("site{site}")), round));
        pages.collect::<Vec<_>>()
    };
    first.add(sites(0)).await.unwrap();
    let raw = crawl.raw().await;
    let deadlocks =
        "SELECT pg_stat_get_db_deadlocks(oid) FROM pg_database WHERE datname = current_database()";
    let before = number(&raw, deadlocks).await;
    let mut nodes = JoinSet::new();
    for node in 0..4 {
        let frontier = crawl.options().known_max(0).open().await.unwrap();
        nodes.spawn(async move {
            for round in 0..12 {
                let mut links = sites(round / 2);
                if node % 2 == 0 {
                    links.reverse();
                }
                let mut leases = frontier.claim(SITES / 3).await.unwrap().leases;
                if node % 2 == 0 {
                    leases.reverse();
                }
                let mut outcomes: Vec<_> = leases.into_iter().map(fetched).collect();
                if let Some(outcome) = outcomes.first_mut() {
                    outcome.links = links;
                } else {
                    frontier.add(links).await.unwrap();
                }
                frontier.settle(outcomes, vec![]).await.unwrap();
            }
        });
    }
    nodes.join_all().await;
    assert_eq!(number(&raw, deadlocks).await, before, "deadlocks");
}

/// A site that is told to rest rests in all its lanes, also in one that another node is about to make; and two nodes of
/// which each lets one site rest and makes a lane of the other do not wait in a circle.
#[tokio::test]
async fn a_lane_that_is_made_as_its_site_begins_to_rest_rests_too() {
    let crawl = Crawl::new();
    let frontier = Arc::new(crawl.create().await);
    let wide = Site::unlimited("wide");
    frontier.add(vec![page(&wide, 1)]).await.unwrap();
    let lease = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    // It is in the middle of a settle that lets the site rest.
    let other = crawl.raw().await;
    let watch = crawl.raw().await;
    let rest = i64::MAX / 4;
    other
        .batch_execute(&format!("BEGIN; UPDATE site SET rest_until = {rest}"))
        .await
        .unwrap();
    let adds = Arc::clone(&frontier);
    let added = pages(&wide, 40);
    let adding = tokio::spawn(async move { adds.add(added).await });
    until_locked(&watch, &crawl, 1).await;
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(adding.await.unwrap().unwrap().new, 39);
    let awake = format!("SELECT count(*) FROM site_lane WHERE polite_at < {rest}");
    assert_eq!(
        number(&other, &awake).await,
        1,
        "but for the one that was there"
    );
    frontier.release(vec![lease]).await.unwrap();
}

/// While somebody is in the middle of adding, nothing of which can be seen yet, the crawl is not done. Without the lock
/// that each turn shares (`ALONE`) it is, and what was added is never fetched.
#[tokio::test]
async fn a_crawl_is_not_done_while_something_is_being_added() {
    let crawl = Crawl::new();
    let frontier = Arc::new(crawl.create().await);
    let adder = Arc::new(crawl.open().await);
    frontier.add(vec![page(&polite("h"), 1)]).await.unwrap();
    frontier.seeded().await.unwrap();
    let lease = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    // It keeps whoever adds the same URL waiting in the middle of it.
    let other = crawl.raw().await;
    let watch = crawl.raw().await;
    let url = page(&polite("h"), 2);
    let seen = format!(
        "BEGIN; INSERT INTO seen SELECT site, {} FROM site",
        hash_of(&url.url).await
    );
    other.batch_execute(&seen).await.unwrap();
    let adds = Arc::clone(&adder);
    let adding = tokio::spawn(async move { adds.add(vec![url]).await });
    until_locked(&watch, &crawl, 1).await;
    frontier.settle(vec![fetched(lease)], vec![]).await.unwrap();
    let next = frontier.claim(1).await.unwrap().next;
    assert!(matches!(next, Next::After(_)), "{next:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(adding.await.unwrap().unwrap().new, 1);
    assert!(matches!(
        frontier.claim(0).await.unwrap().next,
        Next::After(_) | Next::Now
    ));
}

/// Returns the hash that a URL is known by, by adding it to a crawl of its own.
async fn hash_of(url: &str) -> i64 {
    let crawl = Crawl::new();
    let frontier = crawl.create().await;
    let url = crawler::frontier::NewUrl::seed(url, polite("h"));
    frontier.add(vec![url]).await.unwrap();
    number(&crawl.raw().await, "SELECT url_hash FROM seen").await
}

/// A late retry of a lost lease must not wait beside the URL that another has by now; only what the settle itself took
/// out of the queue may. Without the token's check in `plan` it is fetched twice.
#[tokio::test]
async fn a_retry_that_comes_after_its_lease_was_lost_to_another_node_is_ignored() {
    let crawl = Crawl::new();
    let frontier = crawl.create().await;
    let other = crawl.open().await;
    frontier.add(vec![page(&hasty("h"), 1)]).await.unwrap();
    frontier.seeded().await.unwrap();
    let late = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    let raw = crawl.raw().await;
    raw.batch_execute("UPDATE site_lane SET next_at = 0")
        .await
        .unwrap();
    let lease = other.claim(1).await.unwrap().leases.pop().unwrap();
    let retry = vec![Outcome::retry(late, Duration::ZERO)];
    assert_eq!(frontier.settle(retry, vec![]).await.unwrap().late, 1);
    assert_eq!(
        other
            .settle(vec![fetched(lease)], vec![])
            .await
            .unwrap()
            .outcomes,
        1
    );
    assert_eq!(frontier.claim(1).await.unwrap().next, Next::Done);
}

/// A claim takes as long with many lanes as with few: it never reads a table from end to end, whatever is known of it.
/// Without the settings of a turn, and the sixth time a statement is run, it does.
#[tokio::test]
async fn nothing_reads_a_whole_table() {
    let crawl = Crawl::new();
    let frontier = crawl
        .options()
        .known_max(0)
        .create(Job::default())
        .await
        .unwrap();
    let sites: Vec<_> = (0..3_000)
        .map(|site| hasty(&format!("site{site}")))
        .collect();
    let seeds = sites.iter().map(|site| page(site, 0)).collect();
    frontier.add(seeds).await.unwrap();
    let raw = crawl.raw().await;
    raw.batch_execute("ANALYZE").await.unwrap();
    let scans = format!(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_all_tables
         WHERE schemaname = 'crawl_{}' AND relname IN ('site_lane', 'queue', 'seen', 'site')",
        crawl.name
    );
    settle_stats(&raw).await;
    let before = number(&raw, &scans).await;
    for round in 1..12 {
        let leases = frontier.claim(20).await.unwrap().leases;
        let outcomes = leases.into_iter().enumerate().map(|(at, lease)| {
            let links = (0..10).map(|link| page(&sites[at * 10 + link], round));
            fetched(lease).with_links(links.collect::<Vec<_>>())
        });
        frontier.settle(outcomes.collect(), vec![]).await.unwrap();
    }
    frontier.close().await.unwrap();
    settle_stats(&raw).await;
    assert_eq!(
        number(&raw, &scans).await - before,
        0,
        "rows read end to end"
    );
}

/// A pooler that gives each transaction another connection knows nothing of statements that were prepared on one. Here
/// the connection forgets them, with each copy of a robots.txt; from then on statements go whole, and all of them do.
#[tokio::test]
async fn a_connection_that_forgets_its_statements_is_worked_with() {
    let crawl = Crawl::new();
    let frontier = crawl.create().await;
    let raw = crawl.raw().await;
    raw.batch_execute(
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NULL; END $$;
         CREATE TRIGGER forget AFTER INSERT OR UPDATE ON robots EXECUTE FUNCTION forget()",
    )
    .await
    .unwrap();
    let copy = RobotsCopy {
        status: 200,
        body: Vec::new(),
        fetched_at: SystemTime::UNIX_EPOCH,
        expires_at: SystemTime::UNIX_EPOCH,
        tries: 0,
    };
    frontier
        .keep_robots("http://h:80", copy.clone())
        .await
        .unwrap();
    frontier.add(pages(&hasty("h"), 3)).await.unwrap();
    frontier
        .add(pages(&Site::unlimited("wide"), 3))
        .await
        .unwrap();
    frontier.seeded().await.unwrap();
    frontier.allow(Some(6)).await.unwrap();
    let mut leases = frontier.claim(9).await.unwrap().leases;
    assert_eq!(leases.len(), 4);
    frontier
        .keep_robots("http://h:80", copy.clone())
        .await
        .unwrap();
    let keys = leases.iter().map(Lease::key).collect();
    assert_eq!(frontier.renew(keys).await.unwrap(), []);
    frontier.release(leases.split_off(3)).await.unwrap();
    let retry = Outcome::retry(leases.remove(0), Duration::ZERO);
    let mut outcomes: Vec<_> = leases.into_iter().map(fetched).collect();
    outcomes[0].rest = Duration::from_millis(1);
    outcomes.push(retry);
    let written = Written {
        file: "pages.jsonl".to_owned(),
        bytes: 7,
    };
    let settled = frontier
        .settle(outcomes, vec![written.clone()])
        .await
        .unwrap();
    assert_eq!(settled.outcomes, 3);
    assert_eq!(frontier.written().await.unwrap(), [written]);
    assert_eq!(frontier.robots("http://h:80").await.unwrap(), Some(copy));
    let frontier = Arc::new(frontier);
    assert_eq!(fetch_all(Arc::clone(&frontier), 5).await.len(), 4);
    assert_eq!(frontier.stats().await.unwrap().fetched, 6);
    assert_eq!(frontier.nodes().await.unwrap(), []);
}

/// Waits until the server has counted what was done, which it does as sessions end or become idle.
async fn settle_stats(raw: &tokio_postgres::Client) {
    raw.batch_execute("SELECT pg_stat_force_next_flush(); SELECT pg_stat_clear_snapshot()")
        .await
        .unwrap();
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'crawler test-%' AND state = 'active'";
    tests::until("the server is quiet", async || {
        (number(raw, busy).await == 0).then_some(())
    })
    .await;
    let _all = join_all((0..2).map(|_| raw.batch_execute("SELECT pg_stat_clear_snapshot()"))).await;
}
