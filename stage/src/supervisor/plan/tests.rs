//! The decisions of a supervisor, one input at a time: without a task and without a clock.

use std::sync::Arc;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const SHUTDOWN: Duration = Duration::from_secs(5);

/// A plan with its children, and the time since the first of them started.
struct Case {
    plan: Plan,
    ids: Vec<StageId>,
    start: Instant,
}

/// What an effect does, and to which child.
fn told(case: &Case, effects: &[Effect]) -> Vec<String> {
    let place = |id: &StageId| case.ids.iter().position(|other| other == id);
    let child = |order: &str, id| format!("{order} {}", place(id).expect("it is a child"));
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Suspend(id) => child("suspend", id),
            Effect::Interrupt(id) => child("interrupt", id),
            Effect::Start(id) => child("start", id),
            Effect::Finish(id) => child("finish", id),
            Effect::Stop(id) => child("stop", id),
            Effect::Abort(id) => child("abort", id),
            Effect::Down(None) => "down".to_owned(),
            Effect::Down(Some(failure)) => format!("down: {failure}"),
            Effect::Started => "started".to_owned(),
            Effect::Ended(exit) => format!("ended: {exit}"),
        })
        .collect()
}

impl Case {
    fn new(strategy: Strategy, restarts: &[Restart]) -> Self {
        Self::allowing(100, strategy, restarts)
    }

    /// So many restarts are allowed in ten seconds. The wait before restart `n` of a child is 2ⁿ seconds, 64 at most.
    fn allowing(allowed: usize, strategy: Strategy, restarts: &[Restart]) -> Self {
        let intensity = Intensity::new(allowed, 10 * SECOND);
        let backoff = Backoff::new(SECOND, 64 * SECOND);
        let mut plan = Plan::new(strategy, intensity, backoff, true);
        let start = Instant::now();
        let ids: Vec<_> = restarts.iter().map(|_| StageId::next()).collect();
        for (id, restart) in ids.iter().zip(restarts) {
            assert!(plan.on_child(*id, *restart, SHUTDOWN, start).is_empty());
        }
        Self { plan, ids, start }
    }

    fn at(&self, second: u32) -> Instant {
        self.start + second * SECOND
    }

    /// A child reports, at this second.
    fn hear(&mut self, child: usize, report: &Report, second: u32) -> Vec<String> {
        let (id, now) = (self.ids[child], self.at(second));
        let effects = self.plan.on_report(id, report, now, 1.0);
        told(self, &effects)
    }

    fn fails(&mut self, child: usize, second: u32) -> Vec<String> {
        let down = Report::Down {
            exit: Exit::Panicked("on purpose".into()),
            is_escalated: false,
        };
        self.hear(child, &down, second)
    }

    fn time(&mut self, second: u32) -> Vec<String> {
        let effects = self.plan.on_time(self.at(second));
        told(self, &effects)
    }

    fn deadline(&self) -> Option<u64> {
        let at = self.plan.deadline()?;
        Some(at.duration_since(self.start).as_secs())
    }

    fn changed(&mut self) -> Vec<usize> {
        let changed = self.plan.take_changed();
        let place = |id: &StageId| self.ids.iter().position(|other| other == id);
        changed.iter().filter_map(place).collect()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn each_of_those_that_wait_for_themselves_is_started_at_its_own_time() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent; 3]);
    assert_eq!(case.fails(2, 0), NOTHING);
    assert_eq!(case.fails(0, 0), NOTHING);
    assert_eq!(case.deadline(), Some(1));
    assert_eq!(case.time(1), ["start 0", "start 2"]);
    assert_eq!(case.deadline(), None);
    assert_eq!(case.hear(0, &Report::Started, 1), NOTHING);
    assert_eq!(case.fails(0, 1), NOTHING);
    assert_eq!(case.deadline(), Some(3));
    assert_eq!(case.time(2), NOTHING);
    assert_eq!(case.time(3), ["start 0"]);
}

#[test]
fn a_run_longer_than_the_longest_wait_makes_the_next_wait_short_again() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent]);
    for (fails, starts) in [(0, 1), (1, 3), (67, 71), (136, 137)] {
        assert_eq!(case.fails(0, fails), NOTHING);
        assert_eq!(case.deadline(), Some(u64::from(starts)));
        assert_eq!(case.time(starts), ["start 0"]);
        assert_eq!(case.hear(0, &Report::Started, starts), NOTHING);
    }
}

