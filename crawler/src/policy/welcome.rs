//! How welcome the crawl is at a site, by its answers: how long a site that asks for less is left alone, and when it is
//! given up.

use std::time::Duration;

use super::politeness::lengthened;
use super::retry;

/// How often in a row a site may ask for less before it is set aside.
pub const PUSHBACKS_MAX: u8 = 3;

/// What the answers of a site in a row came to. The frontier keeps it for the site, and tells it with each lease.
///
/// ```text
///              429, 503: wait            429, 503: wait            429, 503
///   Open(0) ─────────────────▶ Open(1) ─────────────────▶ Open(2) ──────────▶ SetAside
///      ▲                          │                          │
///      └───── any other answer ───┴──────────────────────────┘
/// ```
///
/// It is for sites that are asked for one URL at a time: there, between two answers in a row lies the wait that the first
/// asked for. The answers of requests that ran at once are no row, so that a site without a limit is never set aside: a
/// burst of 503s, which one overload sends, would give up the site of the one who typed it. Each of its URLs has its own
/// tries, and the whole site its wait.
///
/// ```
/// use std::time::Duration;
/// use crawler::policy::welcome::Welcome;
///
/// let minute = Duration::from_secs(60);
/// let (welcome, wait) = Welcome::default().after(429, Some(minute), 0);
/// assert_eq!((welcome, wait), (Welcome::Open { pushbacks: 1 }, Some(minute)));
/// let (welcome, _) = welcome.after(429, None, 0);
/// let (welcome, _) = welcome.after(503, None, 0);
/// assert_eq!(welcome, Welcome::SetAside { status: 503 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Welcome {
    /// It may be asked.
    Open {
        /// How often in a row it asked for less; below [`PUSHBACKS_MAX`].
        pushbacks: u8,
    },
    /// It asked for less so often that its URLs fail, and nothing is asked of it any more.
    SetAside {
        /// The status of its last answer.
        status: u16,
    },
}

impl Default for Welcome {
    /// It has not asked for less.
    fn default() -> Self {
        Self::Open { pushbacks: 0 }
    }
}

impl Welcome {
    /// Returns whether nothing is asked of the site any more.
    #[must_use]
    pub const fn is_set_aside(self) -> bool {
        matches!(self, Self::SetAside { .. })
    }

    /// Notes an answer with what its `Retry-After` asked for, and returns how long the site is to be left alone for it.
    ///
    /// Also a site that is set aside has its wait, for the day it gets another chance.
    #[must_use]
    pub fn after(
        self,
        status: u16,
        retry_after: Option<Duration>,
        random: u32,
    ) -> (Self, Option<Duration>) {
        let Self::Open { pushbacks } = self else {
            return (self, None);
        };
        if !is_pushback(status) {
            return (Self::default(), None);
        }
        let pushbacks = pushbacks.saturating_add(1);
        let wait = pushback_wait(retry_after, pushbacks.into(), random);
        let welcome = if pushbacks < PUSHBACKS_MAX {
            Self::Open { pushbacks }
        } else {
            Self::SetAside { status }
        };
        (welcome, Some(wait))
    }
}

/// Returns whether the status asks for less. Source: RFC 6585 §4, RFC 9110 §15.6.4.
#[must_use]
pub const fn is_pushback(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// Returns how long a site is left alone after it asked for less for the `number`th time: as long as it said, or without
/// a word of it the back-off of that retry. Chance lengthens either, so that the nodes of a cluster do not come back at
/// once.
#[must_use]
pub fn pushback_wait(retry_after: Option<Duration>, number: u32, random: u32) -> Duration {
    match retry_after {
        Some(asked) => lengthened(asked, random),
        None => retry::back_off(number, random),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(pushbacks: u8) -> Welcome {
        Welcome::Open { pushbacks }
    }

    #[test]
    fn each_answer_leads_where_the_diagram_says() {
        fn check(before: Welcome, status: u16, after: Welcome) {
            let (welcome, wait) = before.after(status, Some(SECOND), 0);
            assert_eq!(welcome, after, "{before:?}, {status}");
            let is_asked = is_pushback(status) && !before.is_set_aside();
            assert_eq!(wait, is_asked.then_some(SECOND), "{before:?}, {status}");
        }
        for status in [429, 503] {
            check(open(0), status, open(1));
            check(open(1), status, open(2));
            check(open(2), status, Welcome::SetAside { status });
        }
        for status in [200, 302, 404, 408, 500, 502, 504] {
            check(open(0), status, open(0));
            check(open(2), status, open(0));
        }
        let aside = Welcome::SetAside { status: 503 };
        check(aside, 429, aside);
        check(aside, 200, aside);
    }

    #[test]
    fn a_wait_is_what_was_asked_for_or_doubles() {
        let middle = u32::MAX / 2 + 1;
        assert_eq!(pushback_wait(Some(90 * SECOND), 2, 0), 90 * SECOND);
        assert_eq!(pushback_wait(Some(90 * SECOND), 1, u32::MAX), 99 * SECOND);
        assert_eq!(pushback_wait(None, 1, middle), SECOND);
        assert_eq!(pushback_wait(None, 2, middle), 2 * SECOND);
    }
}
