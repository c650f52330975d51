//! Stages that are driven from one task.
//!
//! ```text
//!            ┌───────────── the task of the group ─────────────┐
//!            │ polls the members whose turn it is, one by one  │
//!            └──▲───────────────┬───────────▲──────────────▲───┘
//!     next turn │         polls │           │ takes        │ wakes it, if
//!               │               ▼           │ the news     │ it is parked
//!            ┌──┴─┐    wake  ┌──────┐    ┌──┴───┐  ┌───────┴──────┐
//!            │bits│◀─────────│member│    │roster│◀─│another thread│
//!            └────┘          └──────┘    └──────┘  └──────────────┘
//! ```
//!
//! A member is a future with a waker of its own. Woken by another member, it is noted in a word that the thread keeps for as
//! long as it polls the group, a bit for each seat: what members send each other costs neither a lock nor a round trip
//! through the scheduler. Woken from anywhere else, or with a seat behind the first 64, it is noted in the roster, which
//! wakes the task where that is parked.

mod inside;
pub(super) use inside::member;
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