#[test]
fn a_group_waits_for_the_longest_wait_of_those_that_failed() {
    let check = |first: usize, second: usize| {
        let mut case = Case::new(Strategy::OneForAll, &[Restart::Permanent; 2]);
        // The first child has failed before, so that its next wait is four seconds, and the other's one.
        for (fails, starts) in [(0, 1), (1, 3)] {
            assert_eq!(case.fails(0, fails), ["suspend 1"]);
            assert_eq!(case.hear(1, &Report::Suspended, fails), NOTHING);
            assert_eq!(case.time(starts), ["start 0"]);
            assert_eq!(case.hear(0, &Report::Started, starts), ["start 1"]);
            assert_eq!(case.hear(1, &Report::Started, starts), NOTHING);
        }
        assert_eq!(case.fails(first, 3), [format!("suspend {second}")]);
        // It fails on its way down.
        assert_eq!(case.fails(second, 3), NOTHING);
        assert_eq!(case.deadline(), Some(7), "{first} failed first");
        assert_eq!(case.time(6), NOTHING);
        assert_eq!(case.time(7), ["start 0"]);
    };
    check(0, 1);
    check(1, 0);
}

#[test]
fn a_group_reaches_to_the_first_of_those_that_failed() {
    let mut case = Case::new(Strategy::RestForOne, &[Restart::Permanent; 4]);
    assert_eq!(case.fails(2, 0), ["suspend 3"]);
    assert_eq!(case.fails(1, 0), NOTHING);
    assert_eq!(case.hear(3, &Report::Suspended, 0), NOTHING);
    assert_eq!(case.time(1), ["start 1"]);
    assert_eq!(case.hear(1, &Report::Started, 1), ["start 2"]);
    // One that fails at its start takes those behind it along once more, of which none is up, and waits twice as long.
    assert_eq!(case.fails(2, 1), NOTHING);
    assert_eq!(case.deadline(), Some(3));
    assert_eq!(case.time(3), ["start 2"]);
    assert_eq!(case.hear(2, &Report::Started, 3), ["start 3"]);
    assert_eq!(case.hear(3, &Report::Started, 3), NOTHING);
    assert_eq!(case.deadline(), None);
}

#[test]
fn who_ends_while_its_group_is_down_is_not_waited_for() {
    let mut case = Case::new(Strategy::RestForOne, &[Restart::Permanent; 3]);
    assert_eq!(case.fails(1, 0), ["suspend 2"]);
    assert_eq!(case.hear(0, &Report::Ended, 0), NOTHING);
    assert_eq!(case.hear(1, &Report::Ended, 0), NOTHING);
    assert_eq!(case.hear(2, &Report::Suspended, 0), NOTHING);
    assert_eq!(case.time(1), ["start 2"]);
}

#[test]
fn an_order_that_is_not_obeyed_in_time_is_done_by_force_once() {
    let mut case = Case::new(
        Strategy::OneForAll,
        &[Restart::Permanent, Restart::Permanent, Restart::Temporary],
    );
    assert_eq!(case.fails(0, 0), ["stop 2"]);
    assert_eq!(case.deadline(), Some(5));
    assert_eq!(case.time(5), ["abort 2"]);
    assert_eq!(case.time(6), NOTHING);
    assert_eq!(case.hear(2, &Report::Ended, 6), ["suspend 1"]);
    assert_eq!(case.time(11), ["interrupt 1"]);
    assert_eq!(case.time(12), NOTHING);
    assert_eq!(case.hear(1, &Report::Suspended, 12), ["start 0"]);
}

#[test]
fn one_that_is_not_started_again_is_let_go_when_it_is_down() {
    let temporary = [Restart::Temporary, Restart::Permanent];
    let mut case = Case::new(Strategy::OneForAll, &temporary);
    assert_eq!(case.fails(0, 0), ["finish 0"]);
    assert_eq!(case.hear(0, &Report::Ended, 0), NOTHING, "the other runs");
    let stop = case.plan.on_stop(Exit::Stopped, case.at(0));
    assert_eq!(told(&case, &stop), ["stop 1"]);
    assert_eq!(case.fails(1, 0), ["finish 1"], "it is told to end");
}

