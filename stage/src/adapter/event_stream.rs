//! Producers as one `Stream`: it asks each by its own window, and again only for what the caller has taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::vec::IntoIter;

use futures::Stream;

use super::UpstreamFailed;
use super::inbox::{Arrival, Inbox, OpenEdge};
use crate::exit::End;
use crate::id::{ById, SubscriptionId};
use crate::protocol::{Split, Subscribe, UpstreamEnds, Window};
use crate::runtime::Source;

/// The events of one or several producers as a stream; made by [`stream`] and [`Handle::stream`](crate::Handle::stream).
///
/// Messages come in the order in which they arrived, so a fast producer gets ahead of a slow one by its own window and
/// no further. The stream ends when all its producers have; what one of them means to it before, [`UpstreamEnds`] says:
/// by default and under `StopOnFailure` a failed one gives an error and then the end; under `Stop` any end is the end
/// of the stream, a failed one after an error; under `Keep` none is heard of. Dropping it cancels all its subscriptions
/// and leaves the producers alive; what was asked for and not taken, at most `max` of each [`Demand`](crate::Demand),
/// is gone with it.
pub struct EventStream<T: Send + 'static> {
    inbox: Arc<Inbox<T>>,
    edges: ById<SubscriptionId, StreamEdge>,
    message: IntoIter<T>,
    from: Option<SubscriptionId>,
    /// The part of the message at work: what of it is left, and what to ask when the caller has taken it all.
    part: Split,
}

struct StreamEdge {
    edge: OpenEdge,
    window: Window,
    ends: UpstreamEnds,
}

/// Subscribes the caller itself to each of these producers and returns their events as one stream.
///
/// Producers of different types are given by their outlets ([`Source::outlet`]). None at all is an empty stream.
/// Automatic demand alone makes sense here: [`Subscribe::manual`] changes nothing.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, Source, from_iter, from_stream, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let ones = from_iter(1..4).spawn()?;
/// let tens = from_stream(tokio_stream::iter([10, 20, 30])).spawn()?;
/// let both = stream([
///     (ones.outlet(), Demand::new(2, 1)?),
///     (tens.outlet(), Demand::default()),
/// ]);
/// let mut all: Vec<u32> = both.try_collect().await?;
/// all.sort();
/// assert_eq!(all, [1, 2, 3, 10, 20, 30]);
/// # Ok(())
/// # }
/// ```
pub fn stream<S, O>(producers: impl IntoIterator<Item = (S, O)>) -> EventStream<S::Out>
where
    S: Source,
    O: Into<Subscribe>,
{
    let inbox = Inbox::new();
    let mut edges = ById::default();
    for (producer, options) in producers {
        let options = options.into();
        let edge = OpenEdge::new(&producer.outlet(), &inbox);
        edge.ask(options.demand.max());
        let edge = StreamEdge {
            edge,
            window: Window::new(options.demand),
            ends: options.ends,
        };
        edges.insert(edge.edge.id(), edge);
    }
    EventStream {
        inbox,
        edges,
        message: Vec::new().into_iter(),
        from: None,
        part: Split::default(),
    }
}

/// Nothing in it is pinned.
impl<T: Send + 'static> Unpin for EventStream<T> {}

impl<T: Send + 'static> Stream for EventStream<T> {
    type Item = Result<T, UpstreamFailed>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.part.len > 0 {
                this.part.len -= 1;
                return Poll::Ready(this.message.next().map(Ok));
            }
            this.ask();
            if this.message.len() > 0 {
                this.split();
            } else if this.edges.is_empty() {
                return Poll::Ready(None);
            } else {
                match ready!(this.inbox.poll(task)) {
                    Arrival::Events(id, events) => this.arrived(id, events),
                    Arrival::End(id, end) => {
                        if let Some(failed) = this.ended(id, &end) {
                            return Poll::Ready(Some(Err(failed)));
                        }
                    }
                }
            }
        }
    }
}

impl<T: Send + 'static> EventStream<T> {
    /// Asks for the part that the caller has taken.
    fn ask(&mut self) {
        let n = std::mem::take(&mut self.part.ask);
        if let Some(edge) = self.from.and_then(|id| self.edges.get(&id)) {
            edge.edge.ask(n);
        }
    }

    fn arrived(&mut self, id: SubscriptionId, events: Vec<T>) {
        if let Some(edge) = self.edges.get_mut(&id) {
            edge.window.arrive();
            self.from = Some(id);
            self.message = events.into_iter();
        }
    }

    fn split(&mut self) {
        if let Some(edge) = self.from.and_then(|id| self.edges.get_mut(&id)) {
            self.part = edge.window.split(self.message.len());
        }
    }

    /// Forgets an edge, and all others too when its end is the end of the stream.
    fn ended(&mut self, id: SubscriptionId, end: &End) -> Option<UpstreamFailed> {
        let mut ended = self.edges.remove(&id)?;
        ended.edge.ended();
        if !ended.ends.stops(end, self.edges.is_empty()) {
            return None;
        }
        self.edges.clear();
        end.is_failure().then(|| UpstreamFailed(end.to_exit()))
    }
}

impl<T: Send + 'static> std::fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream")
            .field("edges", &self.edges.keys())
            .finish_non_exhaustive()
    }
}
