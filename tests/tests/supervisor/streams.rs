//! What a restart keeps: events, demand and subscriptions, for producers and consumers alike.

use std::future::pending;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::TryStreamExt;
use stage::Restart::{Permanent, Temporary, Transient};
use stage::{
    Batch, Consumer, Context, Demand, Handler, Intensity, Producer, ProducerConsumer, Result,
    Strategy, consumer_with, from_iter, producer_consumer_with, producer_with, supervisor,
};

use crate::worker::{Diary, until};

/// Counts from where its factory says; panics at each multiple of 10, once.
struct Counter(usize);

impl Producer for Counter {
    type Out = usize;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<usize>) -> Result {
        for _ in 0..demand {
            cx.emit(self.0);
            self.0 += 1;
            assert!(self.0 % 100 != 10, "on purpose at {}", self.0);
        }
        Ok(())
    }
}

fn often() -> Intensity {
    Intensity::new(1_000, Duration::from_secs(1))
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_restarted_goes_on_serving_the_same_consumers() {
    let workers = supervisor(Strategy::OneForOne)
        .intensity(often())
        .spawn()
        .unwrap();
    let mut lives = 0;
    let numbers = producer_with(move || {
        lives += 100;
        Counter(lives)
    })
    .supervised_by(&workers, Permanent)
    .spawn()
    .unwrap();
    let mut edge = numbers.subscribe();
    edge.request(NonZeroUsize::new(35).unwrap());
    let mut got = Vec::new();
    while got.len() < 35 {
        got.extend(edge.next().await.unwrap().unwrap());
    }
    let lives = [100..110, 200..210, 300..310, 400..405];
    assert_eq!(got, lives.into_iter().flatten().collect::<Vec<_>>());
    assert_eq!(workers.children()[0].restarts, 3);
    workers.stop().await;
}

/// Passes on what it gets; fails at multiples of 7, hangs at 50.
struct Passing(Diary);

impl ProducerConsumer for Passing {
    type In = usize;
    type Out = usize;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, usize>,
        cx: &mut Context<usize>,
    ) -> Result {
        while let Some(event) = events.front() {
            if *event == 50 {
                self.0.note("hangs");
                pending::<()>().await;
            }
            if event % 7 == 6 {
                return Err("on purpose".into());
            }
            cx.emit(*event);
            events.pop();
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_is_skipped_and_the_rest_of_its_batch_goes_to_the_next_behaviour() {
    let workers = supervisor(Strategy::OneForOne)
        .intensity(often())
        .spawn()
        .unwrap();
    let numbers = from_iter(0..40)
        .supervised_by(&workers, Temporary)
        .spawn()
        .unwrap();
    let diary = Diary::default();
    let passing = producer_consumer_with(move || Passing(diary.clone()))
        .subscribe_to(&numbers, Demand::new(16, 8).unwrap())
        .supervised_by(&workers, Transient)
        .spawn()
        .unwrap();
    let got: Vec<usize> = passing
        .stream(Demand::new(3, 1).unwrap())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(got, (0..40).filter(|n| n % 7 != 6).collect::<Vec<_>>());
    assert_eq!(passing.stats().failed, 5);
    assert!(matches!(passing.join().await, stage::Exit::Completed));
}

/// Panics when it is told to.
struct Trigger;

impl Producer for Trigger {
    type Out = usize;
    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<(), usize> for Trigger {
    type Reply = ();
    async fn handle(&mut self, (): (), _: &mut Context<usize>) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_interrupted_is_lost_counted_and_asked_for_again() {
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let trigger = producer_with(|| Trigger)
        .supervised_by(&workers, Permanent)
        .spawn()
        .unwrap();
    let diary = Diary::default();
    // Not a child: it lives on, and is asked for what the new behaviour can take.
    let numbers = from_iter((0..200).filter(|n| n % 7 != 6)).spawn().unwrap();
    let passing = producer_consumer_with({
        let diary = diary.clone();
        move || Passing(diary.clone())
    })
    .subscribe_to(&numbers, Demand::new(16, 8).unwrap())
    .supervised_by(&workers, Transient)
    .shutdown(Duration::from_secs(1))
    .spawn()
    .unwrap();
    let got = tokio::spawn(
        passing
            .stream(Demand::default())
            .try_collect::<Vec<usize>>(),
    );
    diary.reads(&["hangs"]).await;
    trigger.call(()).await.unwrap_err();
    let got = got.await.unwrap().unwrap();
    let edge = &passing.edges()[0];
    let lost = passing.stats().lost;
    assert!((1..=16).contains(&lost), "{lost} lost");
    assert_eq!(edge.delivered, got.len() as u64 + lost);
    let all: Vec<usize> = (0..200).filter(|n| n % 7 != 6).collect();
    let before = all.iter().position(|n| *n == 50).unwrap();
    let after = all.len() - (got.len() - before);
    assert_eq!(got[..before], all[..before]);
    assert_eq!(
        got[before..],
        all[after..],
        "one gap, and order on both sides"
    );
    workers.stop().await;
}

/// Hears of its subscriptions, and asks itself.
struct Manual(Diary);

impl Consumer for Manual {
    type In = usize;

    async fn handle_subscribe(
        &mut self,
        id: stage::SubscriptionId,
        asking: stage::Asking,
        cx: &mut Context,
    ) -> Result<stage::Asking> {
        self.0.note(format!("{} outstanding", cx.outstanding(id)));
        cx.ask(id, 10 - cx.outstanding(id));
        Ok(asking)
    }

    async fn handle_events(&mut self, events: &mut Batch<'_, usize>, _: &mut Context) -> Result {
        let events: Vec<usize> = events.drain().collect();
        self.0.note(format!("{events:?}"));
        Ok(())
    }
}

impl Handler<()> for Manual {
    type Reply = ();
    async fn handle(&mut self, (): (), _: &mut Context) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_behaviour_hears_of_the_subscriptions_that_live_on_and_what_was_asked() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let numbers = from_iter(0..14).spawn().unwrap();
    let manual = consumer_with({
        let diary = diary.clone();
        move || Manual(diary.clone())
    })
    .subscribe_to(
        &numbers,
        stage::Subscribe::default()
            .manual()
            .upstream_ends(stage::UpstreamEnds::Keep),
    )
    .supervised_by(&workers, Permanent)
    .spawn()
    .unwrap();
    diary
        .reads(&["0 outstanding", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"])
        .await;
    manual.call(()).await.unwrap_err();
    diary.reads(&["0 outstanding", "[10, 11, 12, 13]"]).await;
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_permanent_child_that_completes_goes_on_under_the_same_subscription() {
    struct Three(usize);
    impl Producer for Three {
        type Out = usize;
        async fn handle_demand(&mut self, _: usize, cx: &mut Context<usize>) -> Result {
            cx.emit_all([self.0; 3]);
            cx.complete();
            Ok(())
        }
    }
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let mut lives = 0;
    let threes = producer_with(move || {
        lives += 1;
        Three(lives)
    })
    .supervised_by(&workers, Permanent)
    .spawn()
    .unwrap();
    let mut edge = threes.subscribe();
    edge.request(NonZeroUsize::new(7).unwrap());
    let mut got = Vec::new();
    while got.len() < 7 {
        got.extend(edge.next().await.unwrap().unwrap());
    }
    assert_eq!(got, [1, 1, 1, 2, 2, 2, 3]);
    until(|| workers.children()[0].restarts >= 2).await;
    workers.stop().await;
}
