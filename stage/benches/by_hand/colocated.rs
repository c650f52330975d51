//! The same protocol with all sides driven from one task: a wake is a flag in a word, and a round polls who has one.
//!
//! Nobody outside wakes a side, so that the task never waits: it gives the others their turn after every 512 rounds.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::runtime::Runtime;
use tokio::task::coop::unconstrained;

use super::mailbox::Mailbox;
use super::pipeline::{consume, pass_on, produce};
use super::window::Window;
use crate::contest::{Flow, timed};

/// Rounds between two turns of the other tasks.
const ROUNDS_MAX: usize = 512;

/// Producer → consumer, with producer-consumers in a row between them, in one task.
pub(crate) fn colocated(runtime: &Runtime, flow: Flow) -> f64 {
    timed(runtime, async {
        let mut up = Arc::<Mailbox>::default();
        let mut me = Arc::<Mailbox>::default();
        let mut sides: Vec<Side> = vec![Box::pin(produce(flow, Arc::clone(&up), Arc::clone(&me)))];
        for _ in 0..flow.middles {
            let down = Arc::<Mailbox>::default();
            sides.push(Box::pin(pass_on(
                flow,
                up,
                Arc::clone(&me),
                Arc::clone(&down),
            )));
            (up, me) = (me, down);
        }
        sides.push(Box::pin(async move {
            assert_eq!(consume(Window::open(flow, up), me).await, flow.events);
        }));
        let driven = tokio::spawn(unconstrained(drive(sides)));
        driven.await.expect("every event arrives");
    })
}

type Side = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls the sides that are ready until all have ended.
async fn drive(sides: Vec<Side>) {
    let ready = Arc::new(AtomicU64::new(u64::MAX));
    let mut sides: Vec<_> = (0..)
        .zip(sides)
        .map(|(bit, side)| {
            let flag = Flag {
                ready: Arc::clone(&ready),
                mask: 1 << bit,
            };
            (1_u64 << bit, Waker::from(Arc::new(flag)), Some(side))
        })
        .collect();
    let mut left = sides.len();
    loop {
        for _ in 0..ROUNDS_MAX {
            let round = ready.swap(0, Ordering::AcqRel);
            for (mask, waker, side) in &mut sides {
                if round & *mask != 0
                    && let Some(running) = side
                    && running
                        .as_mut()
                        .poll(&mut Context::from_waker(waker))
                        .is_ready()
                {
                    *side = None;
                    left -= 1;
                }
            }
            if left == 0 {
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// A waker that notes its side in the word.
struct Flag {
    ready: Arc<AtomicU64>,
    mask: u64,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.fetch_or(self.mask, Ordering::AcqRel);
    }
}
