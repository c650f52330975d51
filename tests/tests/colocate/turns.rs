//! Each member has its turn: one that waits is woken, and one that is never idle starves nobody.

use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use stage::{
    Batch, Consumer, ConsumerHandle, Context, Demand, Exit, Group, Producer, ProducerHandle,
    Result, Source, channel, consumer, from_iter, producer, producer_consumer,
};

use crate::fixtures::{Keep, Look, PlusOne, on_both};

/// Takes a minute for each batch.
struct Slow;

impl Consumer for Slow {
    type In = usize;

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_waits_for_a_timer_holds_up_nobody() {
    let group = Group::new();
    let one = Demand::one_by_one(1).unwrap();
    let numbers = from_iter(0..3).colocate(&group).spawn().unwrap();
    let slow = consumer(Slow).subscribe_to(&numbers, one).colocate(&group);
    let slow = slow.spawn().unwrap();
    let begin = tokio::time::Instant::now();
    let numbers = from_iter(0..100).colocate(&group).spawn().unwrap();
    let all: Vec<usize> = numbers.stream(one).try_collect().await.unwrap();
    assert_eq!((all.len(), begin.elapsed()), (100, Duration::ZERO));
    assert!(matches!(slow.join().await, Exit::Completed));
    assert!((180..181).contains(&begin.elapsed().as_secs()));
}

#[test]
fn what_comes_from_outside_wakes_a_member() {
    on_both(|| async {
        let group = Group::new();
        let (sender, channel) = channel();
        let channel = channel.colocate(&group).spawn().unwrap();
        let keep = Keep::default();
        let sink = consumer(keep.clone()).subscribe_to(&channel, Demand::one_by_one(1).unwrap());
        let sink = sink.colocate(&group).spawn().unwrap();
        let sending = tokio::spawn(async move {
            for event in 0..1_000 {
                sender.send(event).await.unwrap();
            }
            sender
        });
        for _ in 0..1_000 {
            sink.call(Look).await.unwrap();
        }
        drop(sending.await.unwrap());
        assert!(matches!(sink.join().await, Exit::Completed));
        assert!(keep.kept().into_iter().eq(0..1_000));
    });
}

#[test]
fn a_member_may_come_while_the_others_run() {
    on_both(|| async {
        let group = Group::new();
        let (endless, busy) = busy_pair(&group);
        for _ in 0..20 {
            let numbers = from_iter(0..50).colocate(&group).spawn().unwrap();
            let keep = Keep::default();
            let sink =
                consumer(keep.clone()).subscribe_to(&numbers, Demand::one_by_one(1).unwrap());
            let sink = sink.colocate(&group).spawn().unwrap();
            assert!(matches!(sink.join().await, Exit::Completed));
            assert_eq!(keep.kept().len(), 50);
        }
        endless.stop().await;
        busy.join().await;
    });
}

/// More than the thread notes by itself: those behind them are woken in another way.
#[test]
fn each_of_many_members_gets_its_turns_next_to_those_that_are_never_idle() {
    on_both(|| async {
        let group = Group::new();
        let pairs: Vec<_> = (0..70).map(|_| busy_pair(&group)).collect();
        let numbers = from_iter(0..20).colocate(&group).spawn().unwrap();
        let keep = Keep::default();
        let sink = consumer(keep.clone()).subscribe_to(&numbers, Demand::one_by_one(1).unwrap());
        let sink = sink.colocate(&group).spawn().unwrap();
        assert!(matches!(sink.join().await, Exit::Completed));
        assert_eq!(keep.kept().len(), 20);
        // Who came first had turns alone, and many where the one that makes the others is held up: the longer all of them
        // run, the less that counts.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let sinks = pairs.iter().map(|(_, sink)| sink);
            let delivered: Vec<_> = sinks.map(|sink| sink.edges()[0].delivered).collect();
            let (least, most) = (delivered.iter().min(), delivered.iter().max());
            if *least.unwrap() >= most.unwrap() / 4 {
                break;
            }
            assert!(Instant::now() < deadline, "{delivered:?}");
            tokio::task::yield_now().await;
        }
        for (endless, busy) in pairs {
            endless.stop().await;
            busy.join().await;
        }
    });
}

