//! The memory for bodies in flight: a fetch reads on only with a share of it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is shared is counted in pieces of this size.
const PIECE_BYTES: usize = 16 * 1024;

/// A bound on the bytes of all bodies that are read and not let go.
///
/// Fetches that wait for each other's memory would wait for ever, so one of them at a time may go beyond the bound, by its
/// own cap: all bodies together hold at most the bound and one body more.
///
/// ```
/// use crawler::fetch::Memory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let memory = Memory::new(1024 * 1024);
/// let mut body = memory.reserve();
/// body.grow_to(100_000).await;
/// assert!(memory.free_bytes() <= 1024 * 1024 - 100_000);
/// drop(body);
/// assert_eq!(memory.free_bytes(), 1024 * 1024);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Memory {
    pieces: Arc<Semaphore>,
    /// The right to go beyond the bound.
    beyond: Arc<Semaphore>,
}

/// What one body holds of the memory; dropping it gives it back.
#[derive(Debug)]
pub struct Reserved {
    memory: Memory,
    pieces: usize,
    held: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// Makes a bound of so many bytes, rounded down to 16 KiB and at least that.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let pieces = (bytes / PIECE_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            pieces: Arc::new(Semaphore::new(pieces)),
            beyond: Arc::new(Semaphore::new(1)),
        }
    }

    /// Returns how many bytes are held by nobody.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.pieces.available_permits() * PIECE_BYTES
    }

    /// Begins a body that holds nothing yet.
    #[must_use]
    pub fn reserve(&self) -> Reserved {
        Reserved {
            memory: self.clone(),
            pieces: 0,
            held: None,
            beyond: None,
        }
    }
}

impl Reserved {
    /// Waits until the body may hold so many bytes.
    ///
    /// # Cancel safety
    ///
    /// What was reserved before stays reserved.
    pub async fn grow_to(&mut self, bytes: usize) {
        let pieces = bytes.div_ceil(PIECE_BYTES);
        if self.beyond.is_some() || pieces <= self.pieces {
            return;
        }
        let more = u32::try_from(pieces - self.pieces).unwrap_or(u32::MAX);
        let (shared, beyond) = (
            Arc::clone(&self.memory.pieces),
            Arc::clone(&self.memory.beyond),
        );
        // Both semaphores live as long as this and are never closed.
        tokio::select! {
            biased;
            Ok(permit) = shared.acquire_many_owned(more) => {
                self.pieces = pieces;
                match &mut self.held {
                    Some(held) => held.merge(permit),
                    None => self.held = Some(permit),
                }
            }
            Ok(permit) = beyond.acquire_owned() => self.beyond = Some(permit),
        }
    }

    /// Gives back what the body does not hold, now that it is read.
    pub fn shrink_to(&mut self, bytes: usize) {
        let pieces = bytes.div_ceil(PIECE_BYTES);
        if let Some(held) = &mut self.held
            && let Some(more) = self.pieces.checked_sub(pieces)
            && let Some(_given_back) = held.split(more)
        {
            self.pieces = pieces;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_body_may_go_beyond_and_the_others_wait() {
        let memory = Memory::new(10 * PIECE_BYTES);
        let [mut a, mut b, mut c] = [(); 3].map(|()| memory.reserve());
        a.grow_to(6 * PIECE_BYTES).await;
        b.grow_to(4 * PIECE_BYTES).await;
        a.grow_to(9 * PIECE_BYTES).await;
        assert!(c.grow_to(1).now_or_never().is_none());
        assert!(b.grow_to(5 * PIECE_BYTES).now_or_never().is_none());
        drop(a);
        b.grow_to(5 * PIECE_BYTES).await;
        c.grow_to(1).await;
        drop((b, c));
        assert_eq!(memory.free_bytes(), 10 * PIECE_BYTES);
    }

    #[tokio::test]
    async fn what_a_body_does_not_hold_is_given_back() {
        let memory = Memory::new(10 * PIECE_BYTES);
        let mut body = memory.reserve();
        body.grow_to(8 * PIECE_BYTES).await;
        body.shrink_to(2 * PIECE_BYTES + 1);
        assert_eq!(memory.free_bytes(), 7 * PIECE_BYTES);
        body.shrink_to(9 * PIECE_BYTES);
        assert_eq!(memory.free_bytes(), 7 * PIECE_BYTES);
        body.grow_to(4 * PIECE_BYTES).await;
        assert_eq!(memory.free_bytes(), 6 * PIECE_BYTES);
        body.shrink_to(0);
        assert_eq!(memory.free_bytes(), 10 * PIECE_BYTES);
    }

    #[tokio::test]
    async fn a_body_larger_than_the_memory_is_read_all_the_same() {
        let memory = Memory::new(1);
        memory.reserve().grow_to(1024 * PIECE_BYTES).await;
        memory.reserve().grow_to(1024 * PIECE_BYTES).await;
    }
}
