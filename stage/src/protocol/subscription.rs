//! What a consumer says when it subscribes.

use super::{Backoff, Demand};
use crate::exit::End;

/// What the end of an upstream does to its consumer.
///
/// | policy | completed or cancelled normally | failed |
/// |---|---|---|
/// | `Complete` | completes when it was the last | stops with the failure |
/// | `Stop` | stops | stops with the failure |
/// | `StopOnFailure` | stays | stops with the failure |
/// | `Keep` | stays | stays |
/// | `Resubscribe` | completes when it was the last | stays, and subscribes again after a back-off |
///
/// An upstream that was stopped counts as cancelled normally, and a consumer that it was the last of ends as stopped too.
///
/// `Stop`, `StopOnFailure` and `Keep` are GenStage's permanent, transient and temporary. `Resubscribe` looks for the
/// producer under its name, in the [`Stages`](crate::Stages) it lived in, until it is there; one that ended and had no
/// name can't come back, and then it means `Complete`. It does so too for a stream, which is no stage. `handle_cancel`
/// hears of the failure, and of each try that finds nobody, as [`Down`](End::Down) with
/// [`Exit::Unreachable`](crate::Exit::Unreachable).
///
/// ```
/// use stage::{Cancel, End, UpstreamEnds};
///
/// let (failed, is_last) = (End::Cancelled(Cancel::failed("the disk is full")), false);
/// assert!(UpstreamEnds::Complete.stops(&failed, is_last));
/// assert!(!UpstreamEnds::Keep.stops(&failed, is_last));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UpstreamEnds {
    /// Completes with the last upstream, stops with the first failure.
    #[default]
    Complete,
    /// Stops with any end.
    Stop,
    /// Stops with a failure alone.
    StopOnFailure,
    /// Never stops.
    Keep,
    /// Completes with the last upstream, and subscribes again to one that failed or is not there yet.
    Resubscribe(Backoff),
}

impl UpstreamEnds {
    /// Returns whether this end stops the consumer; `last` tells that no other upstream is left.
    #[must_use]
    pub fn stops(self, end: &End, last: bool) -> bool {
        match self {
            Self::Complete | Self::Resubscribe(_) => last || end.is_failure(),
            Self::Stop => true,
            Self::StopOnFailure => end.is_failure(),
            Self::Keep => false,
        }
    }

    /// Returns how to wait before subscribing again after this end, if that is what it means.
    #[must_use]
    pub const fn backoff(self, end: &End) -> Option<Backoff> {
        match self {
            Self::Resubscribe(backoff) if end.is_failure() => Some(backoff),
            _ => None,
        }
    }
}

/// Who asks on a subscription.
///
/// ```
/// use stage::{Asking, Batch, Consumer, Context, Demand, Result, Subscribe, SubscriptionId, consumer, from_iter};
///
/// /// Takes three events and leaves.
/// struct Taster;
///
/// impl Consumer for Taster {
///     type In = u32;
///
///     async fn handle_subscribe(&mut self, id: SubscriptionId, _: Asking, cx: &mut Context) -> Result<Asking> {
///         cx.ask(id, 3);
///         Ok(Asking::Manual)
///     }
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, u32>, cx: &mut Context) -> Result {
///         assert_eq!(events.as_slice(), [0, 1, 2]);
///         cx.stop();
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(0..).spawn()?;
/// let taster = consumer(Taster).subscribe_to(&numbers, Subscribe::default()).spawn()?;
/// assert_eq!(taster.join().await.to_string(), "stopped");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asking {
    /// The runtime, by the window.
    #[default]
    Automatic,
    /// The stage itself, with `cx.ask`: nothing comes before it asks, in `handle_subscribe` or later. Messages then
    /// arrive unsplit, and the [`Demand`] is not used.
    Manual,
}

/// The options of one subscription; a [`Demand`] converts into it.
///
/// ```
/// use stage::{Demand, Subscribe, UpstreamEnds};
/// let options = Subscribe::from(Demand::new(10, 0)?).manual().upstream_ends(UpstreamEnds::Keep);
/// # Ok::<(), stage::DemandError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subscribe {
    pub(crate) demand: Demand,
    pub(crate) asking: Asking,
    pub(crate) ends: UpstreamEnds,
    pub(crate) coalesces: bool,
}

impl Subscribe {
    /// Leaves asking to the stage, whatever the [`Demand`] says.
    #[must_use]
    pub const fn manual(mut self) -> Self {
        self.asking = Asking::Manual;
        self
    }

    /// Says what the end of the upstream does.
    #[must_use]
    pub const fn upstream_ends(mut self, ends: UpstreamEnds) -> Self {
        self.ends = ends;
        self
    }

    /// Lets what has come in several messages, while the stage was at work, be handed over together, up to a batch of
    /// `max − min`. Without it each message is handed over by itself, as GenStage does: a stage that pays for each batch,
    /// as one that writes to a disk or over a network, then pays for each event of a producer that emits one at a time.
    ///
    /// The order of events, the asks and what is outstanding are the same. It does nothing where the stage itself asks.
    #[must_use]
    pub const fn coalesce(mut self) -> Self {
        self.coalesces = true;
        self
    }
}

impl From<Demand> for Subscribe {
    fn from(demand: Demand) -> Self {
        Self {
            demand,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{Cancel, Exit};

    #[test]
    fn an_end_stops_by_the_policy() {
        let failed = End::Down(Exit::Aborted);
        let cancelled = End::Cancelled(Cancel::Normal);
        // Completed, completed as the last, cancelled, failed, failed as the last.
        let check = |policy: UpstreamEnds, expected| {
            let ends = [
                (&End::Completed, false),
                (&End::Completed, true),
                (&cancelled, false),
                (&failed, false),
                (&failed, true),
            ];
            assert_eq!(ends.map(|(end, last)| policy.stops(end, last)), expected);
        };
        check(UpstreamEnds::Complete, [false, true, false, true, true]);
        check(UpstreamEnds::Stop, [true; 5]);
        check(
            UpstreamEnds::StopOnFailure,
            [false, false, false, true, true],
        );
        check(UpstreamEnds::Keep, [false; 5]);
    }

    #[test]
    fn options_keep_what_they_were_given() {
        let demand = Demand::one_by_one(7).expect("it is not zero");
        let options = Subscribe::from(demand);
        assert_eq!(
            (options.demand, options.asking),
            (demand, Asking::Automatic)
        );
        let options = options.manual().upstream_ends(UpstreamEnds::Keep);
        assert_eq!((options.demand, options.asking), (demand, Asking::Manual));
        assert_eq!(options.ends, UpstreamEnds::Keep);
    }
}
