//! A program under way: its stages on the runtime, and what the test knows of them.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stage::{
    Build, Cancel, ConsumerHandle, Demand, Group, Handle, Intensity, Outlet,
    ProducerConsumerHandle, ProducerHandle, Role, Source, Subscribe, SubscriptionId, UpstreamEnds,
    WhenFull, consumer_with, producer_consumer_with, producer_with,
};

use super::PATIENCE;
use super::stages::{Ask, Edge, Fuse, Ledger, Middle, Pay, Payer, Push, Record, Sink};
use super::step::Step;

/// How rest is known.
#[derive(Clone, Copy)]
pub(super) enum Rest {
    Paused,
    Workers,
}

/// Where a program runs.
pub(super) struct Place {
    pub(super) rest: Rest,
    /// What all its stages are members of, unless each has a task of its own.
    pub(super) group: Option<Group>,
}

/// A consumer of the program and what the test knows of it.
pub(super) struct Member {
    pub(super) handle: ConsumerHandle<Sink>,
    pub(super) edge: SubscriptionId,
    pub(super) record: Record,
    pub(super) fuse: Arc<Fuse>,
    pub(super) demand: Demand,
    pub(super) is_manual: bool,
    pub(super) of_middle: bool,
    pub(super) is_alive: bool,
    pub(super) has_left: bool,
}

pub(super) struct Program {
    pub(super) ledger: Arc<Ledger>,
    pub(super) source: ProducerHandle<Payer>,
    pub(super) source_fuse: Arc<Fuse>,
    pub(super) middle: ProducerConsumerHandle<Middle>,
    pub(super) middle_record: Record,
    pub(super) middle_fuse: Arc<Fuse>,
    pub(super) middle_emitted: Arc<AtomicUsize>,
    pub(super) middle_demand: Demand,
    pub(super) members: Vec<Member>,
    group: Option<Group>,
}

fn spawn<R: Role>(stage: Build<R>, group: Option<&Group>) -> Handle<R> {
    let stage = match group {
        None => stage,
        Some(group) => stage.colocate(group),
    };
    stage.spawn().unwrap()
}

pub(super) fn often() -> Intensity {
    Intensity::new(10_000, Duration::from_secs(1))
}

impl Program {
    pub(super) fn start(
        capacity: usize,
        when_full: WhenFull,
        middle: Demand,
        group: Option<Group>,
    ) -> Self {
        let (ledger, source_fuse) = <(Arc<Ledger>, Arc<Fuse>)>::default();
        let (in_ledger, in_fuse) = (Arc::clone(&ledger), Arc::clone(&source_fuse));
        let source = producer_with(move || Payer {
            ledger: Arc::clone(&in_ledger),
            fuse: Arc::clone(&in_fuse),
            fate: None,
        })
        .buffer(capacity, when_full)
        .intensity(often());
        let source = spawn(source, group.as_ref());
        let (record, fuse, emitted) = <(Record, Arc<Fuse>, Arc<AtomicUsize>)>::default();
        let made = (Arc::clone(&record), Arc::clone(&fuse), Arc::clone(&emitted));
        let handle = producer_consumer_with(move || Middle {
            record: Arc::clone(&made.0),
            fuse: Arc::clone(&made.1),
            fate: None,
            emitted: Arc::clone(&made.2),
        })
        .intensity(often())
        .subscribe_to(&source, middle);
        let handle = spawn(handle, group.as_ref());
        Self {
            ledger,
            source,
            source_fuse,
            middle: handle,
            middle_record: record,
            middle_fuse: fuse,
            middle_emitted: emitted,
            middle_demand: middle,
            members: Vec::new(),
            group,
        }
    }

    pub(super) async fn join(&mut self, demand: Demand, is_manual: bool, of_middle: bool) {
        let (record, fuse) = <(Record, Arc<Fuse>)>::default();
        let made = (Arc::clone(&record), Arc::clone(&fuse));
        // The id outlives a restart, as the subscription does.
        let known = Arc::new(Mutex::new(None));
        let in_known = Arc::clone(&known);
        let handle = consumer_with(move || Sink {
            record: Arc::clone(&made.0),
            fuse: Arc::clone(&made.1),
            fate: None,
            edge: *in_known.lock().unwrap(),
        })
        .intensity(often());
        let handle = spawn(handle, self.group.as_ref());
        let outlet: Outlet<usize> = if of_middle {
            self.middle.outlet()
        } else {
            self.source.outlet()
        };
        let mut options = Subscribe::from(demand).upstream_ends(UpstreamEnds::Keep);
        if is_manual {
            options = options.manual();
        }
        let edge = handle.subscribe_to(&outlet, options).unwrap();
        *known.lock().unwrap() = Some(edge);
        handle.call(Edge(edge)).await.unwrap();
        self.members.push(Member {
            handle,
            edge,
            record,
            fuse,
            demand,
            is_manual,
            of_middle,
            is_alive: true,
            has_left: false,
        });
    }

    pub(super) fn pick(&mut self, at: usize) -> Option<&mut Member> {
        let count = self.members.len().max(1);
        self.members
            .get_mut(at % count)
            .filter(|member| member.is_alive)
    }

    pub(super) async fn step(&mut self, step: &Step, rest: Rest) {
        match *step {
            Step::Join(max, min, is_manual, of_middle) => {
                self.join(Demand::new(max, min).unwrap(), is_manual, of_middle)
                    .await;
            }
            Step::Ask(at, n) => {
                if let Some(member) = self.pick(at).filter(|member| member.is_manual) {
                    // It may have ended by a failure of before.
                    let _ended = member.handle.call(Ask(n)).await;
                }
            }
            Step::Pay(n) => self.source.call(Pay(n)).await.unwrap(),
            Step::Push(n) => self.source.call(Push(n)).await.unwrap(),
            Step::Cancel(at) => {
                if let Some(member) = self.pick(at) {
                    member.has_left = true;
                    member.handle.cancel(member.edge, Cancel::Normal);
                }
            }
            Step::FailConsumer(at, fate) => {
                if let Some(member) = self.pick(at) {
                    member.fuse.set(fate);
                }
            }
            Step::FailProducer(fate) => self.source_fuse.set(fate),
            Step::FailMiddle(fate) => self.middle_fuse.set(fate),
            Step::Abort(at) => {
                if let Some(member) = self.pick(at) {
                    member.is_alive = false;
                    member.handle.abort();
                }
            }
            Step::Stop(at) => {
                if let Some(member) = self.pick(at) {
                    member.is_alive = false;
                    member.handle.stop().await;
                }
            }
            Step::Rest => self.rest(rest).await,
        }
    }

    pub(super) async fn rest(&mut self, rest: Rest) {
        match rest {
            Rest::Paused => {
                // The paused clock moves only when every task waits.
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.judge().unwrap();
            }
            Rest::Workers => {
                let deadline = Instant::now() + PATIENCE;
                while let Err(broken) = self.judge() {
                    assert!(Instant::now() < deadline, "not at rest in time: {broken}");
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}
