//! How a source hears what became of its events: each under a key of its own, in groups, successes and failures apart.

use std::mem::{swap, take};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use futures::Stream;

use super::Ack;
use super::ack::Desk;
use crate::exit::StageError;

/// Makes the acks of a source's events; made by [`acks`]. Clones make acks for the same [`Settlements`].
pub struct Acks<K: Send + 'static>(Arc<Ledger<K>>);

/// What became of a source's events, as a stream of groups; made by [`acks`].
///
/// It ends when all [`Acks`] are dropped and every event was heard of. Once it is dropped, acks do nothing.
///
/// A producer can poll it beside its mailbox. Where it counts what is unsettled as `in_hand`, it hears of that also
/// when it has completed or drains, and ends only then:
///
/// ```
/// use std::task::{Context as Task, Poll, ready};
///
/// use futures::{StreamExt, TryStreamExt};
/// use stage::{Acked, Acks, Context, Demand, Producer, Result, Settlements, acks, producer};
///
/// struct Queue {
///     messages: Vec<&'static str>,
///     acks: Acks<&'static str>,
///     settlements: Settlements<&'static str>,
/// }
///
/// impl Producer for Queue {
///     type Out = Acked<&'static str>;
///
///     async fn handle_demand(&mut self, demand: usize, cx: &mut Context<Self::Out>) -> Result {
///         let sent = self.messages.drain(..demand.min(self.messages.len()));
///         cx.emit_all(sent.map(|data| Acked { data, ack: self.acks.ack(data) }));
///         if self.messages.is_empty() {
///             cx.complete();
///         }
///         Ok(())
///     }
///
///     fn poll_events(&mut self, task: &mut Task<'_>, _: &mut Context<Self::Out>) -> Poll<Result> {
///         let settled = ready!(self.settlements.poll_next_unpin(task)).unwrap_or_default();
///         // Here the queue's server would hear of `settled.acknowledged` and of `settled.failed`.
///         assert_eq!((settled.acknowledged.len(), settled.failed.len()), (1, 1));
///         Poll::Ready(Ok(()))
///     }
///
///     fn in_hand(&self) -> usize {
///         self.settlements.unsettled()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let (acks, settlements) = acks();
/// let queue = producer(Queue { messages: vec!["good", "bad"], acks, settlements }).spawn()?;
/// let mut events = queue.stream(Demand::default()).try_ready_chunks(2);
/// for Acked { data, ack } in events.try_next().await.map_err(|error| error.1)?.into_iter().flatten() {
///     match data {
///         "good" => ack.acknowledge(),
///         _ => ack.fail("it is no good"),
///     }
/// }
/// assert_eq!(queue.join().await.to_string(), "completed");
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future of `next` loses nothing: what was not returned comes next.
pub struct Settlements<K: Send + 'static>(Arc<Ledger<K>>);

/// The events that were settled since the group before, in the order of their settlement.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settled<K> {
    /// The keys of those acknowledged.
    pub acknowledged: Vec<K>,
    /// The keys of those that failed, with why; the [`source`](StageError::source) of an error is
    /// [`Unacknowledged`](super::Unacknowledged) where the event was just dropped.
    pub failed: Vec<(K, StageError)>,
}

/// Makes the two halves of an acknowledgement for a source that has its own, such as a message queue.
///
/// A key is whatever that source needs to settle an event: a delivery tag, an offset. It stays in the ledger until its
/// ack is used or dropped. Nothing bounds the ledger but the source itself; one that emits what is asked has at most
/// those unsettled that its consumers asked for and hold.
///
/// A producer of one's own hears the settlements itself, as [`Settlements`] shows; so can a task of its own, also after
/// the source's end:
///
/// ```
/// # use futures::{StreamExt, TryStreamExt};
/// # use stage::{Acked, Demand, acks, from_stream};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let (acks, mut settlements) = acks();
/// let messages = futures::stream::iter([(1, "one"), (2, "two")]);
/// let acked = from_stream(messages.map(move |(tag, data)| Acked { data, ack: acks.ack(tag) })).spawn()?;
/// let commits = tokio::spawn(async move {
///     let mut committed = Vec::new();
///     while let Some(settled) = settlements.next().await {
///         committed.extend(settled.acknowledged);
///     }
///     committed
/// });
/// let all: Vec<Acked<&str>> = acked.stream(Demand::default()).try_collect().await?;
/// all.into_iter().for_each(|event| event.ack.acknowledge());
/// assert_eq!(commits.await?, [1, 2]);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn acks<K: Send + 'static>() -> (Acks<K>, Settlements<K>) {
    let ledger = Arc::new(Ledger(Mutex::new(Entries {
        places: Vec::new(),
        free: Vec::new(),
        settled: Settled::default(),
        makers: 1,
        is_closed: false,
        waker: None,
    })));
    (Acks(Arc::clone(&ledger)), Settlements(ledger))
}

