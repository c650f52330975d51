//! A node whose way to the database stalls in mid-crawl: the others go on, and it comes back by itself.

use std::time::Duration;

use tests::web::{pages_asked, site};
use tests::{Postgres, until};

use crate::proxy::Proxy;
use crate::web::Cluster;

const STALL: Duration = Duration::from_secs(10);
const PLACES: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_the_database_does_not_answer_for_a_while_comes_back_by_itself() {
    let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
    let direct = server.tcp_url(Postgres::PASSWORD);
    let proxy = Proxy::before(server.port()).await;
    let site = (site(1_500), Duration::from_millis(100));
    let cluster = Cluster::new(direct.clone(), site, PLACES).await;
    let by_proxy = direct.replace(
        &format!(":{}/", server.port()),
        &format!(":{}/", proxy.port()),
    );
    let nodes = vec![
        ("stalled", cluster.node_by(&by_proxy, "stalled")),
        ("other", cluster.node("other")),
    ];
    until("both are at work", async || {
        let written = ["stalled", "other"].map(|name| cluster.written(name));
        written.iter().all(|bytes| *bytes > 20_000).then_some(())
    })
    .await;

    proxy.stall(true);
    let began = pages_asked(&cluster.server, 0);
    let (mut asked, mut silent) = (began, 0);
    for _second in 0..STALL.as_secs() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = pages_asked(&cluster.server, 0);
        silent = if now == asked { silent + 1 } else { 0 };
        // What the stalled one had locked is free again long before.
        assert!(
            silent < 8,
            "nobody goes on, {} asked for in all",
            now - began
        );
        asked = now;
    }
    let left = cluster.written("stalled");
    proxy.stall(false);
    until("it goes on", async || {
        (cluster.written("stalled") > left + 20_000).then_some(())
    })
    .await;
    let again = cluster.ended(nodes).await;
    println!(
        "{} asked for in a stall, {again} fetched again",
        asked - began
    );
    assert!(again <= 2 * PLACES, "{again} were fetched again");
}
