//! Sources with an acknowledgement of their own: groups, ends, and acks that outlive them.

use futures::{FutureExt, StreamExt};
use stage::{Ack, Settled, Settlements, Unacknowledged, acks};

use super::in_time;

/// The group that is there now, if there is one.
fn group<K: Send + 'static>(settlements: &mut Settlements<K>) -> Option<Settled<K>> {
    settlements.next().now_or_never().flatten()
}

#[test]
fn a_group_has_all_that_was_settled_since_successes_and_failures_apart() {
    let (acks, mut settlements) = acks();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|key| acks.ack(key));
    assert!(group(&mut settlements).is_none());
    c.acknowledge();
    b.fail("no luck");
    drop(d);
    a.acknowledge();
    let settled = group(&mut settlements).unwrap();
    assert_eq!(settled.acknowledged, ["c", "a"]);
    let [(b, luck), (d, dropped)] = &settled.failed[..] else {
        panic!("two have failed");
    };
    assert_eq!((*b, luck.to_string()), ("b", "no luck".into()));
    assert_eq!((*d, dropped.source().is::<Unacknowledged>()), ("d", true));
    assert!(group(&mut settlements).is_none());
    assert_eq!(settlements.unsettled(), 0);
}

#[test]
fn a_place_that_was_settled_is_taken_again_by_its_next_event_alone() {
    let (acks, mut settlements) = acks();
    for round in 0..100 {
        let [first, second] = [2 * round, 2 * round + 1].map(|key| acks.ack(key));
        second.acknowledge();
        assert_eq!(
            group(&mut settlements).unwrap().acknowledged,
            [2 * round + 1]
        );
        first.acknowledge();
        assert_eq!(group(&mut settlements).unwrap().acknowledged, [2 * round]);
    }
    assert_eq!(settlements.unsettled(), 0);
}

#[test]
fn a_batch_of_several_sources_is_acknowledged_to_each() {
    let ((one, mut of_one), (other, mut of_other)) = (acks(), acks());
    Ack::acknowledge_all([one.ack(1), one.ack(2), other.ack('a'), one.ack(3)]);
    assert_eq!(group(&mut of_one).unwrap().acknowledged, [1, 2, 3]);
    assert_eq!(group(&mut of_other).unwrap().acknowledged, ['a']);
    assert_eq!((of_one.unsettled(), of_other.unsettled()), (0, 0));
}

#[test]
fn a_batch_that_panics_while_it_is_gathered_fails() {
    let (acks, mut settlements) = acks();
    let gathered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Ack::acknowledge_all((0..3).map(|key| {
            if key == 2 {
                std::panic::resume_unwind(Box::new("a panic on purpose"));
            }
            acks.ack(key)
        }));
    }));
    assert!(gathered.is_err());
    let settled = group(&mut settlements).unwrap();
    assert_eq!((settled.acknowledged.len(), settled.failed.len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn settlements_end_when_no_more_acks_are_made_and_all_were_heard_of() {
    let (acks, mut settlements) = acks();
    let (other, last) = (acks.clone(), acks.ack(1));
    drop((acks, other));
    let settles = tokio::spawn(async move {
        tokio::task::yield_now().await;
        last.acknowledge();
    });
    assert_eq!(in_time(settlements.next()).await.unwrap().acknowledged, [1]);
    assert!(in_time(settlements.next()).await.is_none());
    in_time(settles).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_when_the_last_maker_goes() {
    let (acks, mut settlements) = acks::<u8>();
    let waits = tokio::spawn(async move { settlements.next().await.is_none() });
    tokio::task::yield_now().await;
    drop(acks);
    assert!(in_time(waits).await.unwrap());
}

#[test]
fn acks_that_outlive_their_source_do_nothing() {
    let (acks, settlements) = acks();
    let (mut keys, key) = (Vec::new(), std::sync::Arc::new(()));
    for _ in 0..3 {
        keys.push(acks.ack(std::sync::Arc::clone(&key)));
    }
    drop(settlements);
    assert_eq!(std::sync::Arc::strong_count(&key), 1, "keys are dropped");
    keys.push(acks.ack(std::sync::Arc::clone(&key)));
    assert_eq!(std::sync::Arc::strong_count(&key), 1, "and not kept anew");
    keys.pop().unwrap().acknowledge();
    keys.pop().unwrap().fail("no luck");
    drop(keys);
}
