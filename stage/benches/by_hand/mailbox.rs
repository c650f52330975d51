//! A queue behind a lock, drained by swap, with a waker that is stored once and woken only when its task is parked.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

pub(crate) enum Message {
    /// Which consumer asks, where there are several, and for how many.
    Ask(usize, usize),
    Events(Vec<usize>),
    /// An event from outside, for a source to send on.
    Push(usize),
    End,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    is_parked: bool,
}

#[derive(Default)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    /// One task takes for all its life, so its first waker is right for ever.
    waker: OnceLock<Waker>,
}

impl Mailbox {
    pub(crate) fn send(&self, message: Message) {
        let mut queue = self.lock();
        queue.messages.push_back(message);
        let was_parked = std::mem::take(&mut queue.is_parked);
        drop(queue);
        if was_parked && let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Waits for messages and swaps them with the emptied `messages`.
    pub(crate) async fn take(&self, messages: &mut VecDeque<Message>) {
        poll_fn(|task| {
            let mut queue = self.lock();
            if queue.messages.is_empty() {
                self.waker.get_or_init(|| task.waker().clone());
                queue.is_parked = true;
                return Poll::Pending;
            }
            std::mem::swap(&mut queue.messages, messages);
            Poll::Ready(())
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
