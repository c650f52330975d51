//! Dispatchers that each break the contract in one way, and the law that tells of it.

use stage::protocol::{Dispatched, Dispatcher, Selector};
use stage::test_util::{Audience, DispatcherLaws, Outcome, Report, dispatcher_laws};
use stage::{Broadcast, Fair, Refused, SubscriptionId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    OverDelivers,
    ServesLeavers,
    KeepsTheirDemand,
    TakesTheNewest,
    Reverses,
    WantsNothing,
    WantsTooMuch,
    LeavesTheLast,
    QueuesThough,
    Loses,
    Repeats,
    AdoptsStrangers,
    CountsTheRefused,
    MarksAir,
    SendsNothing,
    Panics,
    Overflows,
    ForgetsAsks,
}

/// Gives events to whoever is first in line, up to its ask.
#[derive(Debug)]
struct Flawed {
    line: Vec<(SubscriptionId, usize)>,
    wanted: u128,
    queue: Vec<usize>,
    flaw: Flaw,
}

impl Flawed {
    const fn new(flaw: Flaw) -> Self {
        Self {
            line: Vec::new(),
            wanted: 0,
            queue: Vec::new(),
            flaw,
        }
    }

    /// What is wanted, as far as it can be told.
    fn told(&self) -> usize {
        usize::try_from(self.wanted).unwrap_or(usize::MAX)
    }

    fn give(&mut self, events: &mut Vec<usize>, out: &mut Dispatched<usize>) {
        for (id, asked) in &mut self.line {
            let extra = usize::from(self.flaw == Flaw::OverDelivers);
            let given = asked.saturating_add(extra).min(events.len());
            let mut batch: Vec<usize> = match self.flaw {
                Flaw::TakesTheNewest => events.drain(events.len() - given..).collect(),
                _ => events.drain(..given).collect(),
            };
            *asked = asked.saturating_sub(given);
            self.wanted = self.wanted.saturating_sub(given as u128);
            match self.flaw {
                Flaw::Reverses => batch.reverse(),
                Flaw::Loses if batch.len() > 3 => drop(batch.pop()),
                Flaw::Repeats if batch.len() > 3 => batch.truncate(3),
                _ => {}
            }
            if self.flaw == Flaw::Repeats && batch.len() == 3 {
                batch[2] = batch[1] + 1;
                batch[1] = batch[0];
            }
            if !batch.is_empty() || self.flaw == Flaw::SendsNothing {
                out.deliveries.push((*id, batch));
            }
        }
    }
}

impl Dispatcher<usize> for Flawed {
    type Key = bool;

    /// A key of `false` is refused.
    fn subscribe(&mut self, id: SubscriptionId, key: Option<bool>) -> Result<(), Refused> {
        if key == Some(false) {
            if self.flaw == Flaw::CountsTheRefused {
                self.wanted += 1;
            }
            return Err(Refused("its key is false".into()));
        }
        self.line.push((id, 0));
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<usize>) {
        let Some(at) = self.line.iter().position(|(other, _)| *other == id) else {
            return;
        };
        match self.flaw {
            Flaw::ServesLeavers => {}
            Flaw::KeepsTheirDemand => drop(self.line.remove(at)),
            Flaw::ForgetsAsks => {
                let left = self.line.remove(at).1 as u128;
                self.wanted = self.wanted.min(usize::MAX as u128) - left;
            }
            _ => self.wanted -= self.line.remove(at).1 as u128,
        }
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<usize>) {
        match self.line.iter_mut().find(|(other, _)| *other == id) {
            Some((_, asked)) if self.flaw == Flaw::Overflows => {
                self.wanted += n as u128;
                *asked += n;
            }
            Some((_, asked)) => {
                let added = n.min(usize::MAX - *asked);
                self.wanted += added as u128;
                *asked += added;
            }
            None if self.flaw == Flaw::AdoptsStrangers => {
                self.wanted += n as u128;
                self.line.push((id, n));
            }
            None => return,
        }
        if self.flaw == Flaw::Panics && self.wanted > 30 {
            panic!("on purpose");
        }
        if self.flaw != Flaw::QueuesThough {
            let mut queue = std::mem::take(&mut self.queue);
            self.give(&mut queue, out);
            self.queue = queue;
        }
    }

    fn wanted(&self) -> usize {
        match self.flaw {
            Flaw::WantsNothing => 0,
            Flaw::WantsTooMuch if self.wanted > 0 => self.told().saturating_add(1),
            _ => self.told(),
        }
    }

    fn queued(&self) -> usize {
        self.queue.len()
    }

    fn mark(&mut self) -> bool {
        self.flaw == Flaw::MarksAir
    }

    fn dispatch(&mut self, events: &mut Vec<usize>, out: &mut Dispatched<usize>) {
        match self.flaw {
            Flaw::QueuesThough if self.wanted > 0 => {
                let wanted = self.told().min(events.len());
                self.queue.extend(events.drain(..wanted));
                if self.queue.len() > 4 {
                    let mut queue = std::mem::take(&mut self.queue);
                    self.give(&mut queue, out);
                    self.queue = queue;
                }
            }
            Flaw::LeavesTheLast if self.wanted > 1 => {
                let last = events.pop();
                self.give(events, out);
                events.extend(last);
            }
            _ => self.give(events, out),
        }
    }
}

