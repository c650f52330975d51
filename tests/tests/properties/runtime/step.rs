//! What can happen in a random program, and how often it does.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A consumer joins: max, min, whether it asks by hand, whether it listens to the middle stage.
    Join(usize, usize, bool, bool),
    /// A consumer that asks by hand asks.
    Ask(usize, usize),
    /// The producer pays up to this much of its debt.
    Pay(usize),
    /// The producer emits what nobody asked for.
    Push(usize),
    /// A consumer cancels its subscription.
    Cancel(usize),
    /// A consumer's next event fails it: it resumes, is made anew, or ends.
    FailConsumer(usize, Fate),
    /// The producer's next demand, or payment, fails it.
    FailProducer(Fate),
    /// The middle stage's next event fails it.
    FailMiddle(Fate),
    /// A consumer is aborted.
    Abort(usize),
    /// A consumer is stopped.
    Stop(usize),
    /// Lets the program come to rest, and judges it.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Resume,
    Restart,
    Panic,
    End,
}

pub(super) fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Resume),
        3 => Just(Fate::Restart),
        2 => Just(Fate::Panic),
        1 => Just(Fate::End),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    prop_oneof![
        4 => (1..8usize, 0..8usize, any::<bool>(), any::<bool>())
            .prop_map(|(max, min, manual, middle)| Step::Join(max, min % max, manual, middle)),
        4 => (who.clone(), 1..9usize).prop_map(|(who, n)| Step::Ask(who, n)),
        6 => (1..20usize).prop_map(Step::Pay),
        2 => (1..9usize).prop_map(Step::Push),
        1 => who.clone().prop_map(Step::Cancel),
        2 => (who.clone(), fate()).prop_map(|(who, fate)| Step::FailConsumer(who, fate)),
        2 => fate().prop_filter("a source that ends, ends the program", |fate| *fate != Fate::End)
            .prop_map(Step::FailProducer),
        1 => fate().prop_map(Step::FailMiddle),
        1 => who.clone().prop_map(Step::Abort),
        1 => who.prop_map(Step::Stop),
        3 => Just(Step::Rest),
    ]
}
