//! A supervised task for each event: what starts, fails, starts again, frees its slot, and ends before its time.
//!
//! GS-170 and GS-171, bad templates and options, are ruled out by types, as `tests/src/impossible.rs` shows. A child
//! that ends by `shutdown` there ends as asked here.
//!
//! A child is "killed" by a panic where the case goes on to start it again: one that is aborted by its name ends for
//! good.

mod children;

mod starts;

mod restarts;

mod shutdown;

mod slots;

mod quiet;

mod subscribes;
