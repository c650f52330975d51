//! The types of the standard library and of tokio, as they are.

pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, atomic};

pub(crate) use tokio::{runtime, time};

pub(crate) mod task {
    pub(crate) use tokio::task::AbortHandle;

    /// Returns whether the caller runs in this task.
    pub(crate) fn is_current(task: &AbortHandle) -> bool {
        tokio::task::try_id() == Some(task.id())
    }
}

/// One value for the whole process.
macro_rules! process_wide {
    (static $name:ident: $type:ty = $value:expr;) => {
        static $name: $type = $value;
    };
}
pub(crate) use process_wide;
