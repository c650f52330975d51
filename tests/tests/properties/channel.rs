//! Laws of a channel: random programs of senders that are dropped, and consumers that ask and leave.
//!
//! * C1 bound: what was accepted is never more than was asked for, on each edge and on all together.
//! * C2 liveness: at rest no sender waits and no event is held while a living consumer has credit.
//! * C3 conservation, by event: made = accepted + left with the sender; accepted = received + discarded, none twice. A
//!   send that is dropped half-way has sent what it no longer holds, and nothing else.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use stage::{Cancel, Channel, Exit, ProducerHandle, Sender, Subscription, channel};
use tokio::task::JoinHandle;

use super::runtime::{on_one_thread, on_two_workers};

#[derive(Debug, Clone)]
enum Step {
    /// A task sends this many, one by one or all in one go.
    Send(usize, Way),
    /// A task that may still be sending is dropped.
    DropSend(usize),
    Join,
    Ask(usize, usize),
    Leave(usize),
    /// Lets the program come to rest, and judges it.
    Rest,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    OneByOne,
    AllInOneGo,
    WithoutWaiting,
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    SendersGo,
    Stop,
    Drain,
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    let way = prop_oneof![
        Just(Way::OneByOne),
        Just(Way::AllInOneGo),
        Just(Way::WithoutWaiting),
    ];
    prop_oneof![
        4 => (1..9usize, way).prop_map(|(n, way)| Step::Send(n, way)),
        2 => (0..6usize).prop_map(Step::DropSend),
        2 => Just(Step::Join),
        5 => (0..3usize, 1..9usize).prop_map(|(at, n)| Step::Ask(at, n)),
        1 => (0..3usize).prop_map(Step::Leave),
        3 => Just(Step::Rest),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::SendersGo),
        Just(Ending::Stop),
        Just(Ending::Drain),
        Just(Ending::Abort),
    ]
}

/// What became of the events, as their senders know it.
#[derive(Default)]
struct Ledger {
    accepted: Vec<usize>,
    kept: Vec<usize>,
}

/// The events of one task; when it is dropped, in whatever way, those it still holds were not sent.
struct Held {
    all: Vec<usize>,
    events: VecDeque<usize>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let (sent, kept) = self.all.split_at(self.all.len() - self.events.len());
        let mut ledger = self.ledger.lock().unwrap();
        ledger.accepted.extend(sent);
        ledger.kept.extend(kept);
    }
}

async fn send(mut held: Held, way: Way, sender: Sender<usize>) {
    if let Way::AllInOneGo = way {
        // An ended stage leaves the rest where it is.
        let _ended = sender.send_all(&mut held.events).await;
        return;
    }
    while let Some(event) = held.events.front().copied() {
        let sent = match way {
            Way::WithoutWaiting => sender.try_send(event).is_ok(),
            _ => sender.send(event).await.is_ok(),
        };
        if !sent {
            return;
        }
        held.events.pop_front();
    }
}

struct Edge {
    subscription: Subscription<usize>,
    has_left: bool,
}

struct Program {
    stage: ProducerHandle<Channel<usize>>,
    sender: Option<Sender<usize>>,
    edges: Vec<Edge>,
    tasks: Vec<JoinHandle<()>>,
    ledger: Arc<Mutex<Ledger>>,
    made: usize,
}

impl Program {
    fn start() -> Self {
        let (sender, build) = channel();
        Self {
            stage: build.spawn().unwrap(),
            sender: Some(sender),
            edges: Vec::new(),
            tasks: Vec::new(),
            ledger: Arc::default(),
            made: 0,
        }
    }

