//! A member fails, is aborted, or panics by itself; the others go on.

use std::sync::Arc;
use std::time::Duration;

use stage::{
    CallError, Consumer, ConsumerHandle, Context, Demand, Directive, Exit, Group, Handler,
    Intensity, Producer, Restart, Result, Strategy, consumer, consumer_with, from_iter, producer,
    producer_with, supervisor,
};
use tokio::runtime::{Builder, Handle};

use crate::fixtures::{Fate, Keep, Look, Unlucky, on_both, soon};

fn unlucky(fate: Fate, directive: Directive) -> Unlucky {
    Unlucky {
        keep: Keep::default(),
        at: 3,
        fate,
        directive,
    }
}

/// Spawns a member that takes numbers one by one, and one beside it whose fourth event goes badly; returns both, and what
/// the first is to keep.
fn beside(
    group: &Group,
    unlucky: &Unlucky,
) -> (ConsumerHandle<Unlucky>, ConsumerHandle<Keep>, Keep) {
    let demand = Demand::one_by_one(1).unwrap();
    let spawn_numbers = || from_iter(0..100).colocate(group).spawn().unwrap();
    let made = unlucky.clone();
    let unlucky = consumer_with(move || made.clone())
        .subscribe_to(&spawn_numbers(), demand)
        .colocate(group);
    let unlucky = unlucky.spawn().unwrap();
    let keep = Keep::default();
    let lucky = consumer(keep.clone()).subscribe_to(&spawn_numbers(), demand);
    (unlucky, lucky.colocate(group).spawn().unwrap(), keep)
}

#[test]
fn a_member_is_made_anew_after_a_failure_and_after_a_panic() {
    for fate in [Fate::Fails, Fate::Panics] {
        on_both(|| async move {
            let group = Group::new();
            let bad = unlucky(fate, Directive::Restart);
            let (unlucky, lucky, keep) = beside(&group, &bad);
            assert!(matches!(unlucky.join().await, Exit::Completed));
            assert!(matches!(lucky.join().await, Exit::Completed));
            assert_eq!((bad.keep.kept().len(), unlucky.stats().failed), (99, 1));
            assert_eq!(keep.kept().len(), 100);
        });
    }
}

#[test]
fn a_panic_ends_one_member_alone() {
    on_both(|| async {
        let group = Group::new();
        let (unlucky, lucky, keep) = beside(&group, &unlucky(Fate::Panics, Directive::Stop));
        assert!(matches!(unlucky.join().await, Exit::Panicked(_)));
        assert!(matches!(lucky.join().await, Exit::Completed));
        assert_eq!(keep.kept().len(), 100);
    });
}

