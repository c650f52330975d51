//! A supervised task for each event: what starts, fails, starts again, frees its slot, and ends before its time.
//!
//! GS-170 and GS-171, bad templates and options, have no test: types rule them out. A supervisor has one start
//! function, its children are temporary or transient, and a shutdown is one of three. A child that ends by `shutdown`
//! there ends as asked here.
//!
//! A child is "killed" by a panic where the case goes on to start it again: one that is aborted by its name ends for
//! good.

mod children;

mod starts;

mod restarts;

mod shutdown;

mod slots;

mod subscribes;
