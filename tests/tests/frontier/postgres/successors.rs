//! URLs that follow one another under one lease, in one node: by the clocks that a crawl has, for with a clock that is
//! moved by hand there are none.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crawler::frontier::{
    Frontier, Job, Lease, LeaseKey, NewUrl, Next, Outcome, PostgresFrontier, Site, SiteId,
};
use crawler::policy::welcome::Welcome;
use tokio_postgres::Client;

use super::{Crawl, number};
use crate::world::{fetched, names, page, pages};

/// A site that is always due, so that nobody goes without work.
fn backlog() -> Vec<NewUrl> {
    pages(&Site::unlimited("wide"), 200)
}

fn site(millis: u64) -> Site {
    Site::polite("h", Duration::from_millis(millis))
}

/// A crawl of ten pages of a polite site, with more to do than anybody asks for; its first URL is claimed by the first of
/// two nodes.
struct Begun {
    crawl: Crawl,
    first: PostgresFrontier,
    other: PostgresFrontier,
    raw: Client,
    lease: Lease,
}

impl Begun {
    async fn new(site: &Site) -> Self {
        let crawl = Crawl::new();
        let first = crawl.create().await;
        first.add(pages(site, 10)).await.unwrap();
        let lease = one(&first).await.expect("it is due");
        first.add(backlog()).await.unwrap();
        first.seeded().await.unwrap();
        Self {
            other: crawl.open().await,
            raw: crawl.raw().await,
            crawl,
            first,
            lease,
        }
    }

    /// Returns how many lanes of the polite site are on lease.
    async fn leased(&self) -> i64 {
        let leased = "SELECT count(*) FROM site_lane WHERE lanes = 1 AND token <> 0";
        number(&self.raw, leased).await
    }

    /// Settles the first URL, and returns whether its lane goes on.
    async fn goes_on(&mut self, outcome: impl FnOnce(Lease) -> Outcome) -> bool {
        let other = one(&self.other).await.expect("a lane of the backlog");
        let lease = std::mem::replace(&mut self.lease, other);
        settle(&self.first, outcome(lease)).await;
        self.leased().await == 1
    }
}

async fn one(frontier: &PostgresFrontier) -> Option<Lease> {
    frontier.claim(1).await.unwrap().leases.pop()
}

async fn settle(frontier: &PostgresFrontier, outcome: Outcome) {
    let settled = frontier.settle(vec![outcome], vec![]).await.unwrap();
    assert_eq!(settled.outcomes, 1);
}

/// Waits until the node is given a page of the polite site; what else it is given it gives back. As it asks for more than
/// there is, nothing follows what it claims in the database.
async fn next_page(frontier: &PostgresFrontier) -> Lease {
    tests::until("the site's turn", async || {
        let mut leases = frontier.claim(300).await.unwrap().leases;
        let at = leases.iter().position(Lease::is_in_a_row);
        let found = at.map(|at| leases.swap_remove(at));
        frontier.release(leases).await.unwrap();
        found
    })
    .await
}

#[tokio::test]
async fn what_follows_comes_in_its_order_under_the_same_lease() {
    let Begun {
        first, raw, lease, ..
    } = Begun::new(&site(0)).await;
    let (mut lease, mut keys, mut urls) = (lease, HashSet::new(), Vec::new());
    for _page in 0..10 {
        keys.insert(lease.key());
        urls.push(lease.url.clone());
        let stats = first.stats().await.unwrap();
        assert_eq!(stats.leased, 1, "what follows is not on lease yet");
        settle(&first, fetched(lease)).await;
        if urls.len() == 10 {
            break;
        }
        lease = next_page(&first).await;
    }
    let expected: Vec<_> = (1..=10).map(|at| format!("http://h/{at}")).collect();
    assert_eq!(urls, expected);
    assert_eq!(keys.len(), 3, "eight under one lease");
    let asleep = "SELECT count(*) FROM site_lane WHERE lanes = 1 AND token = 0 AND held = 0
                  AND next_at = 9223372036854775807";
    assert_eq!(number(&raw, asleep).await, 1);
    assert_eq!(first.stats().await.unwrap().leased, 0);
}

