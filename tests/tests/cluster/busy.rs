//! All places of all nodes are busy where there is enough to fetch: a crawl is as fast as its nodes are many.
//!
//! `CLUSTER_BUSY_SECONDS` is for how long the pages of one node, and then of four, are counted, each a second long. Without
//! it only their requests in flight are, with longer pages, so that it is no matter of the machine's speed.

use std::time::{Duration, Instant};

use slow_api::{HostSnapshot, Server, WebOptions};
use tests::web::{hosts, number_of, site, start, url};
use tests::{Crawler, Postgres, until_within};

/// Hosts of each of two servers.
const HOSTS: usize = 200;
const PLACES: u64 = 50;
const DEADLINE: Duration = Duration::from_secs(120);

/// Four hundred hosts with pages of a second, and the nodes at work on them.
struct Busy {
    servers: [Server; 2],
    nodes: Vec<Crawler>,
}

impl Busy {
    async fn of(nodes: usize, takes: Duration) -> Self {
        let web = WebOptions {
            hosts: hosts(HOSTS),
            site: site(200),
            page_delay: takes,
            ..WebOptions::default()
        };
        let servers = [start(web.clone()).await, start(web).await];
        let postgres = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
        let (frontier, crawl) = (postgres.tcp_url(Postgres::PASSWORD), Postgres::crawl_name());
        let places = PLACES.to_string();
        let flags = [
            "crawl",
            "--frontier",
            &frontier,
            "--crawl",
            &crawl,
            "--concurrency",
            &places,
            "-o",
            "/dev/null",
        ];
        let seeds = servers
            .iter()
            .flat_map(|server| (0..HOSTS).map(|host| url(server, host, "/site/page/0")));
        let seeds: Vec<_> = seeds.collect();
        let flags: Vec<_> = flags
            .into_iter()
            .chain(seeds.iter().map(String::as_str))
            .collect();
        let names = (1..=nodes).map(|node| format!("node{node}"));
        let nodes = names.map(|name| Crawler::start(&[&flags[..], &["--node", &name]].concat()));
        Self {
            nodes: nodes.collect(),
            servers,
        }
    }

    fn sum(&self, of: impl Fn(&HostSnapshot) -> u64) -> u64 {
        let servers = self.servers.iter();
        servers
            .flat_map(|server| server.web_stats().hosts.into_values())
            .map(|host| of(&host))
            .sum()
    }

    fn in_flight(&self) -> u64 {
        self.sum(|host| host.in_flight)
    }

    fn ended(&self) -> u64 {
        self.sum(|host| host.requests - host.robots - host.in_flight)
    }

    async fn end(self) {
        for node in self.nodes {
            node.kill().await;
        }
        for server in self.servers {
            server.stop().await;
        }
    }
}

/// Returns how many pages a second so many nodes fetch, once all their places are busy.
async fn pages_a_second(nodes: usize, time: Duration) -> f64 {
    let takes = Duration::from_secs(if time.is_zero() { 4 } else { 1 });
    let busy = Busy::of(nodes, takes).await;
    let places = PLACES * nodes as u64;
    until_within(DEADLINE, "nearly all places are busy", async || {
        // Each look copies the counts of all hosts.
        tokio::time::sleep(Duration::from_millis(100)).await;
        (busy.in_flight() * 100 >= places * 95).then_some(())
    })
    .await;
    let (began, before) = (Instant::now(), busy.ended());
    tokio::time::sleep(time).await;
    let (pages, elapsed) = (busy.ended() - before, began.elapsed());
    busy.end().await;
    f64::from(u32::try_from(pages).unwrap()) / elapsed.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_nodes_have_four_times_as_many_pages_in_flight_as_one() {
    let time = Duration::from_secs(number_of("CLUSTER_BUSY_SECONDS", 0));
    let [one, four] = [pages_a_second(1, time).await, pages_a_second(4, time).await];
    if !time.is_zero() {
        println!(
            "one node {one:.1} pages/s, four {four:.1}: {:.2} times as many",
            four / one
        );
        assert!(four >= 3.6 * one, "{one} and {four} pages a second");
    }
}
