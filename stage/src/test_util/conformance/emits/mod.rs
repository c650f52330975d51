//! The rules of what emits: §1 and §3, and our laws of demand, seen by fake consumers.

use super::running::Running;
use crate::runtime::Emits;
use crate::test_util::{Outcome, Patience, Report, SinkProbe, Unexpected};

mod cancel;
mod demand;
mod dispatched;
mod ends;
pub(super) use dispatched::{keeps_keys, paces_by_the_slowest};

/// A stage to be checked by what comes out of it.
pub(super) struct Emitting<'a, R: Emits> {
    /// Starts one that has emitted nothing.
    pub(super) spawn: &'a dyn Fn() -> Result<Running<R>, Unexpected>,
    /// After how many events it completes, if it does.
    pub(super) len: Option<usize>,
    pub(super) order: Option<Order<'a, R::Out>>,
    pub(super) patience: Patience,
}

/// What is known of the order of the events.
pub(super) struct Order<'a, T> {
    /// An event's number.
    pub(super) number: &'a dyn Fn(&T) -> usize,
    /// How many events in a row have each number, if it is known.
    pub(super) repeats: Option<usize>,
}

/// What a stage must be able to emit, so that each check has enough.
pub(super) const EVENTS_MIN: usize = 16;

const NO_LEN: &str = "it was not told after how many events it completes";
const NO_NUMBERS: &str = "it was not told how to number the events";
const NO_SOURCE: &str = "a producer-consumer emits what its input makes of it";
const IS_FUSED: &str = "the second of a fused pair emits what it makes of the first's events";

impl<R: Emits> Emitting<'_, R> {
    fn spawn(&self) -> Result<Running<R>, Unexpected> {
        (self.spawn)()
    }

    fn sink(&self, stage: &Running<R>) -> SinkProbe<R::Out> {
        SinkProbe::with_patience(&**stage, self.patience)
    }

    /// Runs all checks.
    pub(super) async fn check(&self, report: &mut Report) {
        self.check_demand(report).await;
        self.check_cancel(report).await;
        self.check_ends(report).await;
    }

    async fn check_demand(&self, r: &mut Report) {
        let checked = demand::never_more_than_asked(self);
        r.check("RS 1.1", "no more comes than was asked for", checked)
            .await;
        let checked = demand::nothing_before_an_ask(self);
        r.check(
            "RS 1.9",
            "a subscription is opened without a word, and an ended stage says so",
            checked,
        )
        .await;
        let checked = demand::asks_add_up(self);
        r.check("RS 3.8", "each ask adds to those before", checked)
            .await;
        let checked = demand::an_ask_for_nothing(self);
        r.check("RS 3.9", "an ask for nothing changes nothing", checked)
            .await;
        let statement = "demand beyond every number is no overflow";
        match self.len {
            Some(len) => {
                r.check("RS 3.17", statement, demand::boundless(self, len))
                    .await;
            }
            None => r.note("RS 3.17", statement, Outcome::NotApplicable(NO_LEN)),
        }
        let checked = demand::nothing_is_held(self);
        r.check(
            "law: liveness",
            "what is asked for comes without another word",
            checked,
        )
        .await;
        let statement = "it emits no more than it was told to";
        if R::IS_FUSED {
            r.note("law: surplus", statement, Outcome::NotApplicable(IS_FUSED));
        } else if R::IS_SOURCE {
            let checked = demand::nothing_is_left_over(self);
            r.check("law: surplus", statement, checked).await;
        } else {
            r.note("law: surplus", statement, Outcome::NotApplicable(NO_SOURCE));
        }
        let statement =
            "the events of an edge keep their order, and none is missing or comes twice";
        match &self.order {
            Some(order) => {
                r.check("law: order", statement, demand::in_order(self, order))
                    .await;
            }
            None => r.note("law: order", statement, Outcome::NotApplicable(NO_NUMBERS)),
        }
    }

    async fn check_cancel(&self, r: &mut Report) {
        let checked = cancel::ends_what_comes(self);
        r.check(
            "RS 1.8, 3.12",
            "after a cancel the events stop, and the end is told",
            checked,
        )
        .await;
        let checked = cancel::subscribing_again(self);
        r.check(
            "RS 1.10",
            "it is subscribed to any number of times",
            checked,
        )
        .await;
        let checked = cancel::several_at_once(self);
        r.check("RS 1.11", "it serves several consumers", checked)
            .await;
        let checked = cancel::asks_after_it(self);
        r.check("RS 3.6", "an ask after the cancel does nothing", checked)
            .await;
        let checked = cancel::again(self);
        r.check("RS 3.5, 3.7", "a second cancel does nothing", checked)
            .await;
        let checked = cancel::lets_go(self);
        r.check("RS 3.13", "a consumer that left is let go", checked)
            .await;
        let checked = cancel::of_the_unknown(self);
        r.check(
            "RS 3.15, 3.16",
            "asks and cancels of strangers do no harm",
            checked,
        )
        .await;
        let checked = cancel::at_every_point(self);
        r.check(
            "law: cancel",
            "a consumer may leave after any event",
            checked,
        )
        .await;
        let checked = cancel::leaks_no_demand(self);
        r.check(
            "law: leaver",
            "who comes after a leaver gets what it asks for, no more, no less",
            checked,
        )
        .await;
    }

    async fn check_ends(&self, r: &mut Report) {
        let fewer = "it may give fewer events than were asked for, and then completes";
        let told = "the completion is told, and is the stage's own end";
        let buffered = "the completion waits for what nobody has asked for yet";
        if let Some(len) = self.len {
            r.check("RS 1.2", fewer, ends::fewer_than_asked(self, len))
                .await;
            r.check("RS 1.5", told, ends::completion(self, len)).await;
            r.check("law: completion", buffered, ends::waits_for_asks(self, len))
                .await;
        } else {
            r.note("RS 1.2", fewer, Outcome::NotApplicable(NO_LEN));
            r.note("RS 1.5", told, Outcome::NotApplicable(NO_LEN));
            r.note("law: completion", buffered, Outcome::NotApplicable(NO_LEN));
        }
        let checked = ends::failure(self);
        r.check("RS 1.4", "a failure is told", checked).await;
        let checked = ends::is_the_last_word(self);
        r.check(
            "RS 1.6, 1.7",
            "after the end the subscription is closed and silent",
            checked,
        )
        .await;
        let checked = ends::drain(self);
        r.check("law: drain", "a drain ends it within its grace", checked)
            .await;
    }
}
