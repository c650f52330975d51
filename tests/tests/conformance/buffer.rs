//! The buffer alone.

use stage::protocol::Buffer;
use stage::{WhenFull, producer};

use crate::fixtures::*;

fn two_stores(when_full: WhenFull) -> Vec<char> {
    let mut buffer = Buffer::new(3, when_full);
    assert_eq!(buffer.store(&mut vec!['a', 'b', 'c']), 0);
    assert_eq!(buffer.store(&mut vec!['d', 'e', 'f']), 3);
    assert_eq!(buffer.len(), 3);
    buffer.take(3)
}

#[test]
fn gs_160_keep_first() {
    assert_eq!(two_stores(WhenFull::DropNewest), ['a', 'b', 'c']);
}

/// Departure: there is no infinite buffer; one with room for the input refuses none of it.
#[test]
fn gs_161_a_buffer_with_room_keeps_all() {
    let mut buffer = Buffer::new(1000, WhenFull::DropNewest);
    assert_eq!(buffer.store(&mut numbers(0..1000)), 0);
    assert_eq!(buffer.len(), 1000);
    assert_eq!(buffer.take(1000), numbers(0..1000));
}

#[test]
fn gs_162_keep_last() {
    assert_eq!(two_stores(WhenFull::DropOldest), ['d', 'e', 'f']);
}

#[test]
fn more_at_once_than_fits_keeps_the_right_end() {
    for (when_full, kept) in [
        (WhenFull::DropNewest, [1, 2, 3]),
        (WhenFull::DropOldest, [3, 4, 5]),
    ] {
        let mut buffer = Buffer::new(3, when_full);
        assert_eq!(buffer.store(&mut vec![1, 2, 3, 4, 5]), 2);
        assert_eq!(buffer.take(9), kept);
        assert!(buffer.take(1).is_empty());
    }
}

/// A capacity of 0 is no buffer: what nobody asked for is dropped and counted at once. Where nothing may be dropped,
/// one event stands before the stage holds back.
#[tokio::test(start_paused = true)]
async fn gsx_09_a_capacity_of_none_is_no_buffer() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
        let silent = producer(Silent(no_log()))
            .buffer(0, when_full)
            .spawn()
            .unwrap();
        silent.call(Queue(numbers(0..3))).await.unwrap();
        assert_eq!((silent.stats().buffered, silent.stats().discarded), (0, 3));
        let mut edge = silent.subscribe();
        edge.request(2.try_into().unwrap());
        rest().await;
        silent.call(Queue(numbers(3..6))).await.unwrap();
        assert_eq!(edge.next().await.unwrap(), Some(vec![3, 4]));
        assert_eq!((silent.stats().buffered, silent.stats().discarded), (0, 4));
        silent.stop().await;
    }
    let fails = producer(Silent(no_log()))
        .buffer(0, WhenFull::Fail)
        .spawn()
        .unwrap();
    fails.call(Queue(numbers(0..1))).await.unwrap();
    assert_eq!(
        fails.join().await.to_string(),
        "failed: the buffer of 0 events is full, and 1 more were emitted than anybody asked for"
    );
    let mut holds = Buffer::new(0, WhenFull::HoldBack);
    assert!(!holds.is_holding_back(0));
    assert_eq!(holds.store(&mut vec![1]), 0);
    assert!(holds.is_holding_back(0));
}