/// Stages one behind the other that never run out of work.
fn busy_chain(group: &Group) -> (ProducerHandle<Endless>, ConsumerHandle<Forget>) {
    let one = Demand::one_by_one(1).unwrap();
    let endless = producer(Endless).colocate(group).spawn().unwrap();
    let mut last = endless.outlet();
    for _ in 0..6 {
        let next = producer_consumer(PlusOne).subscribe_to(&last, one);
        last = next.colocate(group).spawn().unwrap().outlet();
    }
    let forget = consumer(Forget).subscribe_to(&last, one);
    (endless, forget.colocate(group).spawn().unwrap())
}

#[test]
fn a_chain_behind_the_first_members_gets_as_far_as_one_among_them() {
    on_both(|| async {
        let group = Group::new();
        let first = busy_chain(&group);
        let idle = || consumer(Keep::default()).colocate(&group);
        let idle: Vec<_> = (0..64).map(|_| idle().spawn().unwrap()).collect();
        let last = busy_chain(&group);
        let delivered = || {
            [&first, &last].map(|(_, sink)| sink.edges().first().map_or(0, |edge| edge.delivered))
        };
        while delivered()[1] < 10 {
            tokio::task::yield_now().await;
        }
        let begin = delivered();
        while delivered()[1] < begin[1] + 1_000 {
            tokio::task::yield_now().await;
        }
        let end = delivered();
        let far = [end[0] - begin[0], end[1] - begin[1]];
        assert!(far[1] > far[0] / 4 * 3, "{far:?}");
        for (endless, sink) in [first, last] {
            endless.stop().await;
            sink.join().await;
        }
        for stage in idle {
            stage.stop().await;
        }
    });
}

struct Endless;

impl Producer for Endless {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        cx.emit_all(0..demand);
        Ok(())
    }
}

struct Forget;

impl Consumer for Forget {
    type In = usize;

    async fn handle_events(&mut self, _: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        Ok(())
    }
}

/// Two members that never run out of work.
fn busy_pair(group: &Group) -> (ProducerHandle<Endless>, ConsumerHandle<Forget>) {
    let endless = producer(Endless).colocate(group).spawn().unwrap();
    let forget = consumer(Forget).subscribe_to(&endless, Demand::one_by_one(2).unwrap());
    let forget = forget.colocate(group).spawn().unwrap();
    (endless, forget)
}

/// Has something to do at every look, or only says so, which spends nothing of tokio's budget.
enum NeverIdle {
    Does,
    SaysSo,
}

impl Producer for NeverIdle {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    fn poll_events(&mut self, task: &mut Task<'_>, _: &mut Context<usize>) -> Poll<Result> {
        match self {
            Self::Does => Poll::Ready(Ok(())),
            Self::SaysSo => {
                task.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

#[test]
fn members_that_are_never_idle_starve_neither_another_nor_other_tasks() {
    on_both(|| async {
        let group = Group::new();
        let (endless, forget) = busy_pair(&group);
        let never_idle = [NeverIdle::Does, NeverIdle::SaysSo, NeverIdle::Does];
        let never_idle = never_idle.map(|stage| producer(stage).colocate(&group).spawn().unwrap());
        let keep = consumer(Keep::default()).colocate(&group).spawn().unwrap();
        let other = tokio::spawn(async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..10 {
            assert_eq!(keep.call(Look).await, Ok(0));
        }
        other.await.unwrap();
        let so_far = forget.edges()[0].delivered;
        while forget.edges()[0].delivered < so_far + 10 {
            tokio::task::yield_now().await;
        }
        for stage in &never_idle {
            stage.stop().await;
        }
        endless.stop().await;
        keep.stop().await;
    });
}