impl<K: Send + 'static> Acks<K> {
    /// Makes the ack of one event; `key` comes back when it is settled.
    pub fn ack(&self, key: K) -> Ack {
        let mut entries = self.0.lock();
        if entries.is_closed {
            // A key may run code of others when it is dropped.
            drop(entries);
            return Ack::settled();
        }
        let place = entries.enter(key);
        drop(entries);
        Ack::new(self.0.clone(), place)
    }
}

impl<K: Send + 'static> Settlements<K> {
    /// Returns how many events have an ack and were not heard of here.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.0.lock().unsettled()
    }

    /// Swaps the next group for `into`, which is empty; or returns whether there is none any more.
    pub(super) fn poll(&self, task: &Task<'_>, into: &mut Settled<K>) -> Poll<bool> {
        debug_assert!(into.is_empty(), "what was heard of is dealt with");
        let mut entries = self.0.lock();
        if !entries.settled.is_empty() {
            swap(&mut entries.settled, into);
            return Poll::Ready(true);
        }
        if entries.makers == 0 && entries.unsettled() == 0 {
            return Poll::Ready(false);
        }
        entries.waker = Some(task.waker().clone());
        Poll::Pending
    }
}

impl<K: Send + 'static> Stream for Settlements<K> {
    type Item = Settled<K>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Settled<K>>> {
        let mut settled = Settled::default();
        self.poll(task, &mut settled)
            .map(|is_some| is_some.then_some(settled))
    }
}

impl<K> Settled<K> {
    const fn is_empty(&self) -> bool {
        self.acknowledged.is_empty() && self.failed.is_empty()
    }
}

impl<K> Default for Settled<K> {
    fn default() -> Self {
        Self {
            acknowledged: Vec::new(),
            failed: Vec::new(),
        }
    }
}

impl<K: Send + 'static> Clone for Acks<K> {
    fn clone(&self) -> Self {
        self.0.lock().makers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<K: Send + 'static> Drop for Acks<K> {
    fn drop(&mut self) {
        let mut entries = self.0.lock();
        entries.makers -= 1;
        if entries.makers == 0 {
            wake(entries);
        }
    }
}

impl<K: Send + 'static> Drop for Settlements<K> {
    fn drop(&mut self) {
        let mut entries = self.0.lock();
        entries.is_closed = true;
        let keys = (take(&mut entries.places), take(&mut entries.settled));
        entries.free.clear();
        let waker = entries.waker.take();
        // Keys and wakers may run code of others when they are dropped.
        drop(entries);
        drop((keys, waker));
    }
}

impl<K: Send + 'static> std::fmt::Debug for Acks<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acks")
    }
}

impl<K: Send + 'static> std::fmt::Debug for Settlements<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settlements")
            .field("unsettled", &self.unsettled())
            .finish()
    }
}

/// The events with an ack, and those settled since they were last looked at.
struct Ledger<K>(Mutex<Entries<K>>);

/// Invariant: a place is taken by one key and one ack, until that ack settles it.
struct Entries<K> {
    places: Vec<Option<K>>,
    free: Vec<usize>,
    settled: Settled<K>,
    makers: usize,
    is_closed: bool,
    /// Of who waits for settlements.
    waker: Option<Waker>,
}

impl<K> Ledger<K> {
    /// Nothing that can panic runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, Entries<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Entries<K> {
    fn enter(&mut self, key: K) -> usize {
        if let Some(place) = self.free.pop() {
            self.places[place] = Some(key);
            return place;
        }
        self.places.push(Some(key));
        self.places.len() - 1
    }

    /// Gives the key back, once; none when the settlements are not heard any more.
    fn leave(&mut self, place: usize) -> Option<K> {
        if self.is_closed {
            return None;
        }
        let key = self.places.get_mut(place)?.take();
        debug_assert!(key.is_some(), "a place is settled once");
        self.free.push(place);
        key
    }

    const fn unsettled(&self) -> usize {
        let settled = self.settled.acknowledged.len() + self.settled.failed.len();
        self.places.len() - self.free.len() + settled
    }
}

impl<K: Send> Desk for Ledger<K> {
    fn acknowledge(&self, places: &mut dyn Iterator<Item = usize>) {
        let mut entries = self.lock();
        for place in places {
            let key = entries.leave(place);
            entries.settled.acknowledged.extend(key);
        }
        wake(entries);
    }

    fn fail(&self, place: usize, reason: StageError) {
        let mut entries = self.lock();
        if let Some(key) = entries.leave(place) {
            entries.settled.failed.push((key, reason));
            wake(entries);
        }
    }
}

fn wake<K>(mut entries: MutexGuard<'_, Entries<K>>) {
    let waker = entries.waker.take();
    drop(entries);
    if let Some(waker) = waker {
        waker.wake();
    }
}
