//! The leases that this process holds, renewed for as long as their visits run. A visit keeps to its lease by this
//! process' own clock, also while the frontier can't be asked:
//!
//! | since the claim, or the last renewal that succeeded, was sent | a visit |
//! |---|---|
//! | up to [`START_UNTIL`] | may begin |
//! | up to [`ABORT_AFTER`] | goes on |
//! | later, or when the lease was lost | ends without an answer |

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::frontier::{
    ABORT_AFTER, Frontier, FrontierError, Lease, LeaseKey, RENEW_EVERY, START_UNTIL,
};

/// After a renewal that failed: soon enough for some more tries before no visit may begin.
const RENEW_AGAIN: Duration = Duration::from_secs(1);

/// How many URLs are held of each lease; bounded by the visits and the outcomes that are not settled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    leases: Mutex<HashMap<LeaseKey, HeldLease>>,
    /// Tells visits that a lease was lost.
    lost: Notify,
    /// How often a site asked for a rest of which several URLs may be on lease.
    rests: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct HeldLease {
    count: usize,
    /// How many of them are on their way into the frontier: those of a lease that is lost meanwhile were settled.
    settling: usize,
    /// When the claim or the last renewal that succeeded was sent; `None` when it was lost.
    since: Option<Instant>,
}

impl Held {
    /// Notes a URL that was handed out by a claim that was sent then: its lease may be older.
    pub(crate) fn on_claimed(&self, lease: &Lease, sent: Instant) {
        self.take(lease.key(), lease.since.map_or(sent, Instant::from_std));
    }

    /// Notes a URL of a lease that was asked for then.
    fn take(&self, key: LeaseKey, sent: Instant) {
        let mut held = self.lock();
        let lease = held.entry(key).or_insert(HeldLease {
            count: 0,
            settling: 0,
            since: Some(sent),
        });
        lease.count += 1;
    }

    /// Notes that a URL of each of these leases is about to be settled.
    pub(crate) fn settles(&self, keys: &[LeaseKey]) {
        let mut held = self.lock();
        for key in keys {
            if let Some(lease) = held.get_mut(key) {
                lease.settling += 1;
            }
        }
    }

    /// Notes that a URL is settled.
    pub(crate) fn give_back(&self, key: LeaseKey) {
        self.less(key, 1);
    }

    /// Notes that a URL is released, unvisited.
    pub(crate) fn let_go(&self, key: LeaseKey) {
        self.less(key, 0);
    }

    fn less(&self, key: LeaseKey, settled: usize) {
        let mut held = self.lock();
        if let Some(lease) = held.get_mut(&key) {
            lease.count -= 1;
            lease.settling -= settled;
            if lease.count == 0 {
                held.remove(&key);
            }
        }
    }

    /// Notes that a site is to be left alone of which several URLs may be on lease.
    pub(crate) fn on_rest(&self) {
        self.0.rests.fetch_add(1, Ordering::Release);
    }

    /// Returns how often that was so.
    pub(crate) fn rests(&self) -> u64 {
        self.0.rests.load(Ordering::Acquire)
    }

    /// Makes a visit under a lease, and returns what it gave: nothing if it may not begin any more, or could not end in
    /// time.
    pub(crate) async fn visit<T>(
        &self,
        key: LeaseKey,
        visit: impl Future<Output = T>,
    ) -> Option<T> {
        let late = self.end_of(key, START_UNTIL);
        if late.is_some_and(|late| late <= Instant::now()) {
            return None;
        }
        tokio::select! {
            biased;
            given = visit => Some(given),
            () = self.ended(key) => None,
        }
    }

    /// Waits until a visit under a lease is to end.
    async fn ended(&self, key: LeaseKey) {
        loop {
            let lost = self.0.lost.notified();
            match self.end_of(key, ABORT_AFTER) {
                Some(end) if end <= Instant::now() => return,
                Some(end) => {
                    let _renewed_or_lost = tokio::time::timeout_at(end, lost).await;
                }
                // It is nobody's here.
                None => return std::future::pending().await,
            }
        }
    }

    /// Returns when so long has passed since the lease was made or renewed; at once for one that was lost.
    fn end_of(&self, key: LeaseKey, after: Duration) -> Option<Instant> {
        let lease = self.lock().get(&key).copied()?;
        Some(lease.since.map_or_else(Instant::now, |since| since + after))
    }

