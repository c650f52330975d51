//! How long an answer takes and whether it fails: decided by the seed, the URL and the how-manieth request of
//! it this is, so that a run repeats whatever the order in which its requests arrive.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::options::Options;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Decision {
    pub(crate) delay: Duration,
    pub(crate) outcome: Outcome,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
}

/// Decides on the `nth` request of `url`, counted from 1.
///
/// Both numbers are drawn every time and in this order: another failure rate leaves the delays as they were, and
/// what fails at a rate also fails at every higher one.
pub(crate) fn decide(options: &Options, url: &str, nth: u64) -> Decision {
    let mut random = generator(options.seed, url, nth);
    let jitter = random.random_range(Duration::ZERO..=options.jitter);
    let draw: f64 = random.random();
    Decision {
        delay: options.delay.saturating_add(jitter),
        outcome: if draw < options.failure_rate.as_f64() {
            Outcome::Failure
        } else {
            Outcome::Success
        },
    }
}

fn generator(seed: u64, url: &str, nth: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&nth.to_le_bytes());
    key[16..24].copy_from_slice(&fnv(url.as_bytes()).to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Hashes bytes to the same number on every machine and in every release, which the standard hasher does not
/// promise. Source: FNV-1a, 64 bits, RFC 9923 §2.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::FailureRate;

    fn options(jitter_ms: u64, failure_rate: f64) -> Options {
        Options {
            delay: Duration::from_millis(100),
            jitter: Duration::from_millis(jitter_ms),
            failure_rate: FailureRate::new(failure_rate).expect("the rate is from 0 to 1"),
            ..Options::default()
        }
    }

    fn urls() -> impl Iterator<Item = String> {
        (0..1000).map(|n| format!("https://example.com/{n}"))
    }

    #[test]
    fn without_jitter_the_delay_is_exact_and_at_the_end_rates_there_is_no_chance() {
        fn check(failure_rate: f64, outcome: Outcome) {
            let delay = Duration::from_millis(100);
            for url in urls() {
                let decision = decide(&options(0, failure_rate), &url, 1);
                assert_eq!(decision, Decision { delay, outcome }, "{url}");
            }
        }
        check(0.0, Outcome::Success);
        check(1.0, Outcome::Failure);
    }

    #[test]
    fn the_jitter_fills_its_range() {
        let options = options(100, 0.0);
        let delays: Vec<_> = urls().map(|url| decide(&options, &url, 1).delay).collect();
        let (least, most) = (delays.iter().min(), delays.iter().max());
        let ms = Duration::from_millis;
        assert!(
            least >= Some(&ms(100)) && least < Some(&ms(110)),
            "{least:?}"
        );
        assert!(most <= Some(&ms(200)) && most > Some(&ms(190)), "{most:?}");
    }

    #[test]
    fn about_the_share_that_was_asked_for_fails() {
        let options = options(0, 0.25);
        let failures = urls()
            .filter(|url| decide(&options, url, 1).outcome == Outcome::Failure)
            .count();
        assert!((200..300).contains(&failures), "{failures} of 1000");
    }

    #[test]
    fn the_same_question_has_the_same_answer_and_each_part_of_it_matters() {
        let chosen = Options {
            seed: 7,
            ..options(1000, 0.5)
        };
        let other_seed = Options {
            seed: 8,
            ..chosen.clone()
        };
        let delay = |options, url, nth| decide(options, url, nth).delay;
        let first = delay(&chosen, "a", 1);
        assert_eq!(first, delay(&chosen, "a", 1));
        assert_ne!(first, delay(&other_seed, "a", 1));
        assert_ne!(first, delay(&chosen, "b", 1));
        assert_ne!(first, delay(&chosen, "a", 2));
    }

    #[test]
    fn the_draws_are_the_same_in_every_release() {
        let options = options(1000, 0.5);
        let delays = ["a", "b", "c"].map(|url| decide(&options, url, 1).delay.as_nanos());
        assert_eq!(delays, [970_124_175, 188_736_449, 720_933_999]);
        let failures =
            ["a", "b", "c"].map(|url| decide(&options, url, 1).outcome == Outcome::Failure);
        assert_eq!(failures, [true, false, true]);
    }

    #[test]
    fn a_higher_rate_keeps_the_delays_and_the_failures() {
        for url in urls() {
            let (few, many) = (
                decide(&options(50, 0.2), &url, 1),
                decide(&options(50, 0.6), &url, 1),
            );
            assert_eq!(few.delay, many.delay);
            assert!(few.outcome == Outcome::Success || many.outcome == Outcome::Failure);
        }
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let longest = Options {
            delay: Duration::MAX,
            jitter: Duration::from_millis(u64::MAX),
            ..Options::default()
        };
        assert_eq!(decide(&longest, "a", 1).delay, Duration::MAX);
    }

    #[test]
    fn the_hash_is_the_published_one() {
        fn check(text: &str, expected: u64) {
            assert_eq!(fnv(text.as_bytes()), expected, "{text}");
        }
        check("", 0xcbf2_9ce4_8422_2325);
        check("a", 0xaf63_dc4c_8601_ec8c);
        check("foobar", 0x8594_4171_f739_67e8);
    }
}
