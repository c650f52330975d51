//! Calls, casts and timers: those from outside go to the second, and each half has a way to itself.

use std::time::Duration;

use futures::TryStreamExt;
use stage::{
    Batch, Context, Demand, Handler, Producer, ProducerConsumer, Result, WeakHandle, producer,
    producer_consumer, producer_consumer_with, producer_with,
};

/// Emits a number a second, as its own timer says.
struct Ticks(usize);
struct Tick;

impl Producer for Ticks {
    type Out = usize;

    async fn started(&mut self, cx: &mut Context<usize>) -> Result {
        cx.cast_after::<Self, _>(Duration::from_secs(1), Tick);
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<Tick, usize> for Ticks {
    type Reply = ();

    async fn handle(&mut self, _: Tick, cx: &mut Context<usize>) {
        if cx.demand() > 0 {
            cx.emit(self.0);
            self.0 += 1;
        }
        if self.0 == 5 {
            cx.complete();
        } else {
            cx.cast_after::<Self, _>(Duration::from_secs(1), Tick);
        }
    }
}

/// Multiplies by what it is told, or what it has told itself.
struct Times(usize);
struct By(usize);
struct Me;

impl ProducerConsumer for Times {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        let by = self.0;
        cx.emit_all(events.map(|event| event * by));
        Ok(())
    }
}

impl Handler<By, usize> for Times {
    type Reply = usize;

    async fn handle(&mut self, By(n): By, _: &mut Context<usize>) -> usize {
        std::mem::replace(&mut self.0, n)
    }
}

impl Handler<Me, usize> for Times {
    type Reply = WeakHandle<Self, usize>;

    async fn handle(&mut self, _: Me, cx: &mut Context<usize>) -> Self::Reply {
        cx.me::<Self>()
    }
}

#[tokio::test(start_paused = true)]
async fn each_half_has_timers_and_a_handle_and_calls_go_to_the_second() {
    let stage = producer(Ticks(1)).fuse(producer_consumer(Times(10)));
    let stage = stage.spawn().unwrap();
    assert_eq!(stage.call(By(100)).await.unwrap(), 10);
    let me = stage.call(Me).await.unwrap();
    me.cast(By(1_000)).unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [1_000, 2_000, 3_000, 4_000]);
    assert!(me.cast(By(1)).is_err(), "it has ended");
}

#[tokio::test(start_paused = true)]
async fn so_has_each_of_three() {
    let stage = producer(Ticks(1))
        .fuse(producer_consumer(Times(10)))
        .fuse(producer_consumer(Times(1)));
    let stage = stage.spawn().unwrap();
    assert_eq!(stage.call(By(5)).await.unwrap(), 1);
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [50, 100, 150, 200]);

    let right = producer_consumer(Times(10)).fuse(producer_consumer(Times(1)));
    let stage = producer(Ticks(1)).fuse(right).spawn().unwrap();
    assert_eq!(stage.call(By(5)).await.unwrap(), 1);
    let me = stage.call(Me).await.unwrap();
    me.cast(By(2)).unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    assert_eq!(all, [20, 40, 60, 80]);
}

struct Fail;

impl Handler<Fail, usize> for Times {
    type Reply = ();

    async fn handle(&mut self, _: Fail, _: &mut Context<usize>) {
        panic!("a panic on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_and_a_timer_outlive_a_restart() {
    crate::halves::silence_panics_on_purpose();
    let stage = producer_with(|| Ticks(1)).fuse(producer_consumer_with(|| Times(10)));
    let stage = stage.spawn().unwrap();
    let me = stage.call(Me).await.unwrap();
    assert!(stage.call(Fail).await.is_err());
    me.cast(By(3)).unwrap();
    let all: Vec<_> = stage.stream(Demand::default()).try_collect().await.unwrap();
    // Both lives have a timer, so that the second one ticks twice a second.
    assert_eq!(all, [3, 6, 9, 12]);
    assert_eq!(stage.stats().failed, 1);
}
