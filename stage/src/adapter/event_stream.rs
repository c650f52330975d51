//! A producer as a `Stream`: it asks by its window, and again only for what the caller has taken.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::vec::IntoIter;

use futures::Stream;

use super::{Subscription, UpstreamFailed};
use crate::protocol::{Demand, Split, Window};

/// The events of a producer as a stream; made by [`Handle::stream`](crate::Handle::stream).
///
/// It ends when the producer completes or stops. A failed producer gives one error and then the end. Dropping it
/// cancels the subscription and leaves the producer alive; what was asked for and not taken, at most `max` of the
/// [`Demand`], is gone with it.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct EventStream<T: Send + 'static> {
    edge: Subscription<T>,
    window: Window,
    message: IntoIter<T>,
    /// The part of the message at work: what of it is left, and what to ask when the caller has taken it all.
    part: Split,
}

impl<T: Send + 'static> EventStream<T> {
    pub(crate) fn new(mut edge: Subscription<T>, demand: Demand) -> Self {
        ask(&mut edge, demand.max());
        Self {
            edge,
            window: Window::new(demand),
            message: Vec::new().into_iter(),
            part: Split::default(),
        }
    }
}

fn ask<T: Send + 'static>(edge: &mut Subscription<T>, n: usize) {
    if let Some(n) = NonZeroUsize::new(n) {
        edge.request(n);
    }
}

impl<T: Send + 'static> Stream for EventStream<T> {
    type Item = Result<T, UpstreamFailed>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        loop {
            if this.part.len > 0 {
                this.part.len -= 1;
                return Poll::Ready(this.message.next().map(Ok));
            }
            ask(this.edge, std::mem::take(&mut this.part.ask));
            if this.message.len() == 0 {
                match ready!(this.edge.poll_message(task)) {
                    Ok(Some(events)) => *this.message = events.into_iter(),
                    Ok(None) => return Poll::Ready(None),
                    Err(failed) => return Poll::Ready(Some(Err(failed))),
                }
                this.window.arrive();
            }
            *this.part = this.window.split(this.message.len());
        }
    }
}
