//! What was seen, what waits, and how many are not done: the frontier of a crawl that may be lost.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use xxhash_rust::xxh3::xxh3_128;

/// What was seen and what waits, in memory; each text is handed out once.
#[derive(Debug)]
pub struct Frontier {
    state: Mutex<State>,
    /// A permit for each that waits; closed when nothing is left.
    waiting: Semaphore,
    /// Those that wait and those at work.
    left: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    seen: HashSet<u128>,
    waiting: VecDeque<String>,
}

impl Frontier {
    /// Makes a frontier with its seed.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        let frontier = Self {
            state: Mutex::default(),
            waiting: Semaphore::new(0),
            left: AtomicUsize::new(0),
        };
        frontier.add(&[seed]);
        frontier
    }

    /// Takes the next text; there is none when all are done.
    pub async fn next(&self) -> Option<String> {
        self.waiting.acquire().await.ok()?.forget();
        let mut state = self.state.lock().expect("no holder panics");
        state.waiting.pop_front()
    }

    /// Tells that a text that was taken is done, and what it links to.
    pub fn done(&self, links: &[impl AsRef<str>]) {
        self.add(links);
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waiting.close();
        }
    }

    /// Returns how many were seen.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.state.lock().expect("no holder panics").seen.len()
    }

    fn add(&self, links: &[impl AsRef<str>]) {
        let fingerprints: Vec<_> = links
            .iter()
            .map(|link| xxh3_128(link.as_ref().as_bytes()))
            .collect();
        let mut state = self.state.lock().expect("no holder panics");
        let before = state.waiting.len();
        for (link, fingerprint) in links.iter().zip(fingerprints) {
            if state.seen.insert(fingerprint) {
                state.waiting.push_back(link.as_ref().to_owned());
            }
        }
        let new = state.waiting.len() - before;
        // Before anyone can take them, or the last of them could be done before it was counted.
        self.left.fetch_add(new, Ordering::AcqRel);
        drop(state);
        self.waiting.add_permits(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_text_is_handed_out_once_and_then_nothing_is_left() {
        let frontier = Frontier::new("a");
        assert_eq!(frontier.next().await.as_deref(), Some("a"));
        frontier.done(&["b", "a", "b"]);
        assert_eq!(frontier.next().await.as_deref(), Some("b"));
        frontier.done(&["a"]);
        assert_eq!(frontier.next().await, None);
        assert_eq!(frontier.seen(), 2);
    }
}
