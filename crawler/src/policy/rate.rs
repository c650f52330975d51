//! How many visits may begin now, so that no more begin in a time than was allowed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far beginnings may run ahead together: what a timer can't tell apart.
const SLACK: Duration = Duration::from_millis(10);

/// How late a beginning may be, and those after it still come when they would have: as long as a claim takes of a machine
/// that has much to do. What is later is not made up for.
const CATCH_UP: Duration = Duration::from_millis(100);

/// The time in which never more begin than the rate allows, unless the period is longer.
const WINDOW: Duration = Duration::from_secs(1);

/// Beginnings that are so near each other are noted as one, so that a window is a thousand of them at most.
const NEAR: Duration = Duration::from_millis(1);

/// A schedule: the next beginning is due a period after the one before was, though that was late; and those of 10 ms at once
/// where the period is shorter.
///
/// Invariants: in a time `t` from the start at most `t / period + 10 ms / period + 1` begin; and in any second as many as
/// come in a second, also when some were late. Sources: the generic cell rate algorithm, ITU-T I.371 annex A, and a sliding
/// window.
///
/// ```
/// use std::time::{Duration, Instant};
/// use crawler::policy::rate::Rate;
///
/// let now = Instant::now();
/// let mut pace = Rate::new(Duration::from_secs(2), now);
/// assert_eq!(pace.allowed(now), 1);
/// pace.on_begun(1, now, now);
/// assert_eq!(pace.wait(now), Some(Duration::from_secs(2)));
/// ```
#[derive(Debug, Clone)]
pub struct Rate {
    period: Duration,
    /// When the next one is due, if they came evenly.
    due: Instant,
    /// In so long a time no more begin than `most`.
    window: Duration,
    most: usize,
    /// What began in it, the first first.
    begun: VecDeque<Begun>,
}

/// Beginnings that were near each other.
#[derive(Debug, Clone, Copy)]
struct Begun {
    first: Instant,
    last: Instant,
    count: usize,
}

impl Rate {
    /// Makes a rate of one in `period`, which is not zero; the first may begin `now`.
    #[must_use]
    pub fn new(period: Duration, now: Instant) -> Self {
        let period = period.max(Duration::from_nanos(1));
        let most = (WINDOW.as_nanos() / period.as_nanos()).max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Self {
            period,
            due: now,
            window: period.saturating_mul(most),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            begun: VecDeque::new(),
        }
    }

    /// Returns how many may begin now.
    #[must_use]
    pub fn allowed(&self, now: Instant) -> usize {
        let Some(room) = (now + self.slack()).checked_duration_since(self.due_by(now)) else {
            return 0;
        };
        let more = room.as_nanos() / self.period.as_nanos();
        let due = usize::try_from(more).map_or(usize::MAX, |more| more.saturating_add(1));
        due.min(self.most.saturating_sub(self.count_within(now)))
    }

    /// Notes that so many have begun, which were asked for then: the time it took to get them is no part of their period.
    pub fn on_begun(&mut self, count: usize, asked_at: Instant, now: Instant) {
        if count == 0 {
            return;
        }
        let at = asked_at.max(now.checked_sub(CATCH_UP).unwrap_or(now));
        let periods = u32::try_from(count).unwrap_or(u32::MAX);
        self.due = self.due_by(at) + self.period.saturating_mul(periods);
        while let Some(begun) = self.begun.front()
            && begun.last + self.window <= at
        {
            self.begun.pop_front();
        }
        match self.begun.back_mut() {
            Some(begun) if at < begun.first + NEAR => {
                begun.last = begun.last.max(at);
                begun.count += count;
            }
            _ => self.begun.push_back(Begun {
                first: at,
                last: at,
                count,
            }),
        }
    }

