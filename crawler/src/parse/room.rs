//! Room for the references of a page, which a thread keeps from one page to the next: to ask the allocator for as much takes
//! a lock that all threads share.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut, Range};

use foldhash::fast::RandomState;

use super::LinkKind;
use crate::web_url::UrlHash;

/// Where each of some texts stands, by its hash, which a page could choose: mixed with what it can't know.
pub(super) type Places<H> = HashMap<H, usize, RandomState>;

/// What a page of more references than this took is not kept, nor what one of longer texts did: some 100 KiB a thread.
const REFERENCES_MAX: usize = 512;
const TEXT_BYTES_MAX: usize = 32 * 1024;

thread_local! {
    static ROOM: Cell<Room> = Cell::default();
}

/// A link as it is written, whose text is one with those of the others.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) text: Range<usize>,
    pub(super) kind: LinkKind,
    pub(super) nofollow: bool,
}

/// The references of a page.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Where among the references each text stands, by its hash.
    pub(super) places: Places<u64>,
    pub(super) references: Vec<Kept>,
    /// Their texts, one behind the other.
    pub(super) texts: String,
    /// Where among the links each URL stands.
    pub(super) urls: Places<UrlHash>,
}

impl Room {
    fn is_kept(&self) -> bool {
        self.references.capacity() <= REFERENCES_MAX && self.texts.capacity() <= TEXT_BYTES_MAX
    }

    fn clear(&mut self) {
        self.places.clear();
        self.references.clear();
        self.texts.clear();
        self.urls.clear();
    }
}

/// The thread's room, empty, for as long as a page is read.
#[derive(Debug)]
pub(super) struct Lent(Room);

impl Lent {
    pub(super) fn take() -> Self {
        Self(ROOM.take())
    }
}

impl Deref for Lent {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.0
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Room {
        &mut self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_kept() {
            self.clear();
            // A thread that ends has none any more.
            let _none = ROOM.try_with(|room| room.set(std::mem::take(&mut self.0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_room_that_is_not_large_and_lends_it_empty() {
        let fill = |count: usize| {
            let mut room = Lent::take();
            room.references.reserve_exact(count);
            room.texts.push('a');
            room.places.insert(1, 1);
            room.urls.insert(UrlHash(1), 1);
        };
        fill(REFERENCES_MAX);
        let room = Lent::take();
        assert_eq!(room.references.capacity(), REFERENCES_MAX);
        assert!(room.texts.is_empty() && room.places.is_empty() && room.urls.is_empty());
        assert_eq!(Lent::take().references.capacity(), 0, "it is lent");
        drop(room);
        fill(REFERENCES_MAX + 1);
        assert_eq!(Lent::take().references.capacity(), 0);
    }
}
