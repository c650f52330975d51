//! A site whose nodes are killed again and again, and its database once: all pages, each once in the outputs.
//!
//! `CLUSTER_PAGES` is the size of the site, 1,200 without it, `CLUSTER_KILLS` how many nodes are killed, 3 without it, and
//! `CLUSTER_SEED` decides which and when.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tests::Postgres;
use tests::web::{number_of, site};

use crate::web::Cluster;

const NODES: [&str; 3] = ["node1", "node2", "node3"];
const PLACES: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_killed_again_and_again_and_the_database_once_and_each_page_is_there_once() {
    let (pages, kills) = (
        number_of("CLUSTER_PAGES", 1_200),
        number_of("CLUSTER_KILLS", 3),
    );
    let mut random = ChaCha8Rng::seed_from_u64(number_of("CLUSTER_SEED", 1));
    let mut postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let site = (site(pages), Duration::from_millis(25));
    let cluster = Cluster::new(postgres.tcp_url(Postgres::PASSWORD), site, PLACES).await;
    let began = Instant::now();
    let mut nodes = NODES
        .map(|name| (name, cluster.node(name)))
        .into_iter()
        .collect::<Vec<_>>();
    let share = pages * 9 / 10 / (kills + 1);
    for kill in 0..kills {
        let asked = kill * share + random.random_range(share / 2..share);
        cluster.asked(asked).await;
        let (name, killed) = nodes.remove(random.random_range(0..nodes.len()));
        killed.kill().await;
        nodes.push((name, cluster.node(name)));
        if kill == kills / 2 {
            cluster.asked(asked + share / 2).await;
            postgres = tokio::task::spawn_blocking(|| {
                postgres.kill();
                postgres.restart();
                postgres
            })
            .await
            .unwrap();
        }
    }
    let again = cluster.ended(nodes).await;
    println!(
        "{pages} pages, {kills} nodes killed and the database once: {again} fetched again, in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    // What a node has begun and not settled is its places and a batch of as many; with the database the last claims of
    // each node may be lost.
    let most = (kills + NODES.len() as u64) * 2 * PLACES;
    assert!(
        again <= most,
        "{again} were fetched again, of {most} in flight"
    );
}
