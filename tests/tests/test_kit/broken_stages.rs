//! Stages that each break one thing, and the rule that tells of it.

use std::time::Duration;

use stage::protocol::{Dispatched, Dispatcher};
use stage::test_util::{Patience, Report, conformance};
use stage::{
    Asking, Batch, Consumer, Context, Directive, End, Failure, Handler, Producer, ProducerConsumer,
    Refused, Result, SubscriptionId, consumer, producer, producer_consumer,
};

use crate::fixtures::Counter;

/// A broken stage keeps the checks waiting: not as long as a sound one may.
fn short() -> Patience {
    Patience::new(Duration::from_secs(1), Duration::from_millis(20))
}

#[track_caller]
fn assert_broken(report: &Report, rules: &[&str]) {
    let broken = report.broken();
    for rule in rules {
        assert!(broken.contains(rule), "{rule} is not broken:\n{report}");
    }
}

/// The rules are broken, and no others.
#[track_caller]
fn assert_only_broken(report: &Report, rules: &[&str]) {
    assert_eq!(report.broken(), rules, "{report}");
}

/// A producer of the next numbers that does something else with its demand.
struct Wrong {
    next: usize,
    how: HowWrong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HowWrong {
    EmitsTooMuch,
    HoldsOneBack,
    Overtakes,
    Repeats,
    CompletesEarly,
    FailsWhenOneLeaves,
    NeverDrains,
}

impl Producer for Wrong {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        let mut events: Vec<usize> = (self.next..self.next + demand).collect();
        self.next += demand;
        match self.how {
            HowWrong::EmitsTooMuch => {
                events.push(self.next);
                self.next += 1;
            }
            HowWrong::HoldsOneBack if demand > 1 => {
                events.pop();
                self.next -= 1;
            }
            HowWrong::Overtakes => events.iter_mut().for_each(|event| *event ^= 1),
            HowWrong::Repeats => events.iter_mut().for_each(|event| *event -= *event / 5),
            HowWrong::CompletesEarly if self.next >= 15 => cx.complete(),
            _ => {}
        }
        cx.emit_all(events);
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        _: SubscriptionId,
        _: &End,
        _: &mut Context<usize>,
    ) -> Result {
        match self.how {
            HowWrong::FailsWhenOneLeaves => Err("nobody may leave".into()),
            _ => Ok(()),
        }
    }

    fn in_hand(&self) -> usize {
        usize::from(self.how == HowWrong::NeverDrains)
    }
}

