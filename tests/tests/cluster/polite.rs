//! Politeness is the cluster's, not a node's: delays, robots.txt, and what a site asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slow_api::WebOptions;
use tests::web::{assert_each_once, counts, hosts, pages_asked, reachable, site, start, url};
use tests::{Answer, Crawler, Postgres, Scripted, until, urls_in};

/// The flags that several nodes of one crawl share.
struct Shared(Vec<String>);

impl Shared {
    async fn of(seeds: &[String], flags: &[&str]) -> Self {
        let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
        let (frontier, crawl) = (server.tcp_url(Postgres::PASSWORD), Postgres::crawl_name());
        let shared = ["crawl", "--frontier", &frontier, "--crawl", &crawl];
        let texts = shared.into_iter().chain(flags.iter().copied());
        let texts = texts.chain(seeds.iter().map(String::as_str));
        Self(texts.map(str::to_owned).collect())
    }

    /// Starts a node, whose records go to standard output.
    fn node(&self, name: &str) -> Crawler {
        let texts = self.0.iter().map(String::as_str);
        Crawler::start(&texts.chain(["--node", name]).collect::<Vec<_>>())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_is_left_alone_for_the_delay_by_all_nodes_together() {
    const HOSTS: usize = 24;
    let site = site(8);
    let web = WebOptions {
        hosts: hosts(HOSTS),
        site,
        ..WebOptions::default()
    };
    let server = start(web.clone()).await;
    let seeds: Vec<_> = (0..HOSTS)
        .map(|host| url(&server, host, "/site/page/0"))
        .collect();
    let shared = Shared::of(&seeds, &["--delay", "200ms", "--concurrency", "8"]).await;
    let asked = async |least: u64| {
        until("pages are asked for", async || {
            let asked: u64 = (0..HOSTS).map(|host| pages_asked(&server, host)).sum();
            (asked >= least).then_some(asked)
        })
        .await
    };
    // The first waits until others have their share, however long they take to start.
    let first = shared.node("node1");
    let by_first = asked(2).await;
    first.signal("STOP").await;
    let others = ["node2", "node3"].map(|name| shared.node(name));
    asked(by_first + 16).await;
    first.signal("CONT").await;
    let nodes = others.into_iter().chain([first]);
    let (mut urls, mut shares) = (BTreeMap::new(), Vec::new());
    for node in nodes {
        let ended = node.ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        let own = urls_in(&ended.stdout);
        shares.push(own.len());
        for (url, times) in own {
            *urls.entry(url).or_default() += times;
        }
    }
    let asked_by = shares.iter().filter(|share| **share > 0).count();
    assert!(asked_by >= 2, "one did all: {shares:?}");
    for host in 0..HOSTS {
        let counts = counts(&server, host);
        assert_eq!((counts.requests, counts.robots), (site.open() + 1, 1));
        assert_eq!((counts.max_in_flight, counts.disallowed), (1, 0));
        let gap = counts.any_gap_min_us.unwrap();
        assert!(gap >= 199_000, "host {host}: {gap} µs");
        assert_each_once(&urls, &reachable(&server, host, &web.site_of(host)));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_site_asks_of_one_node_holds_for_the_next() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let server = Scripted::start(move |path, before| {
        if path == "/robots.txt" {
            return Answer::Status(404, "");
        }
        notes.lock().unwrap().push(Instant::now());
        match before {
            0 => Answer::Status(429, "retry-after: 4\r\n"),
            _ => Answer::Status(200, ""),
        }
    });
    let server = server.await;
    let seeds = [format!("{}/", server.url())];
    let shared = Shared::of(&seeds, &["--delay", "1ms"]).await;
    let met = shared.node("met");
    until("one node met it", async || {
        (!asked.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    met.signal("INT").await;
    assert_eq!(met.ended().await.code(), 3);
    let next = shared.node("next").ended().await;
    assert_eq!(next.code(), 0, "{}", next.stderr);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    let gap = asked[1] - asked[0];
    assert!(gap >= Duration::from_millis(3_999), "{gap:?}");
    // Its robots.txt is known too.
    assert_eq!(server.counts()["/robots.txt"], 1);
}
