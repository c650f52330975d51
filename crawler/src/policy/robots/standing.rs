//! What holds for an authority while its robots.txt is fetched, kept, and can't be had. Source: RFC 9309 §2.3, §2.4.

use std::time::{Duration, SystemTime};

use crate::policy::redirects::is_redirect;

/// How many redirects of a robots.txt are followed, across hosts; the rules are the first authority's.
/// Source: RFC 9309 §2.3.1.2.
pub const REDIRECTS_MAX: u32 = 5;
/// How long a robots.txt that was never reached is tried for before the authority's URLs fail, unless it is said.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long a copy is good for. Source: RFC 9309 §2.4.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// The waits after the first three failures: four tries in five minutes.
const WAITS: [Duration; 3] = [
    Duration::from_secs(30),
    Duration::from_secs(90),
    Duration::from_secs(180),
];
/// The wait after any other failure: an outage of hours ends between two tries.
const LONG_WAIT: Duration = Duration::from_secs(60 * 60);

/// Returns how many tries there are within that time: one at its begin, and one after each wait.
///
/// ```
/// use std::time::Duration;
/// use crawler::policy::robots::{PATIENCE, tries_within};
///
/// assert_eq!(tries_within(PATIENCE), 4);
/// assert_eq!(tries_within(Duration::from_secs(24 * 60 * 60)), 27);
/// ```
#[must_use]
pub fn tries_within(mut patience: Duration) -> u32 {
    let mut tries = 1;
    for wait in WAITS {
        match patience.checked_sub(wait) {
            Some(left) => patience = left,
            None => return tries,
        }
        tries += 1;
    }
    let long = patience.as_secs() / LONG_WAIT.as_secs();
    u32::try_from(long).map_or(u32::MAX, |long| long.saturating_add(tries))
}

/// What follows one answer to a request for a robots.txt.
///
/// | status | what follows |
/// |---|---|
/// | 2xx | its body is read |
/// | 301, 302, 303, 307, 308, up to five in a row | the target is asked |
/// | the same, once more | everything is allowed |
/// | 429, 5xx, no answer | nothing is allowed |
/// | any other 3xx or 4xx | everything is allowed |
/// | anything else | nothing is allowed, as it is no answer either |
///
/// Sources: RFC 9309 §2.3.1; 429 as a server error, and a redirect that leads nowhere as a missing file: Google.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The target of its `Location` is asked; without one that can be asked, everything is allowed.
    Follow,
    /// The fetch is over.
    Done(Outcome),
}

/// What the fetch of a robots.txt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is one, and it is to be kept.
    Kept(Kept),
    /// It can't be known what it says.
    Unreachable,
}

/// What is known of a robots.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Its body, which [`super::Rules::parse`] reads.
    Body,
    /// That there is none, so that everything is allowed.
    AllowAll,
}

impl Step {
    /// Returns what follows an answer with that status, or no answer, after so many redirects.
    ///
    /// ```
    /// use crawler::policy::robots::{Kept, Outcome, Step};
    ///
    /// assert_eq!(Step::after(Some(404), 0), Step::Done(Outcome::Kept(Kept::AllowAll)));
    /// assert_eq!(Step::after(Some(503), 0), Step::Done(Outcome::Unreachable));
    /// ```
    #[must_use]
    pub const fn after(status: Option<u16>, redirects: u32) -> Self {
        Self::Done(match status {
            Some(200..=299) => Outcome::Kept(Kept::Body),
            Some(status) if is_redirect(status) && redirects < REDIRECTS_MAX => {
                return Self::Follow;
            }
            Some(429) => Outcome::Unreachable,
            Some(300..=499) => Outcome::Kept(Kept::AllowAll),
            _ => Outcome::Unreachable,
        })
    }
}

/// What holds for an authority at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its robots.txt is fetched before any of its URLs.
    Fetch,
    /// Its URLs are decided by what is kept.
    Use(Kept),
    /// Its URLs wait until then, when the robots.txt is asked for again.
    Wait(SystemTime),
    /// Its URLs fail: no page of it may be requested.
    Unreachable,
}

/// What the frontier keeps of an authority's robots.txt, beside the body: shared by all nodes.
///
/// ```text
///                        kept                       kept, after 24 h
///  unknown ── Fetch ──────────────▶ Use ───────────────────────────────▶ Fetch
///     │ unreachable                  ▲ ▲ unreachable: the old copy serves, │
///     ▼                         kept │ └────────── and each hour a Fetch ──┘
///   Wait 30 s, 90 s, 180 s ─▶ Fetch ─┤ (then an hour each, with more tries)
///     │ unreachable at the last try  │
///     ▼                              │
///  Unreachable ── after an hour ─▶ Fetch
/// ```
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use crawler::policy::robots::{Cached, Kept, Outcome, Standing};
///
/// let now = SystemTime::UNIX_EPOCH;
/// let kept = Cached::default().after(Outcome::Kept(Kept::Body), now);
/// assert_eq!(kept.standing(now, 4), Standing::Use(Kept::Body));
/// assert_eq!(kept.standing(now + Duration::from_secs(86_400), 4), Standing::Fetch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cached {
    /// What the last answer gave; it outlives failures.
    pub kept: Option<Kept>,
    /// The failures since that answer.
    pub failures: u32,
    /// When it is asked for again.
    pub next_at: SystemTime,
}

impl Default for Cached {
    /// Nothing is known, so it is asked for at once.
    fn default() -> Self {
        Self {
            kept: None,
            failures: 0,
            next_at: SystemTime::UNIX_EPOCH,
        }
    }
}

