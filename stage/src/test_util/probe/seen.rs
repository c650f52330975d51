//! What a probe saw, in order, and the waiting for more.

use std::collections::VecDeque;
use std::fmt;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::{Patience, Unexpected};

/// The reading end of what a port noted. It is bounded by what the stage under test does in one test.
#[derive(Debug)]
pub(super) struct Seen<T> {
    arrivals: UnboundedReceiver<T>,
    /// Looked at and not taken.
    waiting: VecDeque<T>,
    pub(super) patience: Patience,
}

/// What a probe can say of something it saw.
pub(super) trait Tell {
    fn tell(&self) -> String;
}

impl<T: Tell> Seen<T> {
    pub(super) fn new(patience: Patience) -> (UnboundedSender<T>, Self) {
        let (note, arrivals) = unbounded_channel();
        let seen = Self {
            arrivals,
            waiting: VecDeque::new(),
            patience,
        };
        (note, seen)
    }

    /// Takes the next, or waits for it.
    pub(super) async fn next(&mut self, expected: impl fmt::Display) -> Result<T, Unexpected> {
        if let Some(first) = self.waiting.pop_front() {
            return Ok(first);
        }
        let most = self.patience.most;
        match timeout(most, self.arrivals.recv()).await {
            Ok(Some(next)) => Ok(next),
            Ok(None) => Err(Unexpected::new(
                expected.to_string(),
                "nothing can come any more",
            )),
            Err(_) => Err(Unexpected::new(
                expected.to_string(),
                format!("nothing came within {most:?}"),
            )),
        }
    }

    /// Takes the next if `take` knows it, or waits for it; another is an error and stays.
    pub(super) async fn next_as<U>(
        &mut self,
        expected: impl fmt::Display,
        take: impl FnOnce(T) -> Result<U, T>,
    ) -> Result<U, Unexpected> {
        take(self.next(&expected).await?).map_err(|other| {
            let came = format!("{} came", other.tell());
            self.waiting.push_front(other);
            Unexpected::new(expected.to_string(), came)
        })
    }

    /// Waits for the quiet time and sees that nothing came that `is_wrong`; all of it stays.
    pub(super) async fn none(
        &mut self,
        expected: &str,
        is_wrong: impl Fn(&T) -> bool,
    ) -> Result<(), Unexpected> {
        self.patience.rest().await;
        self.look();
        match self.waiting.iter().find(|seen| is_wrong(seen)) {
            None => Ok(()),
            Some(wrong) => Err(Unexpected::new(expected, format!("{} came", wrong.tell()))),
        }
    }

    /// Takes the next if it has come and `take` knows it.
    pub(super) fn take_as<U>(&mut self, take: impl FnOnce(T) -> Result<U, T>) -> Option<U> {
        self.look();
        match take(self.waiting.pop_front()?) {
            Ok(taken) => Some(taken),
            Err(other) => {
                self.waiting.push_front(other);
                None
            }
        }
    }

    fn look(&mut self) {
        while let Ok(next) = self.arrivals.try_recv() {
            self.waiting.push_back(next);
        }
    }
}
