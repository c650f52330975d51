//! Membership: names that one node has at a time, and what the nodes tell of themselves.

use crawler::frontier::{FrontierError, Pulse};

use super::{Crawl, number};

fn pulse(in_flight: usize) -> Pulse {
    Pulse {
        capacity: 10,
        in_flight,
        rate: 2.5,
        is_draining: false,
    }
}

#[tokio::test]
async fn nodes_join_tell_of_themselves_and_leave() {
    let crawl = Crawl::new();
    let a = crawl.options().node("a").unwrap();
    let b = crawl.options().node("b").unwrap();
    let a = a.create(Default::default()).await.unwrap();
    let b = b.open().await.unwrap();
    assert_eq!(a.nodes().await.unwrap(), []);
    let joined = a.join("10.0.0.1").await.unwrap();
    let other = b.join("10.0.0.2").await.unwrap();
    joined.beat(pulse(3)).await.unwrap();
    let draining = Pulse {
        is_draining: true,
        ..pulse(0)
    };
    other.beat(draining).await.unwrap();
    let nodes = b.nodes().await.unwrap();
    let told: Vec<_> = nodes
        .iter()
        .map(|node| (node.name.as_str(), node.address.as_str(), node.pulse))
        .collect();
    assert_eq!(
        told,
        [("a", "10.0.0.1", pulse(3)), ("b", "10.0.0.2", draining)]
    );
    assert!(nodes[0].silent_for.as_secs() < 30, "{nodes:?}");
    joined.leave().await.unwrap();
    let names: Vec<_> = a
        .nodes()
        .await
        .unwrap()
        .into_iter()
        .map(|node| node.name)
        .collect();
    assert_eq!(names, ["b"]);
}

#[tokio::test]
async fn a_name_in_use_is_refused_until_it_is_free() {
    let crawl = Crawl::new();
    crawl.create().await;
    let options = crawl.options().node("same").unwrap();
    let (first, second) = (options.open().await.unwrap(), options.open().await.unwrap());
    let joined = first.join("here").await.unwrap();
    let refused = second.join("there").await.unwrap_err();
    assert!(
        matches!(&refused, FrontierError::NodeInUse { name, .. } if name == "same"),
        "{refused}"
    );
    assert!(refused.to_string().contains("node same"), "{refused}");
    joined.leave().await.unwrap();
    let joined = tests::until("the name is free", async || second.join("there").await.ok());
    joined.await.beat(pulse(1)).await.unwrap();
    assert_eq!(second.nodes().await.unwrap()[0].address, "there");
}

/// Without the session's lock a node that is cut off and one of the same name that came since would both be it.
#[tokio::test]
async fn who_loses_the_session_has_the_name_again_unless_another_took_it() {
    let crawl = Crawl::new();
    crawl.create().await;
    let options = crawl.options().node("same").unwrap();
    let (first, second) = (options.open().await.unwrap(), options.open().await.unwrap());
    let joined = first.join("here").await.unwrap();
    let raw = crawl.raw().await;
    let locks = "FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database
                 WHERE datname = current_database()) AND mode = 'ExclusiveLock' AND pid IN (SELECT pid
                 FROM pg_stat_activity WHERE application_name = (SELECT 'crawler ' || substr(current_schema(), 7)))";
    let cut = format!("SELECT count(pg_terminate_backend(pid)) {locks}");
    let held = format!("SELECT count(*) {locks}");
    for _cut in 0..2 {
        assert_eq!(number(&raw, &cut).await, 1);
        tests::until("the session is gone", async || {
            (number(&raw, &held).await == 0).then_some(())
        })
        .await;
        // The first beat may find out, the next has the name again.
        let beaten = tests::until("it beats again", async || joined.beat(pulse(1)).await.ok());
        beaten.await;
    }
    assert_eq!(number(&raw, &cut).await, 1);
    let taken = tests::until("another takes it", async || second.join("there").await.ok());
    let taken = taken.await;
    let lost = tests::until("it is told", async || match joined.beat(pulse(1)).await {
        Err(error) if error.is_temporary() => None,
        beaten => Some(beaten.unwrap_err()),
    });
    let lost = lost.await;
    assert!(matches!(lost, FrontierError::NodeInUse { .. }), "{lost}");
    taken.beat(pulse(2)).await.unwrap();
    joined.leave().await.unwrap();
    assert_eq!(
        second.nodes().await.unwrap().len(),
        1,
        "the row is another's"
    );
}

/// A transaction that is open for days, in a session that begins all with one snapshot unless it is told otherwise.
#[tokio::test]
async fn who_holds_a_name_keeps_no_row_from_vacuum() {
    let mut crawl = Crawl::new();
    crawl.url += "&options=-c%20default_transaction_isolation%3Dserializable";
    crawl.create().await;
    let frontier = crawl.options().node("a").unwrap().open().await.unwrap();
    let joined = frontier.join("here").await.unwrap();
    for _beat in 0..2 {
        joined.beat(pulse(1)).await.unwrap();
    }
    let of_it = format!(
        "FROM pg_stat_activity WHERE application_name = 'crawler {}' AND xact_start IS NOT NULL",
        crawl.name
    );
    let raw = crawl.raw().await;
    assert_eq!(number(&raw, &format!("SELECT count(*) {of_it}")).await, 1);
    let holds = format!(
        "SELECT count(*) {of_it} AND (backend_xmin, backend_xid) IS DISTINCT FROM (NULL, NULL)"
    );
    assert_eq!(number(&raw, &holds).await, 0);
    joined.leave().await.unwrap();
}
