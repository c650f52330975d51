//! A server that is killed and comes back: what it has answered is there, and all goes on by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crawler::frontier::{
    Frontier, FrontierError, Job, LEASE, Next, PostgresFrontier, PostgresOptions, Site, State,
    Written,
};
use tests::{Postgres, tree_page, tree_url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Crawl, number};
use crate::world::{Hand, fetched, names, pages};

/// Pages of the tree.
const PAGES: usize = 900;

/// Fetches until the crawl is done, and returns what was answered as settled.
async fn fetch_all(
    frontier: Arc<PostgresFrontier>,
    clock: Arc<Hand>,
    count: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut settled = Vec::new();
    let mut idle = 0;
    loop {
        let claims = frontier.claim(4).await.unwrap();
        if claims.next == Next::Done && claims.leases.is_empty() {
            return settled;
        }
        if claims.leases.is_empty() {
            // Those that nobody was told of come back when their lease runs out.
            idle += 1;
            if idle % 20 == 0 {
                clock.forward(LEASE);
            }
            tokio::task::yield_now().await;
            continue;
        }
        let urls = names(&claims.leases);
        let outcomes = claims.leases.into_iter().map(tree_page(PAGES)).collect();
        let done = frontier.settle(outcomes, vec![]).await.unwrap();
        if done.late == 0 {
            settled.extend(urls);
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// With `synchronous_commit` off in a settle some of what was answered is handed out and recorded again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_nothing_that_it_answered() {
    let mut server = Postgres::start();
    let crawl = Crawl::on(&server);
    let clock = Arc::new(Hand::default());
    let count = Arc::new(AtomicUsize::new(0));
    let options = crawl.options().clock(Arc::clone(&clock) as _);
    let first = options.create(Job::default()).await.unwrap();
    first.add(vec![tree_url(1)]).await.unwrap();
    first.seeded().await.unwrap();
    let mut nodes = JoinSet::new();
    for _node in 0..2 {
        let frontier = Arc::new(options.open().await.unwrap());
        nodes.spawn(fetch_all(frontier, Arc::clone(&clock), Arc::clone(&count)));
    }
    for kill in 1..=3 {
        tests::until("some more are settled", async || {
            (count.load(Ordering::Relaxed) >= 25 * kill).then_some(())
        })
        .await;
        server.kill();
        server.restart();
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for url in nodes.join_all().await.into_iter().flatten() {
        *times.entry(url).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "settled twice: {twice:?}");
    let stats = first.stats().await.unwrap();
    assert_eq!((stats.state, stats.queued), (State::Done, 0));
    assert_eq!((stats.known, stats.fetched), (PAGES as u64, PAGES as u64));
    let raw = crawl.raw().await;
    let results = "SELECT count(DISTINCT url_hash) FROM result";
    assert_eq!(number(&raw, results).await, i64::try_from(PAGES).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_outcomes_wait_and_who_holds_a_lease_is_told() {
    let mut server = Postgres::start();
    let crawl = Crawl::on(&server);
    let frontier = Arc::new(crawl.create().await);
    frontier.add(vec![tree_url(1)]).await.unwrap();
    let lease = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    let key = lease.key();
    server.kill();
    for told in [
        frontier.renew(vec![key]).await.map(drop),
        frontier.stats().await.map(drop),
    ] {
        let told = told.unwrap_err();
        assert!(told.is_temporary(), "{told}");
    }
    let settles = Arc::clone(&frontier);
    let outcome = tree_page(3)(lease);
    let settling = tokio::spawn(async move { settles.settle(vec![outcome], vec![]).await });
    let claims = Arc::clone(&frontier);
    let claiming = tokio::spawn(async move { claims.claim(5).await });
    server.restart();
    let settled = settling.await.unwrap().unwrap();
    assert_eq!((settled.outcomes, settled.links), (1, 2));
    claiming.await.unwrap().unwrap();
    assert_eq!(frontier.stats().await.unwrap().fetched, 1);

    // Who gives up lets go of those who wait.
    server.kill();
    let adds = Arc::clone(&frontier);
    let adding = tokio::spawn(async move { adds.add(vec![tree_url(9)]).await });
    while frontier.stats().await.is_ok() {}
    tokio::task::yield_now().await;
    frontier.close().await.unwrap();
    let added = adding.await.unwrap().unwrap_err();
    let is_told = matches!(
        added,
        FrontierError::Unavailable { .. } | FrontierError::Closed
    );
    assert!(is_told, "{added}");
}

/// Forwards to a server until it is told to cut: then the next commit is carried out, and its connection is gone before
/// anybody hears of it.
async fn forward(mut near: TcpStream, port: u16, cuts: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut far = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            count = near.read(&mut asked) => {
                let bytes = &asked[..count?];
                far.write_all(bytes).await?;
                let is_commit = bytes.windows(7).any(|word| word == b"COMMIT\0");
                if bytes.is_empty() || is_commit && cuts.swap(false, Ordering::SeqCst) {
                    let _its_answer = far.read(&mut answered).await?;
                    return Ok(());
                }
            }
            count = far.read(&mut answered) => {
                let bytes = &answered[..count?];
                near.write_all(bytes).await?;
                if bytes.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}

/// Returns a crawl whose connections are cut as they are told.
async fn cut_off(cuts: &Arc<AtomicBool>) -> PostgresOptions {
    let server = Postgres::shared();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, near_port) = (server.port(), listener.local_addr().unwrap().port());
    let is_to_cut = Arc::clone(cuts);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(forward(near, port, Arc::clone(&is_to_cut)));
        }
    });
    let url = server.tcp_url(Postgres::PASSWORD);
    let url = url.replace(&format!(":{port}/"), &format!(":{near_port}/"));
    PostgresOptions::new(&url, &Postgres::crawl_name()).unwrap()
}

/// A settle that is tried again finds its URLs done: by itself, so that its records are not taken out of their file.
#[tokio::test]
async fn a_settle_whose_commit_is_not_answered_keeps_its_records() {
    let cuts = Arc::new(AtomicBool::new(false));
    let options = cut_off(&cuts).await;
    let frontier = options.create(Job::default()).await.unwrap();
    frontier.add(vec![tree_url(1)]).await.unwrap();
    let lease = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    let file = "pages.jsonl".to_owned();
    let written = vec![Written { file, bytes: 10 }];

    cuts.store(true, Ordering::SeqCst);
    let outcome = tree_page(1)(lease);
    let settled = frontier.settle(vec![outcome], written.clone()).await;
    assert!(!cuts.load(Ordering::SeqCst), "its commit was cut off");
    assert_eq!(settled.unwrap().refused, []);
    assert_eq!(frontier.written().await.unwrap(), written);
    assert_eq!(frontier.stats().await.unwrap().fetched, 1);
}

/// A lane that went on by a settle whose answer was lost is given back by the try after it, for only the first knows with
/// what.
#[tokio::test]
async fn a_lane_that_went_on_unheard_is_given_back() {
    let cuts = Arc::new(AtomicBool::new(false));
    let options = cut_off(&cuts).await;
    let frontier = options.create(Job::default()).await.unwrap();
    let site = Site::polite("h", Duration::ZERO);
    frontier.add(pages(&site, 3)).await.unwrap();
    let lease = frontier.claim(1).await.unwrap().leases.pop().unwrap();
    let wide = Site::unlimited("wide");
    frontier.add(pages(&wide, 9)).await.unwrap();

    cuts.store(true, Ordering::SeqCst);
    let settled = frontier.settle(vec![fetched(lease)], vec![]).await.unwrap();
    assert!(!cuts.load(Ordering::SeqCst), "its commit was cut off");
    assert_eq!(settled.late, 1, "the try before had done it");
    let stats = frontier.stats().await.unwrap();
    assert_eq!((stats.fetched, stats.leased), (1, 0));
    let other = options.open().await.unwrap();
    let urls = names(&other.claim(20).await.unwrap().leases);
    assert!(urls.contains(&"http://h/2".to_owned()), "{urls:?}");
}
