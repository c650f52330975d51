//! Which payloads an archive holds already, so that each is written once, as far as is remembered.

use std::collections::{HashMap, VecDeque};

use super::capture::Earlier;
use crate::warc::Digest;

/// What is remembered at most: about 60,000 payloads with URLs of usual lengths. The oldest is forgotten first, and written
/// once more when it comes again.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a payload takes beside the text of its URL and its date.
const PAYLOAD_BYTES: usize = 200;

/// The payloads of this run, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    known: HashMap<Digest, Earlier>,
    order: VecDeque<Digest>,
    bytes: usize,
}

impl Payloads {
    /// Returns where a payload was first.
    pub(super) fn find(&self, payload: &Digest) -> Option<&Earlier> {
        self.known.get(payload)
    }

    /// Remembers a payload that is not known.
    pub(super) fn learn(&mut self, payload: Digest, at: Earlier) {
        self.bytes += bytes_of(&at);
        self.known.insert(payload, at);
        self.order.push_back(payload);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.take_out(&oldest);
        }
    }

    /// Forgets the latest payloads, which were taken back.
    pub(super) fn forget(&mut self, latest: usize) {
        for _ in 0..latest {
            if let Some(payload) = self.order.pop_back() {
                self.take_out(&payload);
            }
        }
    }

    fn take_out(&mut self, payload: &Digest) {
        if let Some(earlier) = self.known.remove(payload) {
            self.bytes -= bytes_of(&earlier);
        }
    }
}

fn bytes_of(earlier: &Earlier) -> usize {
    earlier.url.len() + earlier.date.len() + PAYLOAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::capture::random_id;

    fn at(url: &str) -> Earlier {
        Earlier {
            url: url.to_owned(),
            date: String::new(),
            id: random_id(),
        }
    }

    fn payload(number: u32) -> Digest {
        Digest::of(&[&number.to_be_bytes()])
    }

    #[test]
    fn the_oldest_is_forgotten_first_and_the_latest_when_it_is_taken_back() {
        let mut payloads = Payloads::default();
        let long = "u".repeat(BYTES_MAX / 4 - PAYLOAD_BYTES);
        for number in 0..5 {
            payloads.learn(payload(number), at(&long));
        }
        assert!(payloads.find(&payload(0)).is_none());
        assert!(payloads.find(&payload(1)).is_some());
        payloads.forget(2);
        let left = (0..5).filter(|number| payloads.find(&payload(*number)).is_some());
        assert_eq!(left.collect::<Vec<_>>(), [1, 2]);
        payloads.forget(9);
        assert_eq!(payloads.bytes, 0);
    }
}
