//! When a crawl is done, when its budget is, and who is woken in between.

use std::sync::Arc;
use std::time::Duration;

use crawler::frontier::{
    Fate, Frontier, FrontierError, Job, LEASE, Next, Outcome, Record, Round, Site, State,
};
use tokio::task::JoinHandle;

use crate::world::{Engine, World, fetched, names, page, pages, polite, seconds};

pub(crate) async fn a_crawl_is_done_when_nothing_is_left<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    assert_eq!(world.next().await, Next::After(LEASE), "it may have links");
    let link = lease.link("http://h/2", polite("h"));
    world.settle(vec![fetched(lease).with_links([link])]).await;
    world.clock.forward(seconds(1));
    let last = world.lease().await;
    world.finish([last]).await;
    assert_eq!(world.next().await, Next::Done);
    assert_eq!(world.frontier.stats().await.unwrap().state, State::Done);
}

pub(crate) async fn a_crawl_is_not_done_before_its_seeds_are_in<E: Engine>() {
    let world = World::<E>::new().await;
    assert_eq!(world.next().await, Next::Changed);
    world.add([page(&polite("h"), 1)]).await;
    let lease = world.lease().await;
    world.finish([lease]).await;
    assert_eq!(world.next().await, Next::Changed);
    world.frontier.seeded().await.unwrap();
    assert_eq!(world.next().await, Next::Done);
}

pub(crate) async fn a_crawl_is_not_done_while_a_retry_waits<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    world.settle(vec![Outcome::retry(lease, seconds(60))]).await;
    assert_eq!(world.next().await, Next::After(seconds(60)));
    assert_eq!(world.drain().await, ["http://h/1"]);
}

pub(crate) async fn a_new_url_makes_a_done_crawl_run<E: Engine>() {
    let world = World::<E>::new().await;
    world.frontier.seeded().await.unwrap();
    assert_eq!(world.next().await, Next::Done);
    world.add([page(&polite("h"), 1)]).await;
    assert_eq!(world.frontier.stats().await.unwrap().state, State::Running);
    assert_eq!(world.drain().await, ["http://h/1"]);
}

/// Waits beside the test for a change since that round.
fn waiter<E: Engine>(world: &World<E>, since: Round) -> JoinHandle<()> {
    let frontier = Arc::clone(&world.frontier);
    tokio::spawn(async move { frontier.changed(since).await })
}

async fn is_woken(waiter: JoinHandle<()>) {
    let woken = tokio::time::timeout(Duration::from_secs(30), waiter).await;
    woken.expect("it is woken").unwrap();
}

pub(crate) async fn a_waiting_claimer_is_woken_by_an_add<E: Engine>() {
    let world = World::<E>::new().await;
    let round = world.claim(1).await.round;
    let before = waiter(&world, round);
    tokio::task::yield_now().await;
    assert!(!before.is_finished(), "nothing has changed");
    world.add([page(&polite("h"), 1)]).await;
    is_woken(before).await;
    // One who comes only now has not missed it.
    is_woken(waiter(&world, round)).await;
    let round = world.claim(1).await.round;
    world.add([page(&polite("h"), 1)]).await;
    let idle = waiter(&world, round);
    tokio::task::yield_now().await;
    assert!(!idle.is_finished(), "a known URL changes nothing");
    idle.abort();
}

pub(crate) async fn a_waiting_claimer_is_woken_by_a_settle<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    let waiting = world.claim(1).await;
    assert_eq!(waiting.next, Next::After(LEASE));
    let waiter = waiter(&world, waiting.round);
    world.finish([lease]).await;
    is_woken(waiter).await;
    assert_eq!(world.next().await, Next::Done);
}

pub(crate) async fn a_waiting_claimer_is_woken_by_a_close<E: Engine>() {
    let world = World::<E>::new().await;
    let waiter = waiter(&world, world.claim(1).await.round);
    world.frontier.close().await.unwrap();
    is_woken(waiter).await;
    let closed = world.frontier.claim(1).await.unwrap_err();
    assert!(matches!(closed, FrontierError::Closed), "{closed}");
}

/// Fetches until the crawl is done, and waits for nothing but changes; returns what it fetched.
async fn fetch_all(frontier: Arc<dyn Frontier>) -> Vec<String> {
    let mut urls = Vec::new();
    loop {
        let claims = frontier.claim(3).await.unwrap();
        if claims.leases.is_empty() {
            match claims.next {
                Next::Done => return urls,
                Next::Now => {}
                _ => frontier.changed(claims.round).await,
            }
            continue;
        }
        urls.extend(names(&claims.leases));
        let outcomes = claims.leases.into_iter().map(tests::tree_page(TREE));
        frontier.settle(outcomes.collect(), vec![]).await.unwrap();
    }
}

