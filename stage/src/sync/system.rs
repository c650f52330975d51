//! The types of the standard library and of tokio, as they are.

pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, atomic};
pub(crate) use std::thread_local;

pub(crate) use tokio::{runtime, task, time};

/// One value for the whole process.
macro_rules! process_wide {
    (static $name:ident: $type:ty = $value:expr;) => {
        static $name: $type = $value;
    };
}
pub(crate) use process_wide;