#[tokio::test]
async fn a_short_rest_is_kept_by_the_node_and_a_long_one_by_all() {
    let mut begun = Begun::new(&site(0)).await;
    let began = Instant::now();
    let rest = Duration::from_millis(600);
    assert!(begun.goes_on(|lease| fetched(lease).resting(rest)).await);
    assert!(matches!(
        begun.first.claim(0).await.unwrap().next,
        Next::Now | Next::After(_)
    ));
    let lease = next_page(&begun.first).await;
    assert!(began.elapsed() >= rest, "{:?}", began.elapsed());
    assert_eq!(lease.url, "http://h/2");
    begun.lease = lease;
    let minute = Duration::from_secs(60);
    assert!(!begun.goes_on(|lease| fetched(lease).resting(minute)).await);
    for node in [&begun.first, &begun.other] {
        let leases = node.claim(300).await.unwrap().leases;
        assert!(leases.iter().all(|lease| !lease.is_in_a_row()));
    }
    let polite = "SELECT next_at - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM site_lane WHERE lanes = 1";
    let wait = number(&begun.raw, polite).await;
    assert!((50_000..=60_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn anything_but_a_plain_answer_gives_what_follows_back() {
    let second = Duration::from_secs(1);
    let check = async |what: &str, outcome: fn(Lease) -> Outcome| {
        let mut begun = Begun::new(&site(0)).await;
        assert!(!begun.goes_on(outcome).await, "{what}");
        let lease = next_page(&begun.other).await;
        assert_eq!(lease.url, "http://h/2", "{what}: by the other node");
        let stats = begun.first.stats().await.unwrap();
        assert_eq!(stats.leased, 2, "{what}: with a lane of the backlog");
    };
    check("a retry", |lease| Outcome::retry(lease, Duration::MAX)).await;
    check("it was not asked for", |lease| {
        Outcome::later(lease, Duration::MAX)
    })
    .await;
    check("less welcome", |lease| {
        fetched(lease).welcomed(Welcome::Open { pushbacks: 1 })
    })
    .await;
    let mut begun = Begun::new(&site(5_000)).await;
    assert!(!begun.goes_on(fetched).await, "a long delay");
    let mut begun = Begun::new(&site(0)).await;
    assert!(
        begun
            .goes_on(|lease| fetched(lease).resting(second).unasked())
            .await
    );
    assert_eq!(next_page(&begun.first).await.url, "http://h/2");
}

#[tokio::test]
async fn who_has_no_work_comes_before_what_follows() {
    let crawl = Crawl::new();
    let (first, other) = (crawl.create().await, crawl.open().await);
    for name in ["a", "b", "c"] {
        let site = Site::polite(name, Duration::ZERO);
        first.add(pages(&site, 5)).await.unwrap();
    }
    let leases = first.claim(3).await.unwrap().leases;
    assert_eq!(leases.len(), 3);
    assert_eq!(other.claim(3).await.unwrap().leases, []);
    let outcomes = leases.into_iter().map(fetched).collect();
    first.settle(outcomes, vec![]).await.unwrap();
    let mut urls = names(&other.claim(3).await.unwrap().leases);
    urls.sort();
    assert_eq!(urls, ["http://a/2", "http://b/2", "http://c/2"]);
}

#[tokio::test]
async fn what_is_released_is_everybodys_with_all_that_follows() {
    let Begun {
        first,
        other,
        lease,
        ..
    } = Begun::new(&site(0)).await;
    first.release(vec![lease]).await.unwrap();
    let lease = next_page(&other).await;
    assert_eq!(lease.url, "http://h/1");
}

#[tokio::test]
async fn what_follows_is_everybodys_once_its_node_is_closed() {
    let mut begun = Begun::new(&site(0)).await;
    let (rest, ended) = (Duration::from_millis(900), Instant::now());
    assert!(begun.goes_on(|lease| fetched(lease).resting(rest)).await);
    begun.first.close().await.unwrap();
    assert_eq!(begun.leased().await, 0);
    let lease = next_page(&begun.other).await;
    assert_eq!((lease.url.as_str(), lease.lost), ("http://h/2", 0));
    assert!(ended.elapsed() + Duration::from_millis(1) >= rest);
}

#[tokio::test]
async fn what_its_node_does_not_claim_is_everybodys_soon() {
    let mut begun = Begun::new(&site(0)).await;
    assert!(begun.goes_on(fetched).await);
    let began = Instant::now();
    tests::until("it is given back", async || {
        (begun.leased().await == 0).then_some(())
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "no lease ran out"
    );
    assert_eq!(next_page(&begun.other).await.url, "http://h/2");
}

#[tokio::test]
async fn a_node_that_vanishes_loses_none_of_what_follows() {
    let mut begun = Begun::new(&site(0)).await;
    assert!(begun.goes_on(fetched).await);
    let second = next_page(&begun.first).await;
    let lost = second.key();
    drop(begun.first);
    begun
        .raw
        .batch_execute("UPDATE site_lane SET next_at = 0 WHERE token <> 0")
        .await
        .unwrap();
    let mut urls = BTreeSet::new();
    loop {
        let claims = begun.other.claim(50).await.unwrap();
        if claims.leases.is_empty() && claims.next == Next::Done {
            break;
        }
        for lease in &claims.leases {
            assert_ne!(lease.key(), lost);
            assert_eq!(lease.lost, 0, "it was never alone on lease");
        }
        urls.extend(names(&claims.leases));
        let outcomes = claims.leases.into_iter().map(fetched).collect();
        begun.other.settle(outcomes, vec![]).await.unwrap();
    }
    let left = (2..=10).map(|at| format!("http://h/{at}"));
    assert!(left.into_iter().all(|url| urls.contains(&url)), "{urls:?}");
    let stats = begun.other.stats().await.unwrap();
    assert_eq!((stats.fetched, stats.leased, stats.queued), (210, 0, 0));
}

#[tokio::test]
async fn a_lease_that_is_lost_goes_on_with_nothing() {
    let Begun {
        first,
        other,
        raw,
        lease,
        ..
    } = Begun::new(&site(0)).await;
    raw.batch_execute("UPDATE site_lane SET next_at = 0 WHERE token <> 0")
        .await
        .unwrap();
    let again = next_page(&other).await;
    assert_eq!(again.url, lease.url);
    let key = lease.key();
    settle(&first, fetched(lease)).await;
    assert_eq!(first.renew(vec![key]).await.unwrap(), [key]);
    let leases = first.claim(300).await.unwrap().leases;
    assert!(leases.iter().all(|lease| !lease.is_in_a_row()));
    assert_eq!(first.stats().await.unwrap().leased, 1 + leases.len() as u64);
}

#[tokio::test]
async fn a_late_answer_that_asks_for_a_rest_is_heard_by_who_goes_on() {
    let mut begun = Begun::new(&site(0)).await;
    // As if it was let go by the first in time, for of a lane that was lost nothing follows.
    begun
        .raw
        .batch_execute("UPDATE site_lane SET next_at = 0, token = 0 WHERE token <> 0")
        .await
        .unwrap();
    let again = one(&begun.other).await.expect("it is due for longest");
    assert!(again.is_in_a_row());
    let late = std::mem::replace(&mut begun.lease, again);
    let rest = Duration::from_secs(60);
    settle(&begun.first, fetched(late).resting(rest)).await;
    let again = begun.lease;
    let done = begun.other.settle(vec![fetched(again)], vec![]).await;
    assert_eq!(done.unwrap().late, 1);
    for node in [&begun.first, &begun.other] {
        let leases = node.claim(300).await.unwrap().leases;
        assert!(leases.iter().all(|lease| !lease.is_in_a_row()));
    }
}

#[tokio::test]
async fn a_budget_of_pages_is_not_overdrawn_by_what_follows() {
    let mut begun = Begun::new(&site(0)).await;
    begun.first.allow(Some(1)).await.unwrap();
    settle(&begun.first, fetched(begun.lease)).await;
    let claims = begun.first.claim(9).await.unwrap();
    assert_eq!((claims.leases, claims.next), (vec![], Next::Spent));
    assert_eq!(begun.first.stats().await.unwrap().leased, 0);
    begun.first.allow(Some(5)).await.unwrap();
    begun.lease = next_page(&begun.first).await;
    assert!(!begun.goes_on(fetched).await, "it is counted by all nodes");
}

#[tokio::test]
async fn a_site_that_went_on_rests_when_its_only_process_begins_again() {
    let mut begun = Begun::new(&site(0)).await;
    let rest = Duration::from_millis(2_900);
    assert!(begun.goes_on(|lease| fetched(lease).resting(rest)).await);
    let ended = Instant::now();
    drop((begun.first, begun.other));
    let alone = begun.crawl.options().alone().open().await.unwrap();
    let lease = next_page(&alone).await;
    assert!(ended.elapsed() + Duration::from_millis(2) >= rest);
    assert_eq!(lease.url, "http://h/2");
}

const SITES: usize = 30;
const PAGES: usize = 12;
const DELAY: Duration = Duration::from_millis(40);

/// What two nodes saw of the sites that they fetched together.
#[derive(Default)]
struct Seen {
    ended: BTreeMap<SiteId, Instant>,
    gaps: Vec<Duration>,
    urls: BTreeSet<String>,
    keys: HashSet<LeaseKey>,
    nodes: BTreeMap<SiteId, BTreeSet<usize>>,
}

/// Fetches as one of the nodes until the crawl is done.
async fn fetch_all(node: usize, frontier: PostgresFrontier, seen: Arc<Mutex<Seen>>) {
    loop {
        let claims = frontier.claim(5).await.unwrap();
        if claims.leases.is_empty() {
            match claims.next {
                Next::Done => break,
                Next::After(wait) => {
                    let changed = frontier.changed(claims.round);
                    let _changed = tokio::time::timeout(wait, changed).await;
                }
                Next::Now => {}
                _ => frontier.changed(claims.round).await,
            }
            continue;
        }
        {
            let mut seen = seen.lock().unwrap();
            for lease in &claims.leases {
                if let Some(ended) = seen.ended.get(&lease.site) {
                    let gap = ended.elapsed();
                    seen.gaps.push(gap);
                }
                assert!(seen.urls.insert(lease.url.clone()), "{} twice", lease.url);
                seen.keys.insert(lease.key());
                seen.nodes.entry(lease.site).or_default().insert(node);
            }
        }
        tokio::task::yield_now().await;
        let ended = claims
            .leases
            .iter()
            .map(|lease| (lease.site, Instant::now()));
        seen.lock().unwrap().ended.extend(ended);
        let outcomes = claims.leases.into_iter().map(|lease| {
            let number: usize = lease.url.rsplit('/').next().unwrap().parse().unwrap();
            let name = lease.url.split('/').nth(2).unwrap().to_owned();
            let links = (number + 1..=number + 3).filter(|number| *number <= PAGES);
            let links: Vec<_> = links
                .map(|number| page(&Site::polite(name.clone(), DELAY), number))
                .collect();
            fetched(lease).with_links(links)
        });
        let settled = frontier.settle(outcomes.collect(), vec![]).await.unwrap();
        assert_eq!(settled.late, 0);
    }
    frontier.close().await.unwrap();
}

/// Two nodes fetch sites together, now one and now the other the same; each rests between two fetches, whoever makes
/// them, and each page is fetched once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_rests_between_two_fetches_whichever_node_makes_them() {
    let crawl = Crawl::new();
    let first = crawl.options().create(Job::default()).await.unwrap();
    let sites = (0..SITES).map(|at| Site::polite(format!("site{at}"), DELAY));
    let seeds = sites.flat_map(|site| pages(&site, 3)).collect();
    first.add(seeds).await.unwrap();
    first.seeded().await.unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let other = crawl.open().await;
    let nodes = [(0, first), (1, other)];
    let nodes =
        nodes.map(|(node, frontier)| tokio::spawn(fetch_all(node, frontier, Arc::clone(&seen))));
    for node in nodes {
        node.await.unwrap();
    }
    let raw = crawl.raw().await;
    let left = "SELECT sum(leased)::bigint + sum(queued)::bigint FROM tally";
    assert_eq!(number(&raw, left).await, 0);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.urls.len(), SITES * PAGES);
    let shortest = seen.gaps.iter().min().copied().unwrap();
    // The database counts in milliseconds.
    assert!(shortest + Duration::from_millis(1) >= DELAY, "{shortest:?}");
    let leases = seen.keys.len();
    assert!(leases < SITES * PAGES, "nothing followed: {leases} leases");
    let shared = seen.nodes.values().filter(|nodes| nodes.len() == 2);
    assert!(shared.count() > 0, "no site went from one to the other");
}
