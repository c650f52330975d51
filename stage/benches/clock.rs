//! The time between the first demand and the last event, where starting and ending many stages is none of it.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

#[derive(Default)]
pub(crate) struct Clock {
    started: OnceLock<Instant>,
    stopped: Mutex<Option<Instant>>,
}

impl Clock {
    /// Starts, once.
    pub(crate) fn start(&self) {
        self.started.get_or_init(Instant::now);
    }

    /// Notes that the last event arrived; of several, the last counts.
    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns the seconds between the two.
    pub(crate) fn seconds(&self) -> f64 {
        let started = self.started.get().expect("it was started");
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = stopped.expect("the last event arrived");
        stopped.duration_since(*started).as_secs_f64()
    }
}