async fn wrong(how: HowWrong) -> Report {
    conformance::producer(move || producer(Wrong { next: 0, how }))
        .numbered(|event| *event)
        .patience(short())
        .run()
        .await
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_emits_too_much() {
    assert_only_broken(&wrong(HowWrong::EmitsTooMuch).await, &["law: surplus"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_holds_an_event_though_asked() {
    assert_broken(&wrong(HowWrong::HoldsOneBack).await, &["law: liveness"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_overtakes_or_repeats_itself() {
    assert_only_broken(&wrong(HowWrong::Overtakes).await, &["law: order"]);
    assert_only_broken(&wrong(HowWrong::Repeats).await, &["law: order"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_completes_early() {
    let how = HowWrong::CompletesEarly;
    let report = conformance::producer(move || producer(Wrong { next: 0, how }))
        .completes_after(16)
        .patience(short())
        .run()
        .await;
    assert_broken(&report, &["RS 1.2", "RS 3.17"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_fails_when_a_consumer_leaves() {
    let report = wrong(HowWrong::FailsWhenOneLeaves).await;
    assert_broken(&report, &["RS 1.10", "law: cancel", "law: leaver"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_never_drains() {
    assert_only_broken(&wrong(HowWrong::NeverDrains).await, &["law: drain"]);
}

/// Sends all that it has to whoever came first, asked or not.
#[derive(Debug, Default)]
struct OverDelivers(Vec<SubscriptionId>, usize);

impl<T> Dispatcher<T> for OverDelivers {
    type Key = ();

    fn subscribe(&mut self, id: SubscriptionId, _: Option<()>) -> std::result::Result<(), Refused> {
        self.0.push(id);
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
        self.0.retain(|other| *other != id);
    }

    fn ask(&mut self, _: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
        self.1 += 2 * n;
    }

    fn wanted(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.1 }
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        if let Some(first) = self.0.first() {
            self.1 = self.1.saturating_sub(events.len());
            out.deliveries.push((*first, std::mem::take(events)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_whose_dispatcher_delivers_too_much() {
    let make = || producer(Counter::endless()).dispatcher(OverDelivers::default());
    let report = conformance::producer(make).patience(short()).run().await;
    assert_broken(&report, &["RS 1.1", "RS 3.15, 3.16", "law: leaver"]);
}

/// A consumer that does something else than take what comes.
struct Amiss(How, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    AsksTooMuch,
    NeverAsks,
    NeverAsksAgain,
    AsksForEach,
    FailsAtTheEnd,
    KeepsInHand,
    FailsOnSome,
}

impl Consumer for Amiss {
    type In = usize;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        asking: Asking,
        cx: &mut Context,
    ) -> Result<Asking> {
        match self.0 {
            How::NeverAsks => return Ok(Asking::Manual),
            How::NeverAsksAgain | How::AsksForEach => cx.ask(id, 8),
            _ => return Ok(asking),
        }
        Ok(Asking::Manual)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, cx: &mut Context) -> Result {
        let id = events.subscription();
        while let Some(event) = events.front().copied() {
            match self.0 {
                How::AsksTooMuch | How::AsksForEach => cx.ask(id, 1),
                How::FailsOnSome if event == 40 => return Err("it fails on 40".into()),
                _ => {}
            }
            events.pop();
            self.1 += 1;
        }
        Ok(())
    }

    async fn handle_cancel(&mut self, _: SubscriptionId, _: &End, _: &mut Context) -> Result {
        match self.0 {
            How::FailsAtTheEnd => Err("it fails at the end".into()),
            _ => Ok(()),
        }
    }

    fn in_hand(&self) -> usize {
        match self.0 {
            How::KeepsInHand => self.1,
            _ => 0,
        }
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        match self.0 {
            How::FailsOnSome => Directive::Resume,
            _ => Directive::Stop,
        }
    }
}

async fn amiss(how: How) -> Report {
    conformance::consumer(move || consumer(Amiss(how, 0)), |n| n)
        .patience(short())
        .run()
        .await
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_asks_too_much() {
    let report = amiss(How::AsksTooMuch).await;
    assert_broken(&report, &["law: window", "law: asks late"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_never_asks() {
    assert_broken(&amiss(How::NeverAsks).await, &["RS 2.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_never_asks_again() {
    let report = amiss(How::NeverAsksAgain).await;
    assert_broken(&report, &["law: asks on", "law: asks late"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_asks_for_each_event() {
    assert_only_broken(&amiss(How::AsksForEach).await, &["law: asks late"]);
    let make = || consumer(Amiss(How::AsksForEach, 0));
    let report = conformance::consumer(make, |n| n).asks_itself().run().await;
    report.assert();
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_fails_at_the_end() {
    let report = amiss(How::FailsAtTheEnd).await;
    assert_broken(&report, &["RS 2.9", "RS 2.3, 2.4", "law: last"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_keeps_events_in_hand() {
    let report = amiss(How::KeepsInHand).await;
    assert_broken(&report, &["law: conservation", "RS 2.9", "law: drain up"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_fails_on_an_event() {
    assert_only_broken(&amiss(How::FailsOnSome).await, &["law: conservation"]);
}

/// A producer-consumer that does something else than hand on.
struct Bent(Bend, Vec<usize>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bend {
    Reverses,
    DropsSome,
    KeepsTheLast,
    HidesFailures,
    TakesWithoutDemand,
}

impl ProducerConsumer for Bent {
    type In = usize;
    type Out = usize;

    async fn handle_subscribe(
        &mut self,
        id: SubscriptionId,
        asking: Asking,
        cx: &mut Context<usize>,
    ) -> Result<Asking> {
        if self.0 == Bend::TakesWithoutDemand {
            cx.ask(id, 8);
            cx.cast_after::<Self, _>(Duration::from_millis(1), More(id));
        }
        Ok(asking)
    }

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        match self.0 {
            Bend::Reverses => {
                let mut events: Vec<usize> = events.drain().collect();
                events.reverse();
                cx.emit_all(events);
            }
            Bend::DropsSome => cx.emit_all(events.drain().filter(|event| event % 7 != 6)),
            Bend::KeepsTheLast => {
                self.1.extend(events);
                let last = self.1.pop();
                cx.emit_all(std::mem::take(&mut self.1));
                self.1.extend(last);
            }
            Bend::HidesFailures | Bend::TakesWithoutDemand => cx.emit_all(events),
        }
        Ok(())
    }

    async fn handle_cancel(
        &mut self,
        _: SubscriptionId,
        end: &End,
        _: &mut Context<usize>,
    ) -> Result {
        if self.0 == Bend::HidesFailures && end.is_failure() {
            return Err("something else".into());
        }
        Ok(())
    }
}

struct More(SubscriptionId);

impl Handler<More, usize> for Bent {
    type Reply = ();

    async fn handle(&mut self, More(id): More, cx: &mut Context<usize>) {
        cx.ask(id, 1);
        cx.cast_after::<Self, _>(Duration::from_millis(10), More(id));
    }
}

async fn bent(bend: Bend) -> Report {
    conformance::producer_consumer(move || producer_consumer(Bent(bend, Vec::new())), |n| n)
        .fan_out(1)
        .origin(|event| *event)
        .patience(short())
        .run()
        .await
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_that_reverses() {
    assert_only_broken(&bent(Bend::Reverses).await, &["law: order"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_that_drops_events() {
    assert_broken(
        &bent(Bend::DropsSome).await,
        &["law: fan-out", "law: order"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_that_keeps_an_event_for_ever() {
    assert_broken(
        &bent(Bend::KeepsTheLast).await,
        &["law: fan-out", "law: buffer"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_that_hides_a_failure() {
    let report = bent(Bend::HidesFailures).await;
    assert_broken(&report, &["RS 4.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_consumer_that_asks_without_demand() {
    let report = bent(Bend::TakesWithoutDemand).await;
    assert_broken(&report, &["law: pull", "law: window"]);
}
