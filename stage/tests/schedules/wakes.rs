//! No wake-up is lost: what is sent to a stage that is about to wait is dealt with, or the run stands still.

use std::task::{Context as Task, Poll};

use shuttle::future::spawn;
use shuttle::thread::yield_now;
use stage::{CallError, Cancel, Context, Producer, Result, Stages, channel, producer};

use crate::explore::explore;
use crate::stages::{Push, Pushed, assert_first, take, take_rest};

#[test]
fn an_event_that_was_asked_for_is_never_held() {
    explore(|| async {
        let pushed = producer(Pushed).within(&Stages::new()).spawn().unwrap();
        let pusher = |events: std::ops::Range<usize>| {
            let pushed = pushed.clone();
            spawn(async move {
                for event in events {
                    pushed.cast(Push(event)).unwrap();
                }
            })
        };
        let (one, two) = (pusher(0..2), pusher(2..4));
        let mut edge = pushed.subscribe();
        let mut taken = take(&mut edge, 1).await;
        taken.extend(take(&mut edge, 3).await);
        one.await.unwrap();
        two.await.unwrap();
        pushed.stop().await;
        taken.sort_unstable();
        assert_first(&[&taken], 4);
    });
}

#[test]
fn a_call_is_answered_or_refused() {
    explore(|| async {
        let pushed = producer(Pushed).within(&Stages::new()).spawn().unwrap();
        let caller = |event| {
            let pushed = pushed.clone();
            spawn(async move { pushed.call(Push(event)).await })
        };
        let callers = [caller(0), caller(1)];
        pushed.call(Push(2)).await.unwrap();
        pushed.stop().await;
        let mut answered = 1;
        for caller in callers {
            match caller.await.unwrap() {
                Ok(()) => answered += 1,
                Err(refused) => assert_eq!(refused, CallError::Ended),
            }
        }
        assert_eq!(pushed.stats().discarded, answered);
    });
}

#[test]
fn a_channels_senders_wait_only_for_demand() {
    explore(|| async {
        let (sender, channel) = channel();
        let channel = channel.within(&Stages::new()).spawn().unwrap();
        let sending = spawn(async move {
            for event in 0..4 {
                sender.send(event).await.unwrap();
            }
        });
        let mut leaver = channel.subscribe();
        leaver.request(2.try_into().unwrap());
        let left = spawn(async move {
            leaver.cancel(Cancel::Normal);
            take_rest(&mut leaver).await
        });
        let mut stayer = channel.subscribe();
        stayer.request(4.try_into().unwrap());
        let taken = take_rest(&mut stayer).await;
        sending.await.unwrap();
        channel.join().await;
        assert_first(&[&left.await.unwrap(), &taken], 4);
    });
}

/// Has something to do at every look.
struct NeverIdle;

impl Producer for NeverIdle {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    fn poll_events(&mut self, _: &mut Task<'_>, _: &mut Context<usize>) -> Poll<Result> {
        yield_now();
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_stage_that_is_never_idle_hears_what_it_is_sent() {
    explore(|| async {
        let busy = producer(NeverIdle).within(&Stages::new()).spawn().unwrap();
        busy.stop().await;
    });
}