    /// Returns how long until one may begin; none if one may now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        if self.allowed(now) > 0 {
            return None;
        }
        let due = self.due_by(now).checked_sub(self.slack()).unwrap_or(now);
        let due = due.max(now);
        let at = match self.within(due).next() {
            Some(first) if self.count_within(due) >= self.most => first.last + self.window,
            _ => due,
        };
        Some(at.saturating_duration_since(now))
    }

    fn count_within(&self, now: Instant) -> usize {
        self.within(now).map(|begun| begun.count).sum()
    }

    /// Returns what began within the window that ends now, the first first.
    fn within(&self, now: Instant) -> impl Iterator<Item = &Begun> {
        let begun = self.begun.iter();
        begun.skip_while(move |begun| begun.last + self.window <= now)
    }

    /// Returns when the next one is due, but for what is not made up for.
    fn due_by(&self, now: Instant) -> Instant {
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.due.max(earliest)
    }

    /// A slow pace is kept to the moment.
    fn slack(&self) -> Duration {
        if self.period < SLACK {
            SLACK
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// Begins whatever may begin, each time by a claim that takes so long, until the time is over; returns the beginnings.
    fn begin_all(period: Duration, claims: &[Duration], time: Duration) -> Vec<Instant> {
        let start = Instant::now();
        let (mut rate, mut now, mut begun) = (Rate::new(period, start), start, Vec::new());
        for claim in claims.iter().cycle() {
            now += rate.wait(now).unwrap_or_default();
            if now >= start + time {
                break;
            }
            let count = rate.allowed(now);
            assert!(count > 0, "it waited as long as it was told");
            let asked_at = now;
            now += *claim;
            rate.on_begun(count, asked_at, now);
            begun.extend(std::iter::repeat_n(asked_at, count));
        }
        begun
    }

    #[test]
    fn a_slow_pace_is_kept_to_the_moment() {
        let start = Instant::now();
        let mut pace = Rate::new(Duration::from_secs(2), start);
        pace.on_begun(1, start, start + 5 * MILLI);
        let later = start + Duration::from_millis(1_999);
        assert_eq!((pace.allowed(later), pace.wait(later)), (0, Some(MILLI)));
        assert_eq!(pace.allowed(start + Duration::from_secs(2)), 1);
        let late = start + Duration::from_millis(2_090);
        pace.on_begun(1, late, late);
        assert_eq!(pace.wait(late), Some(Duration::from_secs(2)), "no sooner");
    }

    #[test]
    fn the_time_that_a_claim_takes_is_no_part_of_the_period() {
        let check = |per_second: u32, claim_ms: u64, percent: usize| {
            let (period, time) = (Duration::from_secs(1) / per_second, Duration::from_secs(20));
            let begun = begin_all(period, &[Duration::from_millis(claim_ms)], time);
            let due = 20 * per_second as usize;
            let least = due * percent / 100;
            assert!(
                (least..=due + 3).contains(&begun.len()),
                "{per_second}/s and {claim_ms} ms: {} of {due}",
                begun.len()
            );
        };
        for per_second in [5, 50, 200, 4_000] {
            for claim_ms in [0, 1, 20, 40] {
                check(per_second, claim_ms, 99);
            }
            // No second makes up for another: it holds no more than it may.
            check(per_second, 90, 90);
        }
    }

    #[test]
    fn what_is_later_than_a_claim_takes_is_not_made_up_for() {
        let start = Instant::now();
        let rate = Rate::new(5 * MILLI, start);
        assert_eq!(rate.allowed(start), 3);
        assert_eq!(rate.allowed(start + Duration::from_secs(60)), 23);
    }

    proptest! {
        /// Whenever all that may begin does, and the rest waits as long as it is told, the rate holds, and is reached.
        #[test]
        fn the_rate_holds_over_any_time(
            period_us in 50_u64..3_000_000, claims in prop::collection::vec(0_u64..150_000, 1..40),
        ) {
            let period = Duration::from_micros(period_us);
            let claims: Vec<_> = claims.into_iter().map(Duration::from_micros).collect();
            let begun = begin_all(period, &claims, Duration::from_secs(6));
            let start = begun[0];
            for (at, begins) in begun.iter().enumerate() {
                let most = ((*begins - start) + SLACK).as_nanos() / period.as_nanos() + 1;
                prop_assert!(at < usize::try_from(most).unwrap(), "{at} of {most}");
            }
            let most = usize::try_from(WINDOW.as_nanos() / period.as_nanos()).unwrap().max(1);
            let window = period * u32::try_from(most).unwrap();
            for more in begun.windows(most + 1) {
                prop_assert!(more[most] - more[0] >= window, "{most} in {window:?}");
            }
        }
    }
}