fn laws(flaw: Flaw) -> DispatcherLaws<usize, Flawed> {
    dispatcher_laws(move || Flawed::new(flaw), |n| n, |event| *event)
        .keys(3, |key| Some(key > 0))
        .programs(200)
}

#[track_caller]
fn assert_broken(report: &Report, rule: &str) {
    assert!(
        report.broken().contains(&rule),
        "{rule} is not broken:\n{report}"
    );
}

#[test]
fn without_a_flaw_it_keeps_them_all() {
    let report = laws(Flaw::None).check();
    report.assert();
    assert!(report.holds());
}

#[test]
fn each_flaw_is_told_by_its_law() {
    let told = [
        (Flaw::OverDelivers, "law: credit"),
        (Flaw::ServesLeavers, "law: leaver"),
        (Flaw::KeepsTheirDemand, "law: leaver"),
        (Flaw::TakesTheNewest, "law: overtaking"),
        (Flaw::Reverses, "law: order"),
        (Flaw::WantsNothing, "law: liveness"),
        (Flaw::WantsTooMuch, "law: wanted"),
        (Flaw::LeavesTheLast, "law: wanted"),
        (Flaw::QueuesThough, "law: queue"),
        (Flaw::Loses, "law: conservation"),
        (Flaw::Repeats, "law: order"),
        (Flaw::AdoptsStrangers, "law: strangers"),
        (Flaw::CountsTheRefused, "law: refusal"),
        (Flaw::MarksAir, "law: marks"),
        (Flaw::SendsNothing, "law: empty"),
        (Flaw::Panics, "law: panic"),
        (Flaw::Overflows, "law: saturation"),
        (Flaw::ForgetsAsks, "law: saturation"),
    ];
    for (flaw, rule) in told {
        let report = laws(flaw).check();
        assert!(
            !report.holds() && report.broken().contains(&rule),
            "{flaw:?}:\n{report}"
        );
    }
}

#[test]
fn a_broken_law_is_told_with_a_small_program_of_the_same_seed() {
    let how = |report: &Report| {
        let broken = report
            .checks()
            .iter()
            .find_map(|check| match &check.outcome {
                Outcome::Broken(how) => Some(how.clone()),
                _ => None,
            });
        broken.unwrap()
    };
    let report = how(&laws(Flaw::OverDelivers).seed(3).check());
    assert_eq!(report, how(&laws(Flaw::OverDelivers).seed(3).check()));
    let steps = report.matches('(').count();
    assert!(steps <= 4, "{report}");
}

/// Gives each event to all, as much as the one with the most has asked for.
#[derive(Debug, Default)]
struct AtTheQuickest(Vec<(SubscriptionId, usize)>);

impl Dispatcher<usize> for AtTheQuickest {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> Result<(), Refused> {
        self.0.push((id, 0));
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<usize>) {
        self.0.retain(|(other, _)| *other != id);
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<usize>) {
        let asker = self.0.iter_mut().find(|(other, _)| *other == id);
        if let Some((_, asked)) = asker {
            *asked += n;
        }
    }

    fn wanted(&self) -> usize {
        self.0.iter().map(|(_, asked)| *asked).max().unwrap_or(0)
    }

    fn dispatch(&mut self, events: &mut Vec<usize>, out: &mut Dispatched<usize>) {
        let taken: Vec<usize> = events.drain(..self.wanted().min(events.len())).collect();
        for (id, asked) in &mut self.0 {
            let n = taken.len().min(*asked);
            if n > 0 {
                *asked -= n;
                out.deliveries.push((*id, taken[..n].to_vec()));
            }
        }
    }
}

#[test]
fn a_broadcast_at_the_pace_of_the_quickest() {
    let laws = dispatcher_laws(AtTheQuickest::default, |n| n, |event| *event);
    let report = laws.audience(Audience::Every).check();
    assert_broken(&report, "law: broadcast");
}

/// A broadcast that forgets one of several.
#[derive(Debug, Default)]
struct ForgetsOne(Broadcast<usize>);

impl Dispatcher<usize> for ForgetsOne {
    type Key = Selector<usize>;

    fn subscribe(
        &mut self,
        id: SubscriptionId,
        key: Option<Selector<usize>>,
    ) -> Result<(), Refused> {
        self.0.subscribe(id, key)
    }

    fn cancel(&mut self, id: SubscriptionId, out: &mut Dispatched<usize>) {
        self.0.cancel(id, out);
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, out: &mut Dispatched<usize>) {
        self.0.ask(id, n, out);
    }

    fn wanted(&self) -> usize {
        self.0.wanted()
    }

    fn dispatch(&mut self, events: &mut Vec<usize>, out: &mut Dispatched<usize>) {
        self.0.dispatch(events, out);
        if out.deliveries.len() > 1 {
            out.deliveries.pop();
        }
    }
}

#[test]
fn a_broadcast_that_forgets_one_of_several() {
    let laws = dispatcher_laws(ForgetsOne::default, |n| n, |event| *event);
    let report = laws.audience(Audience::Every).check();
    assert_broken(&report, "law: broadcast");
}

#[test]
fn keys_that_move_between_consumers_that_stay() {
    let laws = dispatcher_laws(Fair::default, |n| n, |event| *event);
    let report = laws.keyed(|event| *event as u64 % 2).check();
    assert_eq!(report.broken(), ["law: key"]);
}
