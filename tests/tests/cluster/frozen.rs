//! A node that is frozen for longer than its leases last: others take its work, and it goes on when it wakes up.
//!
//! `CLUSTER_FROZEN_SECONDS` is how long it is frozen at least, 31 without it.

use std::time::{Duration, Instant};

use tests::web::{number_of, site};
use tests::{Postgres, until, until_within};

use crate::web::Cluster;

const PLACES: u64 = 4;
const TAKES: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_frozen_for_longer_than_its_leases_wakes_up_and_goes_on() {
    let least = Duration::from_secs(number_of("CLUSTER_FROZEN_SECONDS", 31));
    let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
    // So many that the others still have some to fetch when it wakes up.
    let pages = (least.as_secs() + 12) * 2 * PLACES * 1_000 / 200;
    let site = (site(pages), TAKES);
    let cluster = Cluster::new(server.tcp_url(Postgres::PASSWORD), site, PLACES).await;
    let names = ["frozen", "other1", "other2"];
    let nodes: Vec<_> = names
        .map(|name| (name, cluster.node(name)))
        .into_iter()
        .collect();
    until("all are at work", async || {
        let written = names.map(|name| cluster.written(name));
        written.iter().all(|bytes| *bytes > 5_000).then_some(())
    })
    .await;

    nodes[0].1.signal("STOP").await;
    let began = Instant::now();
    let left = cluster.written("frozen");
    until_within(least * 2, "others take what it had", async || {
        (cluster.asked_again() > 0 && began.elapsed() > least).then_some(())
    })
    .await;
    nodes[0].1.signal("CONT").await;
    let frozen = began.elapsed();
    until("it goes on", async || {
        (cluster.written("frozen") > left + 5_000).then_some(())
    })
    .await;
    let again = cluster.ended(nodes).await;
    println!("{again} of {pages} fetched again, frozen for {frozen:.1?}");
    assert!(again <= 2 * PLACES, "{again} were fetched again");
}