impl Cached {
    /// Returns what is known after a fetch that ended at that time.
    #[must_use]
    pub fn after(self, outcome: Outcome, now: SystemTime) -> Self {
        match outcome {
            Outcome::Kept(kept) => Self {
                kept: Some(kept),
                failures: 0,
                next_at: now + KEPT_FOR,
            },
            Outcome::Unreachable => {
                let number = usize::try_from(self.failures).unwrap_or(usize::MAX);
                let wait = match self.kept {
                    None => WAITS.get(number).copied().unwrap_or(LONG_WAIT),
                    Some(_) => LONG_WAIT,
                };
                Self {
                    failures: self.failures.saturating_add(1),
                    next_at: now + wait,
                    ..self
                }
            }
        }
    }

    /// Returns what holds at that time, where so many tries are made before its URLs fail.
    #[must_use]
    pub fn standing(self, now: SystemTime, tries: u32) -> Standing {
        match self.kept {
            _ if now >= self.next_at => Standing::Fetch,
            Some(kept) => Standing::Use(kept),
            None if self.failures >= tries => Standing::Unreachable,
            None => Standing::Wait(self.next_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW_ALL: Step = Step::Done(Outcome::Kept(Kept::AllowAll));
    const BODY: Step = Step::Done(Outcome::Kept(Kept::Body));
    const UNREACHABLE: Step = Step::Done(Outcome::Unreachable);

    #[test]
    fn an_answer_is_taken_by_its_status() {
        fn check(statuses: impl IntoIterator<Item = u16>, expected: Step) {
            for status in statuses {
                assert_eq!(Step::after(Some(status), 0), expected, "{status}");
            }
        }
        check(200..=299, BODY);
        check([301, 302, 303, 307, 308], Step::Follow);
        check([300, 304, 305, 306, 309, 399], ALLOW_ALL);
        check((400..=499).filter(|status| *status != 429), ALLOW_ALL);
        check([429, 500, 503, 599, 600, 100, 101, 0], UNREACHABLE);
        assert_eq!(Step::after(None, 0), UNREACHABLE);
    }

    #[test]
    fn five_redirects_are_followed_and_a_sixth_is_a_missing_file() {
        assert_eq!(Step::after(Some(302), REDIRECTS_MAX - 1), Step::Follow);
        assert_eq!(Step::after(Some(302), REDIRECTS_MAX), ALLOW_ALL);
        assert_eq!(Step::after(Some(200), REDIRECTS_MAX), BODY);
        assert_eq!(Step::after(Some(500), REDIRECTS_MAX), UNREACHABLE);
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn check(cached: Cached, seconds: u64, expected: Standing) {
        assert_eq!(
            cached.standing(at(seconds), 4),
            expected,
            "after {seconds} s"
        );
    }

    #[test]
    fn an_answer_is_kept_for_a_day() {
        check(Cached::default(), 0, Standing::Fetch);
        for kept in [Kept::Body, Kept::AllowAll] {
            let cached = Cached::default().after(Outcome::Kept(kept), at(0));
            check(cached, 0, Standing::Use(kept));
            check(cached, 86_399, Standing::Use(kept));
            check(cached, 86_400, Standing::Fetch);
        }
    }

    #[test]
    fn what_was_never_reached_is_tried_four_times_in_five_minutes_and_then_fails() {
        let mut cached = Cached::default();
        for (tried, next) in [(0, 30), (30, 120), (120, 300)] {
            check(cached, tried, Standing::Fetch);
            cached = cached.after(Outcome::Unreachable, at(tried));
            check(cached, tried, Standing::Wait(at(next)));
            check(cached, next - 1, Standing::Wait(at(next)));
        }
        check(cached, 300, Standing::Fetch);
        cached = cached.after(Outcome::Unreachable, at(300));
        check(cached, 300, Standing::Unreachable);
        check(cached, 300 + 3600, Standing::Fetch);
        cached = cached.after(Outcome::Unreachable, at(3900));
        check(cached, 3900, Standing::Unreachable);
        cached = cached.after(Outcome::Kept(Kept::Body), at(8000));
        check(cached, 8000, Standing::Use(Kept::Body));
    }

    #[test]
    fn who_has_patience_waits_for_an_hour_between_tries() {
        let mut cached = Cached::default();
        for time in [0, 30, 120, 300] {
            cached = cached.after(Outcome::Unreachable, at(time));
        }
        assert_eq!(cached.standing(at(300), 5), Standing::Wait(at(3_900)));
        cached = cached.after(Outcome::Unreachable, at(3_900));
        assert_eq!(cached.standing(at(3_900), 5), Standing::Unreachable);
    }

    #[test]
    fn tries_are_counted_by_the_time_there_is() {
        let tries = [0, 29, 30, 119, 120, 299, 300, 3_899, 3_900];
        let tries = tries.map(|seconds| tries_within(Duration::from_secs(seconds)));
        assert_eq!(tries, [1, 1, 2, 2, 3, 3, 4, 4, 5]);
    }

    #[test]
    fn an_old_copy_serves_while_there_is_no_new_one() {
        let kept = Cached::default().after(Outcome::Kept(Kept::Body), at(0));
        let mut cached = kept.after(Outcome::Unreachable, at(86_400));
        check(cached, 86_400, Standing::Use(Kept::Body));
        check(cached, 90_000, Standing::Fetch);
        for hour in 0..100 {
            cached = cached.after(Outcome::Unreachable, at(90_000 + hour * 3600));
        }
        check(cached, 90_000 + 99 * 3600, Standing::Use(Kept::Body));
        cached = cached.after(Outcome::Kept(Kept::AllowAll), at(500_000));
        check(cached, 500_000, Standing::Use(Kept::AllowAll));
    }
}
