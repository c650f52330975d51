//! An event with its acknowledgement, and what a consumer does with it.

use std::sync::Arc;

use thiserror::Error;

use crate::exit::StageError;

/// An event that its source keeps until it is acknowledged.
///
/// It has no `Drop` of its own, so it destructures; a stage that makes another event of it hands the `ack` on.
///
/// ```
/// use stage::{Ack, Acked, Batch, Consumer, Context, Result};
///
/// struct Store;
/// # async fn store(_: u32) -> Result { Ok(()) }
///
/// impl Consumer for Store {
///     type In = Acked<u32>;
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, Acked<u32>>, _: &mut Context) -> Result {
///         for Acked { data, ack } in events {
///             // An error, a panic or an abort here drops the ack, and so its source hears that the event failed.
///             store(data).await?;
///             ack.acknowledge();
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Acked<T> {
    /// The event.
    pub data: T,
    /// Its acknowledgement.
    pub ack: Ack,
}

/// The one acknowledgement of an event; dropped unacknowledged, it fails its event with [`Unacknowledged`].
///
/// It settles its event exactly once, with one push under a lock: nothing waits, nothing is allocated for it alone, and
/// while the source lives nothing is lost. Once the source has ended it does nothing.
///
/// ```
/// use futures::{FutureExt, StreamExt};
/// use stage::{Unacknowledged, acks};
///
/// let (acks, mut settlements) = acks();
/// acks.ack("done").acknowledge();
/// acks.ack("bad").fail("it is no good");
/// drop(acks.ack("forgotten"));
/// let settled = settlements.next().now_or_never().flatten().unwrap_or_default();
/// assert_eq!(settled.acknowledged, ["done"]);
/// let [(bad, why), (forgotten, dropped)] = &settled.failed[..] else {
///     panic!("two have failed");
/// };
/// assert_eq!((*bad, why.to_string()), ("bad", "it is no good".into()));
/// assert!(*forgotten == "forgotten" && dropped.source().is::<Unacknowledged>());
/// ```
#[must_use = "an ack that is dropped unacknowledged fails its event"]
pub struct Ack {
    /// None once it has settled its event.
    desk: Option<Arc<dyn Desk>>,
    place: usize,
}

/// The event was dropped unacknowledged: its consumer failed or ended, or left it in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it was dropped unacknowledged")]
pub struct Unacknowledged;

impl<T> Acked<T> {
    /// Makes another event of it, with the same acknowledgement.
    ///
    /// ```
    /// use stage::{Acked, acks};
    ///
    /// let (acks, settlements) = acks();
    /// let word = Acked { data: "seven", ack: acks.ack(7) };
    /// let len: Acked<usize> = word.map(str::len);
    /// assert_eq!((len.data, settlements.unsettled()), (5, 1));
    /// ```
    #[must_use]
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Acked<U> {
        Acked {
            data: function(self.data),
            ack: self.ack,
        }
    }

    /// Makes another event of it, or fails it with the error; so a stage can
    /// `cx.emit_all(events.drain().filter_map(|event| event.try_map(parse)))`.
    ///
    /// ```
    /// use futures::FutureExt;
    /// use futures::StreamExt;
    /// use stage::{Acked, acks};
    ///
    /// let (acks, mut settlements) = acks();
    /// let word = Acked { data: "seven", ack: acks.ack("the key") };
    /// assert!(word.try_map(str::parse::<u32>).is_none());
    /// let settled = settlements.next().now_or_never().flatten().unwrap_or_default();
    /// let (key, reason) = &settled.failed[0];
    /// assert_eq!((*key, reason.to_string()), ("the key", "invalid digit found in string".into()));
    /// ```
    pub fn try_map<U, E: Into<StageError>>(
        self,
        function: impl FnOnce(T) -> Result<U, E>,
    ) -> Option<Acked<U>> {
        let Self { data, ack } = self;
        match function(data) {
            Ok(data) => Some(Acked { data, ack }),
            Err(error) => {
                ack.fail(error);
                None
            }
        }
    }
}

impl Ack {
    pub(super) const fn new(desk: Arc<dyn Desk>, place: usize) -> Self {
        Self {
            desk: Some(desk),
            place,
        }
    }

    /// An ack whose source has ended.
    pub(super) const fn settled() -> Self {
        Self {
            desk: None,
            place: 0,
        }
    }

    /// Says that the event is done.
    pub fn acknowledge(mut self) {
        if let Some(desk) = self.desk.take() {
            desk.acknowledge(&mut std::iter::once(self.place));
        }
    }

    /// Says that all these events are done, with one push for each run of events of one source.
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use stage::{Ack, acks};
    ///
    /// let (acks, mut settlements) = acks();
    /// let batch: Vec<Ack> = (1..=3).map(|key| acks.ack(key)).collect();
    /// Ack::acknowledge_all(batch);
    /// let settled = settlements.next().now_or_never().flatten().unwrap_or_default();
    /// assert_eq!(settled.acknowledged, [1, 2, 3]);
    /// ```
    pub fn acknowledge_all(acks: impl IntoIterator<Item = Self>) {
        // An iterator that panics fails the events that it gave before, none of them acknowledged.
        let mut acks: Vec<Self> = acks.into_iter().collect();
        for run in acks.chunk_by_mut(Self::are_of_one_desk) {
            let Some(desk) = run.first_mut().and_then(|ack| ack.desk.take()) else {
                continue;
            };
            desk.acknowledge(&mut run.iter_mut().map(|ack| {
                ack.desk = None;
                ack.place
            }));
        }
    }

    /// Says that the event failed, and why; whether it is tried again is for its source to decide.
    pub fn fail(mut self, reason: impl Into<StageError>) {
        if let Some(desk) = self.desk.take() {
            desk.fail(self.place, reason.into());
        }
    }

    fn are_of_one_desk(one: &Self, other: &Self) -> bool {
        matches!((&one.desk, &other.desk), (Some(one), Some(other)) if Arc::ptr_eq(one, other))
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            desk.fail(self.place, Unacknowledged.into());
        }
    }
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ack")
    }
}

/// Where acks settle their events, without the type of its keys. Each place is settled once.
pub(super) trait Desk: Send + Sync {
    fn acknowledge(&self, places: &mut dyn Iterator<Item = usize>);
    fn fail(&self, place: usize, reason: StageError);
}
