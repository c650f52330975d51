//! The buffer alone.

use stage::WhenFull;
use stage::protocol::Buffer;

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