    fn living(&mut self, at: usize) -> Option<&mut Edge> {
        let count = self.edges.len().max(1);
        let edge = self.edges.get_mut(at % count);
        edge.filter(|edge| !edge.has_left)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(n, way) => {
                let all: Vec<_> = (self.made..self.made + n).collect();
                self.made += n;
                let held = Held {
                    events: all.iter().copied().collect(),
                    all,
                    ledger: Arc::clone(&self.ledger),
                };
                let sender = self.sender.clone().unwrap();
                self.tasks.push(tokio::spawn(send(held, way, sender)));
            }
            Step::DropSend(at) => {
                if let Some(task) = self.tasks.get(at) {
                    task.abort();
                }
            }
            Step::Join => self.join(),
            Step::Ask(at, n) => {
                if let Some(edge) = self.living(at) {
                    edge.subscription.request(NonZeroUsize::new(n).unwrap());
                }
            }
            Step::Leave(at) => {
                if let Some(edge) = self.living(at) {
                    edge.has_left = true;
                    edge.subscription.cancel(Cancel::Normal);
                }
            }
            Step::Rest => {}
        }
    }

    fn join(&mut self) {
        self.edges.push(Edge {
            subscription: self.stage.subscribe(),
            has_left: false,
        });
    }

    /// Judges the laws of rest.
    fn judge(&self) {
        let (mut asked, mut delivered, mut credit) = (0, 0, 0);
        for edge in &self.edges {
            let stats = edge.subscription.stats();
            assert!(stats.delivered <= stats.asked, "C1: an edge got too much");
            asked += stats.asked;
            delivered += stats.delivered;
            if !edge.has_left {
                credit += stats.asked - stats.delivered;
            }
        }
        let held = self.stage.stats().buffered as u64;
        assert!(delivered + held <= asked, "C1: more than was asked for");
        if credit > 0 {
            assert_eq!(held, 0, "C2: an event is held that is asked for");
            let waiting = self.tasks.iter().filter(|task| !task.is_finished());
            assert_eq!(waiting.count(), 0, "C2: a sender waits");
        }
    }

    /// Ends the stage and judges what became of each event.
    async fn end(mut self, ending: Ending) {
        match ending {
            Ending::SendersGo => {
                self.join();
                let all = NonZeroUsize::new(self.made.max(1)).unwrap();
                self.edges.last_mut().unwrap().subscription.request(all);
                self.sender = None;
                assert!(matches!(self.stage.join().await, Exit::Completed));
                assert_eq!(self.stage.stats().discarded, 0, "C3: a complete loss");
            }
            Ending::Stop => drop(self.stage.stop().await),
            Ending::Drain => drop(self.stage.drain(Duration::from_millis(20)).await),
            Ending::Abort => {
                self.stage.abort();
                self.stage.join().await;
            }
        }
        for task in self.tasks {
            // It was dropped, or it ends because its stage has.
            let _dropped = task.await;
        }
        let mut received = BTreeSet::new();
        for edge in &mut self.edges {
            while let Some(Ok(Some(events))) = edge.subscription.next().now_or_never() {
                for event in events {
                    assert!(received.insert(event), "C3: {event} came twice");
                }
            }
        }
        let ledger = self.ledger.lock().unwrap();
        let accepted: BTreeSet<_> = ledger.accepted.iter().copied().collect();
        assert!(received.is_subset(&accepted), "C3: not sent and received");
        let discarded = usize::try_from(self.stage.stats().discarded).unwrap();
        assert_eq!(received.len() + discarded, accepted.len(), "C3: accepted");
        assert_eq!(accepted.len() + ledger.kept.len(), self.made, "C3: made");
    }
}

async fn run(steps: &[Step], ending: Ending, is_paused: bool) {
    let mut program = Program::start();
    for step in steps {
        program.step(step);
        if let Step::Rest = step {
            if is_paused {
                // The paused clock moves only when every task waits.
                tokio::time::sleep(Duration::from_secs(1)).await;
                program.judge();
            } else {
                tokio::task::yield_now().await;
            }
        }
    }
    program.end(ending).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_of_a_channel_hold_on_one_thread(
        steps in prop::collection::vec(step(), 1..60),
        ending in ending(),
    ) {
        on_one_thread(run(&steps, ending, true));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_of_a_channel_hold_on_two_workers(
        steps in prop::collection::vec(step(), 1..60),
        ending in ending(),
    ) {
        on_two_workers(run(&steps, ending, false));
    }
}
