//! Stages that are driven from one task.
//!
//! ```text
//!             ┌─────────── the task of the group ───────────┐
//!             │ round: poll each member that is ready, once │
//!             └──▲───────────────┬──────────────────────▲───┘
//!   takes the    │               │ polls                │ wakes it, if
//!   ready ones   │               ▼                      │ it is parked
//!             ┌──┴───┐  wake  ┌────────┐       ┌────────┴───────┐
//!             │roster│◀───────│ member │       │ another thread │
//!             └──▲───┘        └────────┘       └────────┬───────┘
//!                └──────────────── wake ────────────────┘
//! ```
//!
//! A member is a future with a waker of its own, which notes it in the roster; only where the task is parked does that wake
//! the task. So what members send each other costs no round trip through the scheduler.

mod member;
pub(crate) use member::Member;
mod roster;
use roster::{Joining, Roster, Round};
mod task;
use task::GroupTask;
mod colocate;
pub use colocate::Group;

#[cfg(all(test, shuttle))]
mod schedules;