    /// Renews what is held, again and again, also while the frontier is away for some time; returns only when it fails.
    pub(crate) async fn renew(&self, frontier: &dyn Frontier) -> FrontierError {
        let mut wait = RENEW_EVERY;
        let mut is_told = false;
        loop {
            tokio::time::sleep(wait).await;
            wait = RENEW_EVERY;
            let keys: Vec<_> = self.lock().keys().copied().collect();
            if keys.is_empty() {
                continue;
            }
            let sent = Instant::now();
            match frontier.renew(keys.clone()).await {
                Ok(lost) => {
                    self.note_renewed(&keys, &lost, sent);
                    is_told = false;
                }
                Err(error) if error.is_temporary() => {
                    // The first says it all; the frontier tells how long it lasts.
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "leases are not renewed");
                    }
                    wait = RENEW_AGAIN;
                }
                Err(error) => return error,
            }
        }
    }

    fn note_renewed(&self, keys: &[LeaseKey], lost: &[LeaseKey], sent: Instant) {
        // What was settled while they were renewed is lost to nobody, whether that is known here already or not.
        let mut count = 0;
        {
            let mut held = self.lock();
            for key in keys {
                if let Some(lease) = held.get_mut(key) {
                    let is_lost = lost.contains(key);
                    if is_lost && lease.settling == lease.count {
                        continue;
                    }
                    count += usize::from(is_lost);
                    lease.since = (!is_lost).then_some(sent);
                }
            }
        }
        if count > 0 {
            tracing::warn!(lost = count, "leases were lost");
            self.0.lost.notify_waiters();
        }
    }

    /// Returns how many leases are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseKey, HeldLease>> {
        self.0.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::{Job, NewUrl, Site, SqliteOptions};

    /// Returns the key of a lease that is held since now.
    async fn held() -> (Held, LeaseKey) {
        let (held, key) = (Held::default(), lease().await.key());
        held.take(key, Instant::now());
        (held, key)
    }

    async fn lease() -> Lease {
        tokio::time::resume();
        let frontier = SqliteOptions::default()
            .in_memory(Job::default())
            .await
            .unwrap();
        let url = NewUrl::seed("http://h/", Site::unlimited("h"));
        frontier.add(vec![url]).await.unwrap();
        let lease = frontier.claim(1).await.unwrap().leases.pop().unwrap();
        tokio::time::pause();
        lease
    }

    #[tokio::test(start_paused = true)]
    async fn a_url_that_follows_another_may_begin_as_long_as_their_lease_is_young() {
        let (mut lease, held, began) = (lease().await, Held::default(), Instant::now());
        lease.since = Some(began.into_std());
        tokio::time::advance(START_UNTIL - Duration::from_secs(1)).await;
        held.on_claimed(&lease, Instant::now());
        let end = held.end_of(lease.key(), START_UNTIL);
        assert_eq!(end, Some(began + START_UNTIL));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(held.visit(lease.key(), async {}).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_settled_during_a_renewal_is_not_lost() {
        let (held, key) = held().await;
        held.take(key, Instant::now());
        held.settles(&[key]);
        held.note_renewed(&[key], &[key], Instant::now());
        let end = held.end_of(key, START_UNTIL);
        assert_eq!(end, Some(Instant::now()), "another URL of it is at work");

        let (held, key) = self::held().await;
        held.settles(&[key]);
        held.note_renewed(&[key], &[key], Instant::now());
        let end = held.end_of(key, START_UNTIL);
        assert_eq!(end, Some(Instant::now() + START_UNTIL));
        held.give_back(key);
        assert_eq!(held.end_of(key, START_UNTIL), None);
    }

    async fn forever() {
        std::future::pending::<()>().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_begins_while_its_lease_is_young_and_goes_on_a_little_longer() {
        let (held, key) = held().await;
        tokio::time::advance(START_UNTIL - Duration::from_millis(1)).await;
        let began = Instant::now();
        let rest = ABORT_AFTER - START_UNTIL;
        let quick = held.visit(key, tokio::time::sleep(rest)).await;
        assert_eq!(quick, Some(()));
        assert_eq!(began.elapsed().as_secs(), rest.as_secs());
        assert_eq!(held.visit(key, async {}).await, None, "it is too late");
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_ends_before_its_lease_does_unless_it_is_renewed() {
        let (held, key) = held().await;
        let (began, renewed) = (Instant::now(), RENEW_EVERY);
        let renew = async {
            tokio::time::sleep(renewed).await;
            held.note_renewed(&[key], &[], Instant::now());
        };
        let (given, ()) = tokio::join!(held.visit(key, forever()), renew);
        assert_eq!(given, None);
        assert_eq!(began.elapsed().as_secs(), (renewed + ABORT_AFTER).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_whose_lease_was_lost_ends_at_once() {
        let (held, key) = held().await;
        let began = Instant::now();
        let lose = async {
            tokio::task::yield_now().await;
            held.note_renewed(&[key], &[key], Instant::now());
        };
        let (given, ()) = tokio::join!(held.visit(key, forever()), lose);
        assert_eq!((given, began.elapsed().as_secs()), (None, 0));
    }
}
