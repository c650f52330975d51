//! Waits until so many have come.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

pub(crate) struct Gathering {
    missing: AtomicUsize,
    complete: Notify,
}

impl Gathering {
    pub(crate) fn of(expected: usize) -> Self {
        Self {
            missing: AtomicUsize::new(expected),
            complete: Notify::new(),
        }
    }

    /// One has come.
    pub(crate) fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }

    /// Waits for the last of them.
    pub(crate) async fn complete(&self) {
        self.complete.notified().await;
    }
}
