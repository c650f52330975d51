//! Every schedule there is of one stage at its mailbox and of those that send to it: two senders of one message each, also
//! while the stage sleeps through some of it, and one of two messages while the stage ends.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::{check_dfs, thread};

use super::{AskPort, ConsumerPort, Control, Incoming, Mailbox, Park, Post, Until};
use crate::context::Never;
use crate::id::{StageId, SubscriptionId};
use crate::runtime::Cell;
use crate::stages::Stages;

type Tested = Mailbox<(), u8, Never>;

/// A mailbox that knows how its stage, which is the test, is woken.
fn mailbox() -> (Arc<Tested>, Arc<Cell>) {
    let cell = Arc::new(Cell::new(StageId::next(), "a stage".into(), Stages::new()));
    let mailbox = Arc::new(Mailbox::new(Arc::clone(&cell)));
    block_on(poll_fn(|task| {
        mailbox.wakes(task.waker());
        Poll::Ready(())
    }));
    (mailbox, cell)
}

#[test]
fn what_is_sent_wakes_the_stage() {
    let every = || {
        let (mailbox, _) = mailbox();
        let sends = |send: fn(&Tested)| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || send(&mailbox))
        };
        sends(|mailbox| mailbox.stop());
        sends(|mailbox| mailbox.deliver(SubscriptionId::next(), &mut vec![1]));
        let mut post = Box::<Post<_, _, _>>::default();
        while post.control.is_empty() || post.incoming.is_empty() {
            block_on(poll_fn(|_| mailbox.poll_take(&mut post)));
        }
        let control: Vec<_> = post.control.iter().collect();
        assert!(matches!(control[..], [Control::Stop]));
    };
    check_dfs(every, None);
}

/// As the event loop does: it is parked before its turn, and looks again only when something has come.
#[test]
fn what_is_sent_in_a_turn_wakes_the_stage() {
    let every = || {
        let (mailbox, _) = mailbox();
        let mut post = Box::<Post<_, _, _>>::default();
        let mut will_be_idle = false;
        let sender = Arc::clone(&mailbox);
        let mut start = Some(move || sender.stop());
        block_on(poll_fn(|_| {
            loop {
                if mailbox.is_parked() {
                    will_be_idle = true;
                    return Poll::Pending;
                }
                let park = if will_be_idle {
                    Park::Always
                } else {
                    Park::WhenEmpty
                };
                let has_come = mailbox.collect(&mut post, park);
                will_be_idle = !has_come;
                if let Some(start) = start.take() {
                    // It waits, so that it is parked before the turn of what comes first.
                    thread::spawn(start);
                    let sender = Arc::clone(&mailbox);
                    thread::spawn(move || sender.deliver(SubscriptionId::next(), &mut vec![1]));
                }
                if !has_come {
                    return Poll::Pending;
                }
                if !post.control.is_empty() && !post.incoming.is_empty() {
                    return Poll::Ready(());
                }
            }
        }));
    };
    check_dfs(every, None);
}

/// As the event loop does where a stage sleeps: `sends` run while it does, until it has taken so many messages.
fn sleeps(until: Until, sends: &'static [fn(&Tested)], messages: usize) {
    let every = move || {
        let (mailbox, _) = mailbox();
        let mut post = Box::<Post<_, _, _>>::default();
        let mut start = Some(sends);
        block_on(poll_fn(|_| {
            mailbox.collect(&mut post, Park::Always);
            if post.control.iter().count() + post.incoming.iter().count() == messages {
                return Poll::Ready(());
            }
            for send in start.take().into_iter().flatten() {
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || send(&mailbox));
            }
            if post.is_empty() {
                mailbox.sleep(until);
            }
            Poll::Pending
        }));
    };
    check_dfs(every, None);
}

const SOLE: SubscriptionId = SubscriptionId::of(1 << 40);

fn asks(mailbox: &Tested) {
    mailbox.ask(SOLE, 1);
}

fn another_asks(mailbox: &Tested) {
    mailbox.ask(SubscriptionId::NONE, 1);
}

fn delivers(mailbox: &Tested) {
    mailbox.deliver(SubscriptionId::NONE, &mut vec![1]);
}

#[test]
fn who_waits_for_events_is_woken_by_them() {
    sleeps(Until::Events(SOLE), &[asks, delivers], 2);
}

#[test]
fn who_waits_for_an_ask_is_woken_by_it() {
    sleeps(Until::Ask, &[asks, delivers], 2);
}

#[test]
fn who_waits_for_both_an_event_and_an_ask_is_woken_by_the_second() {
    sleeps(Until::Both(SOLE), &[asks, delivers], 2);
}

#[test]
fn who_waits_for_both_is_woken_by_one_who_is_not_its_only_consumer() {
    sleeps(Until::Both(SOLE), &[asks, another_asks], 2);
}

#[test]
fn who_waits_for_both_is_woken_by_all_else() {
    for first in [asks, delivers] {
        let every = move || {
            let (mailbox, _) = mailbox();
            let mut post = Box::<Post<_, _, _>>::default();
            mailbox.collect(&mut post, Park::Always);
            mailbox.sleep(Until::Both(SOLE));
            for _ in 0..2 {
                first(&mailbox);
                assert!(mailbox.parked.sleeps());
            }
            mailbox.stop();
            assert!(!mailbox.parked.sleeps());
        };
        check_dfs(every, None);
    }
}

#[test]
fn who_waits_for_two_to_ask_is_woken_by_the_second() {
    sleeps(Until::Asked(2), &[asks, another_asks], 2);
}

#[test]
fn who_waits_for_two_to_ask_is_not_woken_by_one_who_asks_again() {
    let every = || {
        let (mailbox, _) = mailbox();
        let mut post = Box::<Post<_, _, _>>::default();
        mailbox.collect(&mut post, Park::Always);
        mailbox.sleep(Until::Asked(2));
        let [one, other] = [(); 2].map(|()| SubscriptionId::next());
        for (id, sleeps_on) in [(one, true), (one, true), (other, false)] {
            mailbox.ask(id, 1);
            assert_eq!(mailbox.parked.sleeps(), sleeps_on);
        }
        mailbox.collect(&mut post, Park::Never);
        let control: Vec<_> = post.control.iter().collect();
        assert!(matches!(
            control[..],
            [Control::Ask(_, 2), Control::Ask(_, 1)]
        ));
    };
    check_dfs(every, None);
}

#[test]
fn who_waits_for_two_to_ask_is_woken_by_all_else() {
    fn asks_and_stops(mailbox: &Tested) {
        asks(mailbox);
        mailbox.stop();
    }
    sleeps(Until::Asked(2), &[asks_and_stops], 2);
}

#[test]
fn what_is_sent_to_a_stage_that_ends_is_taken_or_lost() {
    let every = || {
        let (mailbox, cell) = mailbox();
        let sender = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || {
                let id = SubscriptionId::next();
                mailbox.deliver(id, &mut vec![1, 2]);
                mailbox.deliver(id, &mut vec![3]);
            }
        });
        let mut post = Box::default();
        mailbox.collect(&mut post, Park::Never);
        post.append(&mut mailbox.close());
        sender.join().expect("it sends");
        let taken: usize = post.incoming.iter().map(Incoming::len).sum();
        assert_eq!(taken as u64 + cell.stats().lost, 3);
    };
    check_dfs(every, None);
}
