//! A producer that settles its own events: it ends only when it has heard of each of them.

use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use stage::{
    Ack, Acked, Acks, Context, Exit, Producer, ProducerHandle, Result, Settlements, Subscription,
    acks, producer,
};

use super::{ask, in_time, numbers, take};

const HOUR: Duration = Duration::from_secs(3600);

/// What was heard, in its order: an event's number, and whether it was acknowledged.
type Heard = Arc<Mutex<Vec<(usize, bool)>>>;

/// Emits the numbers up to `end`, completes with the last one, and sends again what failed.
struct Numbers {
    next: usize,
    end: usize,
    acks: Acks<usize>,
    settlements: Settlements<usize>,
    again: Vec<usize>,
    heard: Heard,
}

impl Numbers {
    fn spawn(end: usize) -> (ProducerHandle<Self>, Heard) {
        let (acks, settlements) = acks();
        let heard = Heard::default();
        let numbers = Self {
            next: 0,
            end,
            acks,
            settlements,
            again: Vec::new(),
            heard: Arc::clone(&heard),
        };
        (producer(numbers).spawn().unwrap(), heard)
    }

    fn emit(&self, number: usize, cx: &mut Context<Acked<usize>>) {
        let ack = self.acks.ack(number);
        cx.emit(Acked { data: number, ack });
    }
}

impl Producer for Numbers {
    type Out = Acked<usize>;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<Self::Out>) -> Result {
        let end = self.end.min(self.next.saturating_add(demand));
        for number in self.next..end {
            self.emit(number, cx);
        }
        self.next = end;
        if end == self.end {
            cx.complete();
        }
        Ok(())
    }

    /// Hears all there is before it returns, and has then nothing more to do.
    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Self::Out>) -> Poll<Result> {
        while let Poll::Ready(Some(settled)) = self.settlements.poll_next_unpin(task) {
            let failed = settled.failed.into_iter().map(|(number, _)| number);
            let failed: Vec<usize> = failed.collect();
            let mut heard = self.heard.lock().unwrap();
            heard.extend(
                settled
                    .acknowledged
                    .into_iter()
                    .map(|number| (number, true)),
            );
            heard.extend(failed.iter().map(|number| (*number, false)));
            self.again.extend(failed);
        }
        while cx.demand() > 0
            && let Some(number) = self.again.pop()
        {
            self.emit(number, cx);
        }
        Poll::Pending
    }

    fn in_hand(&self) -> usize {
        self.settlements.unsettled() + self.again.len()
    }
}

/// Takes what has arrived when nothing moves any more.
async fn arrived(edge: &mut Subscription<Acked<usize>>) -> Vec<Acked<usize>> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    take(edge)
}

/// Settles what was emitted, one after another and with one failure among them, and sees that the end comes after the
/// last.
async fn settle_all(
    edge: &mut Subscription<Acked<usize>>,
    mut emitted: Vec<Acked<usize>>,
    ends: impl Future<Output = Exit>,
) -> Exit {
    let mut ends = std::pin::pin!(ends);
    let last = emitted.pop().unwrap();
    emitted.pop().unwrap().ack.fail("no luck");
    Ack::acknowledge_all(emitted.into_iter().map(|event| event.ack));
    let again = arrived(edge).await;
    assert_eq!(numbers(&again), [3], "what failed comes again");
    assert!((&mut ends).now_or_never().is_none(), "two are unsettled");
    last.ack.acknowledge();
    assert!(arrived(edge).await.is_empty());
    assert!((&mut ends).now_or_never().is_none(), "one is unsettled");
    Ack::acknowledge_all(again.into_iter().map(|event| event.ack));
    in_time(ends).await
}

fn sorted(heard: &Heard) -> Vec<(usize, bool)> {
    let mut heard = heard.lock().unwrap().clone();
    heard.sort_unstable();
    heard
}

const ALL: [(usize, bool); 6] = [
    (0, true),
    (1, true),
    (2, true),
    (3, false),
    (3, true),
    (4, true),
];

#[tokio::test(start_paused = true)]
async fn one_that_completes_with_its_last_event_ends_when_all_are_settled() {
    let (source, heard) = Numbers::spawn(5);
    let mut edge = source.subscribe();
    ask(&mut edge, 10);
    let emitted = arrived(&mut edge).await;
    assert_eq!(numbers(&emitted), [0, 1, 2, 3, 4]);
    let exit = settle_all(&mut edge, emitted, source.join()).await;
    assert!(matches!(exit, Exit::Completed), "{exit}");
    assert_eq!(sorted(&heard), ALL);
    assert_eq!(source.stats().lost, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_drains_ends_when_all_are_settled() {
    let (source, heard) = Numbers::spawn(usize::MAX);
    let mut edge = source.subscribe();
    ask(&mut edge, 5);
    let emitted = arrived(&mut edge).await;
    assert_eq!(numbers(&emitted), [0, 1, 2, 3, 4]);
    let drained = {
        let source = source.clone();
        tokio::spawn(async move { source.drain(HOUR).await.exit })
    };
    tokio::time::sleep(Duration::from_millis(1)).await;
    ask(&mut edge, 5);
    let exit = settle_all(&mut edge, emitted, drained.map(|exit| exit.unwrap())).await;
    assert!(matches!(exit, Exit::Stopped), "{exit}");
    assert_eq!(sorted(&heard), ALL);
}
