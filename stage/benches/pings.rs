//! Events that tell when they were sent, one at a time, and how long each took.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::contest::Flow;

/// When the next event is sent.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// By the consumer, as soon as one arrives.
    Hot,
    /// From outside the runtime, when all has been idle for so long.
    Rested(Duration),
}

/// What the last stage keeps.
pub(crate) struct Pings {
    clock: Instant,
    pace: Pace,
    missing: usize,
    taken: Vec<usize>,
    arrivals: Sender<()>,
    all: Sender<Vec<usize>>,
}

/// Nanoseconds since the clock was started.
fn now(clock: Instant) -> usize {
    usize::try_from(clock.elapsed().as_nanos()).expect("it runs for some seconds")
}

impl Pings {
    /// Notes that an event arrived; returns the next, where it is for the consumer to send it.
    pub(crate) fn arrived(&mut self, sent: usize) -> Option<usize> {
        self.taken.push(now(self.clock) - sent);
        self.missing -= 1;
        // Nobody listens any more only where the bench itself has failed.
        if self.missing == 0 {
            let _heard = self.all.send(std::mem::take(&mut self.taken));
        }
        match self.pace {
            Pace::Hot => (self.missing > 0).then(|| now(self.clock)),
            Pace::Rested(_) => {
                let _heard = self.arrivals.send(());
                None
            }
        }
    }
}

/// The sending side, outside the runtime.
pub(crate) struct Pinger {
    clock: Instant,
    pace: Pace,
    events: usize,
    arrivals: Receiver<()>,
    all: Receiver<Vec<usize>>,
}

/// Makes both sides for as many events as the flow has.
pub(crate) fn pings(flow: Flow, pace: Pace) -> (Pinger, Pings) {
    let (clock, (arrived, arrivals), (taken, all)) = (Instant::now(), channel(), channel());
    let pings = Pings {
        clock,
        pace,
        missing: flow.events,
        taken: Vec::with_capacity(flow.events),
        arrivals: arrived,
        all: taken,
    };
    let pinger = Pinger {
        clock,
        pace,
        events: flow.events,
        arrivals,
        all,
    };
    (pinger, pings)
}

impl Pinger {
    /// Sends the first event, or all; returns the median of what they took, in seconds.
    pub(crate) fn p50(self, send: impl Fn(usize)) -> f64 {
        match self.pace {
            Pace::Hot => send(now(self.clock)),
            Pace::Rested(rest) => {
                for _ in 0..self.events {
                    sleep(rest);
                    send(now(self.clock));
                    self.arrivals.recv().expect("the last stage lives");
                }
            }
        }
        let mut taken = self.all.recv().expect("the last stage lives");
        taken.sort_unstable();
        Duration::from_nanos(taken[taken.len() / 2] as u64).as_secs_f64()
    }
}
