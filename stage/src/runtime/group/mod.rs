//! Stages that are driven from one task.
//!
//! ```text
//!            ┌───────────── the task of the group ─────────────┐
//!            │ polls the members that are in line, one by one  │
//!            └──▲───────────────┬───────────▲──────────────▲───┘
//!     next turn │         polls │           │ takes        │ wakes it, if
//!               │               ▼           │ the news     │ it is parked
//!            ┌──┴─┐    wake  ┌──────┐    ┌──┴───┐  ┌───────┴──────┐
//!            │line│◀─────────│member│    │roster│◀─│another thread│
//!            └────┘          └──────┘    └──────┘  └──────────────┘
//! ```
//!
//! A member is a future with a waker of its own. Woken by another member, it stands in the line that the thread keeps for as
//! long as it polls the group: what members send each other costs neither a lock nor a round trip through the scheduler.
//! Woken from anywhere else it is noted in the roster, which wakes the task where that is parked.

mod inside;
mod member;
pub(crate) use member::Member;
mod roster;
use roster::{Joining, News, Next, Roster};
mod task;
use task::GroupTask;
mod colocate;
pub use colocate::Group;

#[cfg(all(test, shuttle))]
mod schedules;
