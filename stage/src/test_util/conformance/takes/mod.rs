//! The rules of what takes events: §2, and our laws of windows, seen by fake producers.

use super::running::{Running, SpawnOn};
use crate::protocol::{Demand, Subscribe, UpstreamEnds};
use crate::runtime::{Role, Source, Takes};
use crate::test_util::{Outcome, Patience, Report, SinkProbe, SourceEdge, SourceProbe, Unexpected};

mod ends;
mod strays;
mod window;

/// A stage to be checked by what it asks for.
pub(super) struct Taking<'a, R: Takes> {
    /// Starts one that is subscribed with these options, and what takes its output, if it has one.
    pub(super) spawn: SpawnOn<'a, R::In, Spawned<R>>,
    /// Makes the events to be taken, by their numbers.
    pub(super) sample: &'a dyn Fn(usize) -> R::In,
    /// Whether it asks by a rule of its own, rather than by the window.
    pub(super) asking: AsksBy,
    pub(super) patience: Patience,
}

/// A running stage and a consumer of all its output.
pub(super) type Spawned<R> = (Running<R>, Option<SinkProbe<<R as Role>::Out>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AsksBy {
    Window,
    ItsOwnRule,
}

/// The window of the checks: the most outstanding, and when it asks again.
pub(super) const MAX: usize = 8;
const MIN: usize = 4;

/// How many events a check sends that wants to see many.
pub(super) const MANY: usize = 64;

const OWN_RULE: &str = "it asks by a rule of its own";

/// A stage at work, fed by hand.
struct Fed<'a, R: Takes> {
    taking: &'a Taking<'a, R>,
    stage: Running<R>,
    /// Kept, so that its output has a way to go.
    _sink: Option<SinkProbe<R::Out>>,
    _source: SourceProbe<R::In>,
    edge: SourceEdge<R::In>,
    made: usize,
}

impl<R: Takes> Taking<'_, R> {
    /// Starts a stage whose upstream's end means this, and waits for its first ask.
    async fn fed(&self, ends: UpstreamEnds) -> Result<Fed<'_, R>, Unexpected> {
        let mut source = SourceProbe::with_patience(self.patience);
        let (stage, sink) = (self.spawn)(&source.outlet(), options(ends)?)?;
        let edge = source.expect_subscribe().await?;
        let mut fed = Fed {
            taking: self,
            stage,
            _sink: sink,
            _source: source,
            edge,
            made: 0,
        };
        fed.edge.next_ask().await?;
        self.patience.rest().await;
        Ok(fed)
    }

    /// Runs all checks.
    pub(super) async fn check(&self, r: &mut Report) {
        let checked = window::asks_first(self);
        r.check("RS 2.1", "it asks, since nothing comes before", checked)
            .await;
        self.check_window(r).await;
        let checked = window::asks_on(self);
        r.check(
            "law: asks on",
            "when what it asked for is handled, it asks again",
            checked,
        )
        .await;
        let checked = ends::conserves(self);
        r.check(
            "law: conservation",
            "every event sent is handled, none is lost or left in hand",
            checked,
        )
        .await;
        let checked = ends::says_no_more(self);
        r.check(
            "RS 2.3, 2.4",
            "after the end it neither asks nor cancels",
            checked,
        )
        .await;
        let checked = ends::tells_its_own(self);
        r.check("RS 2.6", "a stage that ends tells its producer", checked)
            .await;
        let checked = strays::after_a_cancel(self);
        r.check(
            "RS 2.8",
            "it cancels at any point, and events that still come do no harm",
            checked,
        )
        .await;
        let checked = ends::completes(self);
        r.check(
            "RS 2.9",
            "it completes with its producer, before any event and after some",
            checked,
        )
        .await;
        let checked = ends::fails(self);
        r.check(
            "RS 2.10",
            "it hears of a failure, before any event and after some",
            checked,
        )
        .await;
        let checked = strays::after_the_end(self);
        r.check(
            "RS 2.13",
            "events after the end, and of strangers, do no harm and are counted",
            checked,
        )
        .await;
        let checked = strays::in_excess(self);
        r.check(
            "law: excess",
            "events that it did not ask for are handled all the same",
            checked,
        )
        .await;
        let checked = ends::last_of_two(self);
        r.check(
            "law: last",
            "it completes with the last of its producers",
            checked,
        )
        .await;
        let checked = ends::drains(self);
        r.check(
            "law: drain up",
            "a drain cancels its producers and ends within its grace",
            checked,
        )
        .await;
    }

    async fn check_window(&self, r: &mut Report) {
        let bound = "what is asked and not delivered is at most max";
        let late = "it asks again only when max − min are handled";
        if self.asking == AsksBy::ItsOwnRule {
            r.note("law: window", bound, Outcome::NotApplicable(OWN_RULE));
            r.note("law: asks late", late, Outcome::NotApplicable(OWN_RULE));
            return;
        }
        let checked = window::outstanding_is_bounded(self);
        r.check("law: window", bound, checked).await;
        let checked = window::asks_late(self);
        r.check("law: asks late", late, checked).await;
    }
}

impl<R: Takes> Fed<'_, R> {
    fn make(&mut self, n: usize) -> Vec<R::In> {
        let made = self.made..self.made + n;
        self.made = made.end;
        made.map(self.taking.sample).collect()
    }

    /// Sends the next `n` samples, asked for or not.
    fn send(&mut self, n: usize) {
        let events = self.make(n);
        self.edge.send(events);
    }

    /// Sends `n` samples as they are asked for, at most `batch` at once.
    async fn feed(&mut self, n: usize, batch: usize) -> Result<(), Unexpected> {
        let until = self.edge.sent() + n;
        while self.edge.sent() < until {
            while self.edge.outstanding() == 0 {
                self.edge.next_ask().await?;
            }
            let left = until - self.edge.sent();
            self.send(batch.min(left).min(self.edge.outstanding()));
        }
        Ok(())
    }
}

/// The options of every check.
pub(super) fn options(ends: UpstreamEnds) -> Result<Subscribe, Unexpected> {
    let demand = Demand::new(MAX, MIN);
    let demand = demand.map_err(|error| Unexpected::new("a window", error.to_string()))?;
    Ok(Subscribe::from(demand).upstream_ends(ends))
}
