//! What threads share, under one name each: the standard library's and tokio's own, or, with `--cfg shuttle`, types under
//! which a test chooses who runs at every step.
//!
//! | explored | not explored: one step each, or not to be had |
//! |---|---|
//! | [`Mutex`], [`OnceLock`], the atomics | memory weaker than sequentially consistent |
//! | [`runtime::Handle::spawn`], [`task::AbortHandle`] | `SetOnce`, `Semaphore` and `oneshot` of tokio: they only wake, so they work in any task, but nobody comes in between their own steps |
//! | [`time::timeout`]: it may be over at any step | tokio's `JoinSet`, and so `cast_after`, `map_async` and `ConsumerSupervisor`: they spawn on tokio, and panic |
//! | | tokio's budget, which is without a bound outside of tokio; the clock of restart intensities |
//!
//! The runtime takes these types from here and from nowhere else. Without the flag they are re-exports.

#[cfg(not(shuttle))]
mod system;
#[cfg(not(shuttle))]
pub(crate) use system::*;
#[cfg(shuttle)]
mod explored;
#[cfg(shuttle)]
pub(crate) use explored::*;
