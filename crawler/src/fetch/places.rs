//! How many requests are in flight to one address, whatever the hosts are called that share it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests to one address at once. Many small sites share a server, and each of them alone is polite to it.
pub(super) const PER_ADDRESS_MAX: usize = 10;

/// The places of all addresses. An address stands in the map while a request to it waits or is in flight, so the map is
/// never larger than the crawl's concurrency.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>);

/// One request's place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
    semaphore: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// Waits for a place at an address; those who came first have it first.
    pub(super) async fn at(&self, address: IpAddr) -> Place {
        let semaphore = {
            let mut all = self.lock();
            let new = || Arc::new(Semaphore::new(PER_ADDRESS_MAX));
            Arc::clone(all.entry(address).or_insert_with(new))
        };
        // It stands before the wait, so that a wait that is given up leaves nothing behind either.
        let mut place = Place {
            places: self.clone(),
            address,
            semaphore,
            permit: None,
        };
        // The semaphore is never closed.
        place.permit = Arc::clone(&place.semaphore).acquire_owned().await.ok();
        place
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        let mut all = self.places.lock();
        // The map's and this one's: nobody else waits or is in flight, and nobody can begin to without the lock.
        if Arc::strong_count(&self.semaphore) == 2 {
            all.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_address_has_ten_places_and_is_forgotten_when_they_are_free() {
        let (places, a, b) = (
            Places::default(),
            IpAddr::from([1, 1, 1, 1]),
            IpAddr::from([2, 2, 2, 2]),
        );
        let mut held = Vec::new();
        for _ in 0..PER_ADDRESS_MAX {
            held.push(places.at(a).now_or_never().unwrap());
        }
        assert!(places.at(a).now_or_never().is_none());
        assert!(places.at(b).now_or_never().is_some());
        let next = tokio::spawn({
            let places = places.clone();
            async move { places.at(a).await }
        });
        held.pop();
        let next = next.await.unwrap();
        assert!(places.at(a).now_or_never().is_none());
        drop((held, next));
        assert!(places.lock().is_empty());
    }
}
