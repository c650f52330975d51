//! The leases that this process holds, renewed for as long as their visits run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::frontier::{Frontier, FrontierError, LeaseKey, RENEW_EVERY};

/// How many URLs are held of each lease; bounded by the visits and the outcomes that are not settled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<LeaseKey, usize>>>);

impl Held {
    pub(crate) fn take(&self, key: LeaseKey) {
        *self.lock().entry(key).or_default() += 1;
    }

    pub(crate) fn give_back(&self, key: LeaseKey) {
        let mut held = self.lock();
        if let Some(count) = held.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&key);
            }
        }
    }

    /// Renews what is held, again and again; returns only when the frontier fails.
    pub(crate) async fn renew(&self, frontier: &dyn Frontier) -> FrontierError {
        let mut ticks = tokio::time::interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let keys: Vec<_> = self.lock().keys().copied().collect();
            if keys.is_empty() {
                continue;
            }
            match frontier.renew(keys).await {
                Ok(lost) if lost.is_empty() => {}
                Ok(lost) => tracing::warn!(lost = lost.len(), "leases were lost"),
                Err(error) => return error,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