#[test]
fn all_end_one_at_a_time_from_the_last_to_the_first() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent; 3]);
    assert_eq!(case.fails(1, 0), NOTHING);
    let stop = case.plan.on_stop(Exit::Stopped, case.at(0));
    assert_eq!(told(&case, &stop), ["stop 2"]);
    // The wait of the one that is down is over, and nobody starts it.
    assert_eq!(case.deadline(), Some(5));
    assert_eq!(case.time(1), NOTHING);
    assert_eq!(case.hear(2, &Report::Ended, 1), ["stop 1"]);
    assert_eq!(case.hear(1, &Report::Ended, 1), ["stop 0"]);
    assert_eq!(case.hear(0, &Report::Ended, 1), ["ended: stopped"]);
}

#[test]
fn one_that_goes_down_by_order_comes_up_again_in_its_order_and_says_so() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent; 2]);
    let suspend = case.plan.on_suspend(case.at(0));
    assert_eq!(told(&case, &suspend), ["suspend 1"]);
    assert_eq!(case.hear(1, &Report::Suspended, 0), ["suspend 0"]);
    assert_eq!(case.hear(0, &Report::Suspended, 0), ["down"]);
    assert_eq!(case.time(1), NOTHING, "it is said once");
    let start = case.plan.on_start(case.at(1));
    assert_eq!(told(&case, &start), ["start 0"]);
    assert_eq!(case.hear(0, &Report::Started, 1), ["start 1"]);
    assert_eq!(case.hear(1, &Report::Started, 1), ["started"]);
}

#[test]
fn one_that_is_started_again_waits_for_those_that_wait_for_themselves() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent; 2]);
    assert_eq!(case.fails(0, 0), NOTHING);
    let suspend = case.plan.on_suspend(case.at(0));
    assert_eq!(told(&case, &suspend), ["suspend 1"]);
    assert_eq!(case.hear(1, &Report::Suspended, 0), ["down"]);
    assert_eq!(
        case.deadline(),
        None,
        "nobody is started while all are down"
    );
    let start = case.plan.on_start(case.at(0));
    assert_eq!(told(&case, &start), NOTHING);
    assert_eq!(case.deadline(), Some(1));
    assert_eq!(case.time(1), ["start 0"]);
    assert_eq!(case.hear(0, &Report::Started, 1), ["start 1"]);
}

#[test]
fn one_that_gives_up_goes_down_with_the_failure_it_gave_up_for() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent; 2]);
    let escalated = Report::Down {
        exit: Exit::Failed(Arc::new("no luck".into())),
        is_escalated: true,
    };
    assert_eq!(case.hear(0, &escalated, 0), ["suspend 1"]);
    assert_eq!(
        case.hear(1, &Report::Suspended, 0),
        ["down: failed: no luck"]
    );
    let stop = case.plan.on_stop(Exit::Stopped, case.at(0));
    assert_eq!(told(&case, &stop), ["stop 1"]);
    assert_eq!(case.hear(1, &Report::Ended, 0), ["finish 0"]);
    assert_eq!(case.hear(0, &Report::Ended, 0), ["ended: failed: no luck"]);
}

#[test]
fn a_failure_counts_unless_its_child_was_told_to_go_down() {
    let mut case = Case::allowing(1, Strategy::OneForAll, &[Restart::Permanent; 2]);
    assert_eq!(case.fails(0, 0), ["suspend 1"]);
    assert_eq!(case.fails(1, 0), NOTHING);
    assert_eq!(case.time(1), ["start 0"]);
    assert_eq!(case.hear(0, &Report::Started, 1), ["start 1"]);
    assert_eq!(case.hear(1, &Report::Started, 1), NOTHING);
    assert_eq!(case.fails(1, 2), ["suspend 0"]);
    assert_eq!(
        case.hear(0, &Report::Suspended, 2),
        ["down: panicked: on purpose"]
    );
}

#[test]
fn only_those_that_a_report_is_about_are_told_as_changed() {
    let mut case = Case::new(Strategy::OneForOne, &[Restart::Permanent; 3]);
    assert!(case.changed().is_empty(), "they run since they are known");
    case.fails(1, 0);
    assert_eq!(case.changed(), [1]);
    case.time(1);
    assert!(case.changed().is_empty(), "it runs no more than before");
    case.hear(1, &Report::Started, 1);
    assert_eq!(case.changed(), [1]);
    case.hear(2, &Report::Ended, 1);
    assert_eq!(case.changed(), [2]);
    let status = |at: usize| case.plan.status(case.ids[at]);
    let (is_running, restarts) = (true, 1);
    assert_eq!(
        (status(1), status(2)),
        (
            Some(Status {
                is_running,
                restarts
            }),
            None
        )
    );
}
