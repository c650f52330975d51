//! What threads share, under one name each: the standard library's and tokio's own, or, with `--cfg shuttle`, types
//! under which a test chooses who runs at every step.
//!
//! | explored | each of its operations is |
//! |---|---|
//! | [`Mutex`], [`OnceLock`], the atomics | a step of its own, sequentially consistent |
//! | [`runtime::Handle::spawn`], [`task::AbortHandle`] | a step of its own |
//! | [`time::timeout`], [`time::timeout_at`] | over at any step there is |
//!
//! Not explored: what is weaker than sequentially consistent; what happens within an operation of tokio's `SetOnce`,
//! `Semaphore` and `oneshot`, which only wake and so work in any task; tokio's budget, which has no bound outside of
//! tokio; the clock of restart intensities; and what spawns on tokio, and panics without it: `cast_after`, `map_async`
//! and `ConsumerSupervisor`.
//!
//! Code that such tests reach takes these types from here, and `thread_local!`, whose values are then those of one task of the
//! schedule. Without the flag they are re-exports.

#[cfg(not(shuttle))]
mod system;
#[cfg(not(shuttle))]
pub(crate) use system::*;
#[cfg(shuttle)]
mod explored;
#[cfg(shuttle)]
pub(crate) use explored::*;
