//! At-least-once delivery: events that their source keeps until a consumer says that they are done.
//!
//! Between stages delivery is at most once: what a consumer had in its mailbox or at work when it died is gone, and
//! counted. An [`Acked`] event carries an [`Ack`] with it. The consumer [acknowledges](Ack::acknowledge) it when its
//! work is safe; an ack that is [failed](Ack::fail), or dropped in whatever way, tells the source, which can send the
//! event again. So nobody has to notice a death: whoever drops the event, a failed callback, a closed mailbox, an
//! aborted task, drops its ack.
//!
//! ```text
//!  source ──▶ redeliver ── Acked<T> ──▶ stages that hand the Ack on ── Acked<U> ──▶ consumer
//!                 ▲                                    │                               │
//!                 └──── failed, or dropped ────────────┴──────────── acknowledged ─────┘
//! ```
//!
//! [`redeliver`] makes any producer at-least-once. A source that can send again itself, such as a message queue, makes
//! its own acks with [`acks`], and hears of its events in groups.
//!
//! # The guarantee
//!
//! While the source of the acks lives:
//!
//! * Each event is settled exactly once: acknowledged, or failed. There is one `Ack` for each delivery, and using it
//!   takes it.
//! * [`redeliver`] settles each event it took as acknowledged or given up, after at least one delivery and at most
//!   `attempts`. It completes and drains only then.
//! * An ack never waits and is never refused; it needs no runtime, so it may be used in a `Drop` or in a blocking
//!   thread.
//! * An event that nobody drops, say in a cache or in a task that hangs, is never settled. Deadlines are for who does
//!   the work, as with [`Build::deadline`](crate::Build::deadline) of `map_async`.
//!
//! # What a consumer has to bear
//!
//! * **Duplicates.** A consumer that dies after its work and before its ack has the event again. Make the work
//!   idempotent, or remember what was done under a key of the event.
//! * **Another order.** What is sent again comes after what was sent before its failure; only first deliveries keep the
//!   order of the source.
//! * **Poison.** An event that kills its consumer fails with it all those in its mailbox, at the cost of an attempt for
//!   each, and another one where events are sent to a consumer that is ending and not yet known to be. Small windows
//!   keep the neighbours few; [`Build::backoff`](crate::Build::backoff) keeps the deaths apart, and
//!   [`Build::give_up_to`](crate::Build::give_up_to) keeps what was given up.
//!
//! # The price
//!
//! [`redeliver`] keeps each event until it is settled, so it clones it once for each delivery (put large ones in an
//! `Arc`) and holds at most `in_flight_max` of them, besides one window for each of its producers. An ack costs a push
//! under a lock; [`Ack::acknowledge_all`] takes the lock once for a batch.
//!
//! It is bad at surviving the process: what is in flight is in memory, and lost with it. There the source itself must
//! keep its events, with its own [`acks`].

mod ack;
pub use ack::{Ack, Acked, Unacknowledged};
mod settlements;
pub use settlements::{Acks, Settled, Settlements, acks};
mod deliveries;

mod redeliver;
pub use redeliver::{Redeliver, redeliver};
