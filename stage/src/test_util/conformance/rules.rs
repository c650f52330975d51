//! The rules that need no check, each with the reason.

use crate::test_util::{Outcome, Report};

/// A rule, what it says, and why no check is needed.
type Row = (&'static str, &'static str, Outcome);

const fn design(rule: &'static str, statement: &'static str, why: &'static str) -> Row {
    (rule, statement, Outcome::ByDesign(why))
}

const fn leave(rule: &'static str, statement: &'static str, why: &'static str) -> Row {
    (rule, statement, Outcome::NotApplicable(why))
}

/// Of §1 and §3.
const EMITS: [Row; 8] = [
    design(
        "RS 1.3",
        "the signals of a subscription are serial",
        "one task runs a stage, and every callback takes `&mut self`",
    ),
    design(
        "RS 3.1",
        "only its subscriber uses a subscription",
        "a `Context` cannot leave its callback, and a `Subscription` has one owner",
    ),
    design(
        "RS 3.2",
        "asking is allowed from within the handling of an event",
        "an ask is a message, sent from any callback by `cx.ask`",
    ),
    design(
        "RS 3.3",
        "asking and sending do not recurse without bound",
        "an ask is a message, and returns before it is heard",
    ),
    design(
        "RS 3.4",
        "asking returns soon",
        "an ask puts one message into a queue",
    ),
    leave(
        "RS 3.10",
        "asking may send events before it returns",
        "a permission that is not used",
    ),
    leave(
        "RS 3.11",
        "asking may end the subscription before it returns",
        "a permission that is not used",
    ),
    leave(
        "RS 3.14",
        "a producer may end when its last consumer leaves",
        "a permission; a stage says so itself",
    ),
];

/// Of §2.
const TAKES: [Row; 5] = [
    leave(
        "RS 2.2",
        "slow work is handed on to another thread",
        "advice; callbacks are async, and wait without a thread",
    ),
    leave(
        "RS 2.5",
        "a second subscription is cancelled",
        "a stage has any number of subscriptions, each under an id of its own",
    ),
    design(
        "RS 2.7",
        "asks and cancels of a subscription are serial",
        "they go through the one `Context` of the stage, or the one owner of a `Subscription`",
    ),
    design(
        "RS 2.11",
        "a signal is received whole before it is handled",
        "it goes through a mailbox behind a lock",
    ),
    design(
        "RS 2.12",
        "a subscription is opened once",
        "each has a new `SubscriptionId`, and a `Subscription` is no `Clone`",
    ),
];

/// Of §4.
const BOTH: [Row; 1] = [design(
    "RS 4.1",
    "it obeys the rules of both sides",
    "all of the rules above were applied to it",
)];

pub(super) fn emits(report: &mut Report) {
    note(report, EMITS);
}

pub(super) fn takes(report: &mut Report) {
    note(report, TAKES);
}

pub(super) fn both(report: &mut Report) {
    note(report, BOTH);
}

fn note(report: &mut Report, rows: impl IntoIterator<Item = Row>) {
    for (rule, statement, outcome) in rows {
        report.note(rule, statement, outcome);
    }
}
