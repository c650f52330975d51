//! The bytes of a body with a content coding as they came, kept beside what is decoded of them, for an archive.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Room is made in steps of at least this size.
const STEP_BYTES: usize = 16 * 1024;

/// The bytes as they come. Whoever brings them waits until there is room, and whoever decodes them makes it, so that no
/// more is held than is reserved of the memory, however little a decoder makes of much.
#[derive(Debug)]
pub(super) struct Wire {
    bytes_max: usize,
    kept: Mutex<Kept>,
    /// Told when more capacity is wanted, and when it is there.
    wanting: Notify,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// What it may hold: what is reserved.
    capacity: usize,
    /// What it would hold with the piece that waits.
    wanted: usize,
    standing: Standing,
}

/// Whether what is kept is all that came so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// It is.
    #[default]
    Whole,
    /// More came than the cap.
    Cut,
    /// It is, but the connection broke.
    Broken,
}

impl Wire {
    /// Keeps so many bytes at most.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            kept: Mutex::default(),
            wanting: Notify::new(),
            grown: Notify::new(),
        }
    }

    /// Keeps a piece, as far as it is within the cap, when there is room for it.
    pub(super) async fn keep(&self, piece: &[u8]) {
        loop {
            {
                let mut kept = self.lock();
                let free = self.bytes_max - kept.bytes.len();
                let part = &piece[..piece.len().min(free)];
                if part.len() < piece.len() {
                    kept.standing = Standing::Cut;
                }
                kept.wanted = kept.bytes.len() + part.len();
                if kept.wanted <= kept.capacity {
                    kept.bytes.extend_from_slice(part);
                    return;
                }
            }
            self.wanting.notify_one();
            self.grown.notified().await;
        }
    }

    /// Waits until more room is wanted; returns the capacity that is.
    ///
    /// # Cancel safety
    ///
    /// One that is dropped has taken nothing; the want is told again.
    pub(super) async fn wants(&self) -> usize {
        self.wanting.notified().await;
        let kept = self.lock();
        let step = STEP_BYTES.max(kept.capacity / 4);
        let capacity = kept.wanted.max(kept.capacity + step);
        capacity.min(self.bytes_max)
    }

    /// Lets it hold so many bytes, which are reserved.
    pub(super) fn grow_to(&self, capacity: usize) {
        let mut kept = self.lock();
        let more = capacity.saturating_sub(kept.bytes.len());
        kept.bytes.reserve_exact(more);
        kept.capacity = capacity;
        drop(kept);
        self.grown.notify_one();
    }

    /// Takes note that the connection broke.
    pub(super) fn break_off(&self) {
        let mut kept = self.lock();
        if kept.standing == Standing::Whole {
            kept.standing = Standing::Broken;
        }
    }

    /// Returns whether what is kept is all that came so far.
    pub(super) fn standing(&self) -> Standing {
        self.lock().standing
    }

    /// Returns what was kept.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_piece_waits_for_its_room_and_what_is_past_the_cap_is_left_out() {
        let wire = Wire::new(20_000);
        let piece = [7; 15_000];
        let mut first = Box::pin(wire.keep(&piece));
        assert!((&mut first).now_or_never().is_none());
        assert_eq!(wire.wants().now_or_never(), Some(STEP_BYTES));
        wire.grow_to(STEP_BYTES);
        assert!(first.now_or_never().is_some());
        let mut second = Box::pin(wire.keep(&piece));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(wire.wants().now_or_never(), Some(20_000));
        wire.grow_to(20_000);
        assert!(second.now_or_never().is_some());
        assert!(wire.keep(&piece).now_or_never().is_some());
        assert_eq!(wire.standing(), Standing::Cut);
        assert_eq!(wire.take(), vec![7; 20_000]);
    }
}
