//! A task for each event: its concurrency is the demand, and each child's end asks for the next event.
//!
//! ```text
//!              ┌────── fails ──────┐
//!              ▼                   │
//!  event ──▶ start ───────────▶ running ──▶ ends, or is ended ──▶ its slot is free: asked for again
//!              │ ▲ again                                              ▲
//!              ▼ │                                                    │
//!           restarting ───────▶ is terminated ────────────────────────┘
//! ```
//!
//! Only a child that ran before waits in `restarting`. Where none is started again, a failure frees the slot; and so
//! does a first start that fails.

mod slots;
pub use slots::MinDemand;
mod shutdown;
pub use shutdown::{ChildShutdown, Stopping};
mod start;
pub use start::{StartChild, StartChildError, StartWith};
mod child;
pub use child::{ChildCounts, ChildId, ChildState, ChildTaskStatus};
mod ends;
pub use ends::ChildrenFail;
mod supervisor;
pub use supervisor::ConsumerSupervisor;
mod build;
pub use build::{consumer_supervisor, consumer_supervisor_with};
mod handle;
pub use handle::TerminateChildError;
