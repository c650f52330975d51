//! Where URLs stand, as a node reads it that shares no work.

use std::time::Duration;

use crawler::frontier::{Frontier, Outcome, Trace};
use crawler::policy::shares::Demotion;
use tests::tree_url;

use super::Crawl;
use crate::world::fetched;

#[tokio::test]
async fn a_url_is_traced_from_its_queue_to_its_record() {
    let crawl = Crawl::new();
    let frontier = crawl.create().await;
    let [one, two, three] = [1, 2, 3].map(tree_url);
    let urls = [one, two, three.demoted(Demotion::Equal)];
    let hashes = [1, 2, 3, 4].map(|number| tree_url(number).hash);
    frontier.add(urls.to_vec()).await.unwrap();
    let mut leases = frontier.claim(3).await.unwrap().leases;
    leases.retain(|lease| lease.hash != hashes[2]);
    let outcomes = leases.into_iter().map(|lease| {
        if lease.hash == hashes[0] {
            fetched(lease)
        } else {
            Outcome::retry(lease, Duration::from_secs(60))
        }
    });
    frontier.settle(outcomes.collect(), vec![]).await.unwrap();
    let reader = crawl.open().await;
    let traces = reader.traces(&hashes).await.unwrap();
    assert!(
        matches!(traces[&hashes[0]], Trace::Recorded { .. }),
        "{traces:?}"
    );
    let delayed = &traces[&hashes[1]];
    assert!(
        matches!(
            delayed,
            Trace::Delayed {
                attempts: 1,
                demotion: None,
                ..
            }
        ),
        "{traces:?}"
    );
    let queued = &traces[&hashes[2]];
    assert!(
        matches!(
            queued,
            Trace::Queued {
                attempts: 0,
                demotion: Some(Demotion::Equal),
                ..
            }
        ),
        "{traces:?}"
    );
    assert_eq!(traces.len(), 3, "the fourth is not known");
}