#[test]
fn an_abort_ends_one_member_alone_in_the_midst_of_its_callback() {
    on_both(|| async {
        let group = Group::new();
        let bad = unlucky(Fate::Hangs, Directive::Stop);
        let (unlucky, lucky, _) = beside(&group, &bad);
        assert!(matches!(lucky.join().await, Exit::Completed));
        while bad.keep.kept().len() < 3 {
            tokio::task::yield_now().await;
        }
        unlucky.abort();
        assert!(matches!(unlucky.join().await, Exit::Aborted));
        assert_eq!(unlucky.stats().lost, 1);
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bomb");
    }
}

#[test]
fn what_panics_when_a_member_is_dropped_harms_no_other() {
    on_both(|| async {
        let group = Group::new();
        let bomb = Bomb;
        // The factory is dropped with the stage, past all guards of its callbacks.
        let factory = move || {
            let _held = &bomb;
            Keep::default()
        };
        let bomb = consumer_with(factory).colocate(&group).spawn().unwrap();
        let keep = consumer(Keep::default()).colocate(&group).spawn().unwrap();
        bomb.stop().await;
        assert_eq!(keep.call(Look).await, Ok(0));
        keep.stop().await;
    });
}

/// Is told to abort, to stop or to call a member.
struct Tells;

impl Producer for Tells {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

enum Tell {
    Call(ConsumerHandle<Keep>),
    Stop(ConsumerHandle<Keep>),
    Itself(stage::ProducerHandle<Tells>),
}

impl Handler<Tell, usize> for Tells {
    type Reply = std::result::Result<usize, CallError>;

    async fn handle(&mut self, tell: Tell, _: &mut Context<usize>) -> Self::Reply {
        match tell {
            Tell::Call(keep) => keep.call(Look).await,
            Tell::Stop(keep) => {
                keep.stop().await;
                assert!(keep.exit().is_some(), "its end was waited for");
                Ok(0)
            }
            Tell::Itself(me) => {
                let me_again = Tell::Itself(me.clone());
                Box::pin(me.call(me_again)).await.and_then(|inner| inner)
            }
        }
    }
}

#[test]
fn members_call_and_stop_each_other_but_not_themselves() {
    on_both(|| async {
        let group = Group::new();
        let keep = consumer(Keep::default()).colocate(&group).spawn().unwrap();
        let tells = producer(Tells).colocate(&group).spawn().unwrap();
        assert_eq!(tells.call(Tell::Call(keep.clone())).await, Ok(Ok(0)));
        assert_eq!(tells.call(Tell::Stop(keep)).await, Ok(Ok(0)));
        let itself = tells.call(Tell::Itself(tells.clone())).await;
        assert_eq!(itself, Ok(Err(CallError::Itself)));
        tells.stop().await;
    });
}

struct AbortsItself(Arc<std::sync::OnceLock<stage::ProducerHandle<Self>>>);

impl Producer for AbortsItself {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        self.0.wait().abort();
        std::future::pending().await
    }
}

#[test]
fn a_member_that_aborts_itself_ends() {
    on_both(|| async {
        let me = Arc::default();
        let aborts = producer(AbortsItself(Arc::clone(&me))).colocate(&Group::new());
        let aborts = aborts.spawn().unwrap();
        assert!(me.set(aborts.clone()).is_ok());
        let mut edge = aborts.subscribe();
        edge.request(1.try_into().unwrap());
        assert!(matches!(aborts.join().await, Exit::Aborted));
    });
}

#[test]
fn a_supervisor_restarts_members() {
    on_both(|| async {
        let group = Group::new();
        let all = supervisor(Strategy::OneForAll).intensity(Intensity::new(9, Duration::MAX));
        let all = all.spawn().unwrap();
        let numbers = producer_with(|| Numbers(0))
            .colocate(&group)
            .supervised_by(&all, Restart::Permanent)
            .spawn()
            .unwrap();
        let bad = unlucky(Fate::Fails, Directive::Restart);
        let made = bad.clone();
        let sink = consumer_with(move || made.clone())
            .subscribe_to(&numbers, Demand::one_by_one(1).unwrap())
            .colocate(&group)
            .supervised_by(&all, Restart::Permanent)
            .spawn()
            .unwrap();
        // The source counts anew after each restart, so its fourth event fails its consumer again and again. The
        // supervisor may hear of a start after the failure that follows.
        while all.children().iter().any(|child| child.restarts < 2) {
            tokio::task::yield_now().await;
        }
        assert!(sink.stats().failed >= 2);
        all.stop().await;
        assert!(numbers.exit().is_some() && sink.exit().is_some());
    });
}

struct Numbers(usize);

impl Producer for Numbers {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        cx.emit_all(self.0..self.0 + demand);
        self.0 += demand;
        Ok(())
    }
}

fn spawned<S: Consumer>(stage: S, group: &Group) -> ConsumerHandle<S> {
    consumer(stage).colocate(group).spawn().unwrap()
}

#[test]
fn the_task_ends_with_the_last_member_and_begins_anew_with_the_next() {
    on_both(|| async {
        let group = Group::new();
        for _ in 0..3 {
            let keeps = [(); 3].map(|()| spawned(Keep::default(), &group));
            assert_eq!(keeps[2].call(Look).await, Ok(0));
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
            for keep in keeps {
                keep.stop().await;
            }
            while Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        }
    });
}

#[test]
fn members_are_aborted_with_their_runtime_and_the_group_lives_on_in_another() {
    let group = Group::new();
    let runtime = Builder::new_current_thread().build().unwrap();
    let guard = runtime.enter();
    let held = Keep::default();
    let polled = spawned(held.clone(), &group);
    assert_eq!(runtime.block_on(polled.call(Look)), Ok(0));
    // This one has never been polled when the runtime goes.
    let joining = spawned(held.clone(), &group);
    drop(guard);
    drop(runtime);
    for member in [&polled, &joining] {
        assert!(matches!(member.exit(), Some(Exit::Aborted)));
    }
    assert_eq!(
        Arc::strong_count(&held.0),
        1,
        "all that they held is dropped"
    );
    on_both(|| async {
        let keep = spawned(Keep::default(), &group);
        assert_eq!(soon(keep.call(Look)).await, Ok(0));
        keep.stop().await;
    });
}