/// Pages of the tree that several fetch.
const TREE: usize = 400;

pub(crate) async fn several_claimers_share_a_crawl_and_all_hear_of_its_end<E: Engine>() {
    let world = World::<E>::new().await;
    let claimer = || tokio::spawn(fetch_all(Arc::clone(&world.frontier)));
    let claimers: Vec<_> = (0..5).map(|_| claimer()).collect();
    world.add([tests::tree_url(1)]).await;
    world.frontier.seeded().await.unwrap();
    let mut urls = Vec::new();
    for claimer in claimers {
        let fetched = tokio::time::timeout(Duration::from_secs(30), claimer).await;
        urls.extend(fetched.expect("it hears of the end").unwrap());
    }
    assert_eq!(urls.len(), TREE);
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), TREE, "a page was fetched twice");
}

fn job(pages: u64) -> Job {
    let pages = Some(pages);
    Job {
        pages,
        ..Job::default()
    }
}

pub(crate) async fn a_budget_of_pages_is_never_exceeded<E: Engine>() {
    let world = World::<E>::with(job(3)).await;
    world.add(pages(&Site::unlimited("h"), 10)).await;
    world.frontier.seeded().await.unwrap();
    let claims = world.claim(10).await;
    assert_eq!(claims.leases.len(), 3);
    assert_eq!(claims.next, Next::After(LEASE), "one may be given back");
    let mut leases = claims.leases;
    let tried = leases.pop().unwrap();
    world.finish(leases).await;
    world.settle(vec![Outcome::retry(tried, seconds(0))]).await;
    let last = world.leases(10).await;
    assert_eq!(last.len(), 1, "a retry was no page");
    world.finish(last).await;
    assert_eq!(world.claim(10).await.next, Next::Spent);
    let world = world.restart().await;
    assert_eq!(world.next().await, Next::Spent);
    world.frontier.allow(Some(4)).await.unwrap();
    assert_eq!(world.leases(10).await.len(), 4);
}

pub(crate) async fn a_budget_of_bytes_is_exceeded_by_what_is_on_lease_alone<E: Engine>() {
    let bytes = Some(1_000);
    let job = Job {
        bytes,
        ..Job::default()
    };
    let world = World::<E>::with(job).await;
    world.add(pages(&Site::unlimited("h"), 10)).await;
    world.frontier.seeded().await.unwrap();
    let mut leases = world.leases(3).await;
    let (tried, last) = (leases.remove(0), leases.remove(0));
    let retry = Outcome::retry(tried, seconds(0)).read(300);
    world.settle(vec![retry]).await;
    let left = async |world: &World<E>| world.frontier.stats().await.unwrap().bytes_left;
    assert_eq!(left(&world).await, Some(700), "a try that fails counts");
    world.finish(leases).await;
    let [more] = <[_; 1]>::try_from(world.leases(1).await).unwrap();
    world.settle(vec![fetched(last).read(900)]).await;
    assert_eq!(left(&world).await, Some(0));
    let claims = world.claim(10).await;
    assert_eq!((claims.leases, claims.next), (vec![], Next::After(LEASE)));
    world.settle(vec![fetched(more).read(900)]).await;
    assert_eq!(world.next().await, Next::Spent);
    let world = world.restart().await;
    assert_eq!(world.claim(10).await.next, Next::Spent);
    world.frontier.allow_bytes(Some(1)).await.unwrap();
    assert_eq!(world.leases(10).await.len(), 7);
    assert_eq!(world.frontier.job().await.unwrap().bytes, Some(1));
}

pub(crate) async fn a_lost_lease_gives_its_part_of_the_budget_back<E: Engine>() {
    let world = World::<E>::with(job(1)).await;
    world
        .add([page(&polite("a"), 1), page(&polite("b"), 1)])
        .await;
    let _lost = world.lease().await;
    assert_eq!(world.leases(1).await, []);
    world.clock.forward(LEASE);
    assert_eq!(world.leases(2).await.len(), 1);
}

pub(crate) async fn what_is_no_page_costs_no_budget<E: Engine>() {
    let world = World::<E>::with(job(1)).await;
    world.add(pages(&Site::unlimited("h"), 5)).await;
    world.frontier.seeded().await.unwrap();
    for fate in [
        Fate::Refused,
        Fate::Failed,
        Fate::Redirected,
        Fate::Listed,
        Fate::Fetched,
    ] {
        let lease = world.lease().await;
        world
            .settle(vec![Outcome::done(lease, Record::new(fate))])
            .await;
    }
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.refused, stats.failed), (1, 1));
    assert_eq!((stats.redirected, stats.fetched), (1, 1));
    assert_eq!(stats.pages_left, Some(0));
    assert_eq!(world.next().await, Next::Done, "nothing is left either");
}
