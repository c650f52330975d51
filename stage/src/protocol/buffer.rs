//! The events a producer emitted that nobody has asked for yet: a bounded FIFO with an explicit policy.

use std::collections::VecDeque;

use thiserror::Error;

use super::drop_all;
use crate::rare::Rare;

/// What happens to events beyond the capacity of a [buffer](crate::Build::buffer), or of the
/// [queue](crate::Partition::queue) of a partition.
///
/// ```
/// use stage::{Context, Demand, Handler, Producer, Result, WhenFull, producer};
///
/// /// Measures whether or not somebody asks.
/// struct Sensor;
///
/// impl Producer for Sensor {
///     type Out = u32;
///     async fn handle_demand(&mut self, _: usize, _: &mut Context<u32>) -> Result {
///         Ok(())
///     }
/// }
///
/// impl Handler<u32, u32> for Sensor {
///     type Reply = ();
///     async fn handle(&mut self, measured: u32, cx: &mut Context<u32>) {
///         cx.emit(measured);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let sensor = producer(Sensor).buffer(2, WhenFull::DropOldest).spawn()?;
/// for measured in [17, 18, 19] {
///     sensor.call(measured).await?;
/// }
/// let mut edge = sensor.subscribe();
/// edge.request(std::num::NonZeroUsize::MIN.saturating_add(9));
/// assert_eq!(edge.next().await?, Some(vec![18, 19]));
/// assert_eq!(sensor.stats().discarded, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Takes no new input while the buffer is full; one message's expansion may stand above the capacity. While a queue is
    /// full no partition gets any.
    HoldBack,
    /// Drops the oldest, counted. GenStage's keep last.
    DropOldest,
    /// Drops the newcomers, counted. GenStage's keep first.
    DropNewest,
    /// Drops the newcomers, counted, and ends the stage with [`BufferFull`]: for events that must not be lost unseen.
    Fail,
}

/// More was emitted than a buffer that fails, or the queue of a partition, has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the {} of {capacity} events is full, and {over} more were emitted than anybody asked for",
    if *.of_partition { "partition queue" } else { "buffer" }
)]
#[non_exhaustive]
pub struct BufferFull {
    /// What it holds.
    pub capacity: usize,
    /// What had no room.
    pub over: usize,
    /// Whether it is the queue of a partition, rather than the buffer of the stage.
    pub of_partition: bool,
}

impl BufferFull {
    pub(super) const fn of_buffer(capacity: usize, over: usize) -> Self {
        Self {
            capacity,
            over,
            of_partition: false,
        }
    }

    pub(super) const fn of_partition(capacity: usize) -> Self {
        Self {
            of_partition: true,
            ..Self::of_buffer(capacity, 1)
        }
    }
}

/// A FIFO of events with a capacity.
#[derive(Debug)]
pub struct Buffer<T> {
    events: VecDeque<T>,
    capacity: usize,
    when_full: WhenFull,
    /// How many events have left it, for the marks.
    left: u64,
    /// A mark is passed when as many have left.
    marks: Rare<VecDeque<u64>>,
}

impl<T> Buffer<T> {
    /// Makes an empty buffer. A capacity of 0 is no buffer: what nobody has asked for is dropped, or a failure, at
    /// once; with [`WhenFull::HoldBack`], which drops nothing, it counts as 1.
    #[must_use]
    pub fn new(capacity: usize, when_full: WhenFull) -> Self {
        let least = usize::from(when_full == WhenFull::HoldBack);
        Self {
            events: VecDeque::new(),
            capacity: capacity.max(least),
            when_full,
            left: 0,
            marks: Rare::default(),
        }
    }

    /// Buffered events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns whether nothing is buffered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// What happens to events beyond the capacity.
    #[must_use]
    pub const fn when_full(&self) -> WhenFull {
        self.when_full
    }

    /// Returns the failure that dropping `over` events is, where it is one.
    #[must_use]
    pub fn failure(&self, over: usize) -> Option<BufferFull> {
        let is_failure = over > 0 && self.when_full == WhenFull::Fail;
        is_failure.then_some(BufferFull::of_buffer(self.capacity, over))
    }

    /// Returns how many more events have room, when `elsewhere` count against the capacity too.
    #[must_use]
    pub fn room(&self, elsewhere: usize) -> usize {
        self.capacity.saturating_sub(self.events.len() + elsewhere)
    }

    /// Returns whether new input has to wait, when `elsewhere` count against the capacity too.
    #[must_use]
    pub fn is_holding_back(&self, elsewhere: usize) -> bool {
        self.when_full == WhenFull::HoldBack && self.room(elsewhere) == 0
    }

    /// Appends all of `events` and returns how many were discarded.
    #[must_use]
    pub fn store(&mut self, events: &mut Vec<T>) -> usize {
        let over = match self.when_full {
            WhenFull::HoldBack => 0,
            _ => (self.events.len() + events.len()).saturating_sub(self.capacity),
        };
        if matches!(self.when_full, WhenFull::DropNewest | WhenFull::Fail) {
            drop_all(events.drain(events.len() - over..));
        }
        self.events.extend(events.drain(..));
        if self.when_full == WhenFull::DropOldest {
            drop_all(self.events.drain(..over));
            self.left += over as u64;
        }
        over
    }

    /// Takes up to `most` of the oldest events, in order, and none from behind a mark: those are for the next time.
    pub fn take(&mut self, most: usize) -> Vec<T> {
        let mut marks = self.marks.get().into_iter().flatten();
        let ahead = marks.find(|mark| **mark > self.left);
        let until_mark = ahead.map_or(usize::MAX, |mark| {
            usize::try_from(mark - self.left).unwrap_or(usize::MAX)
        });
        let taken = most.min(self.events.len()).min(until_mark);
        self.left += taken as u64;
        self.events.drain(..taken).collect()
    }

    /// Marks the end of what is buffered now; `false`, and no mark, when that is nothing.
    #[must_use]
    pub fn mark(&mut self) -> bool {
        if self.events.is_empty() {
            return false;
        }
        let mark = self.left + self.events.len() as u64;
        self.marks.make().push_back(mark);
        true
    }

    /// Forgets the marks that have been passed, because what was before them was taken or dropped, and returns how many
    /// there were.
    pub fn take_passed(&mut self) -> usize {
        let Some(marks) = self.marks.get_mut() else {
            return 0;
        };
        let passed = marks.iter().take_while(|mark| **mark <= self.left);
        let passed = passed.count();
        marks.drain(..passed);
        passed
    }

    /// Puts events that were taken back to the front, in their order.
    pub(crate) fn put_back(&mut self, events: Vec<T>) {
        self.left -= events.len() as u64;
        for event in events.into_iter().rev() {
            self.events.push_front(event);
        }
    }

    /// Empties it and returns how many events it held.
    pub fn clear(&mut self) -> usize {
        let held = drop_all(self.events.drain(..));
        self.left += held as u64;
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(capacity: usize, when_full: WhenFull, events: &[u32]) -> Buffer<u32> {
        let mut buffer = Buffer::new(capacity, when_full);
        assert_eq!(buffer.store(&mut events.to_vec()), 0);
        buffer
    }

    #[test]
    fn what_is_over_the_capacity_goes_by_the_policy() {
        let check = |when_full, over, kept: &[u32]| {
            let mut buffer = holding(3, when_full, &[1, 2]);
            let mut events = vec![3, 4, 5];
            assert_eq!((buffer.store(&mut events), events.len()), (over, 0));
            assert_eq!(buffer.take(usize::MAX), kept);
        };
        check(WhenFull::HoldBack, 0, &[1, 2, 3, 4, 5]);
        check(WhenFull::DropOldest, 2, &[3, 4, 5]);
        check(WhenFull::DropNewest, 2, &[1, 2, 3]);
        check(WhenFull::Fail, 2, &[1, 2, 3]);
    }

    #[test]
    fn only_a_buffer_that_fails_fails_and_only_for_what_is_over() {
        let check = |when_full, over, expected| {
            let buffer: Buffer<u32> = Buffer::new(3, when_full);
            assert_eq!(buffer.failure(over), expected);
        };
        check(WhenFull::Fail, 2, Some(BufferFull::of_buffer(3, 2)));
        check(WhenFull::Fail, 0, None);
        check(WhenFull::DropNewest, 2, None);
    }

    #[test]
    fn what_is_full_is_told() {
        let check = |full: BufferFull, told: &str| assert!(full.to_string().starts_with(told));
        check(
            BufferFull::of_buffer(3, 2),
            "the buffer of 3 events is full, and 2 more",
        );
        check(
            BufferFull::of_partition(3),
            "the partition queue of 3 events is full, and 1 more",
        );
    }

    #[test]
    fn what_waits_elsewhere_takes_room_and_holds_back() {
        let check = |when_full, elsewhere, expected| {
            let buffer = holding(5, when_full, &[1, 2]);
            let found = (buffer.room(elsewhere), buffer.is_holding_back(elsewhere));
            assert_eq!(found, expected);
        };
        check(WhenFull::HoldBack, 0, (3, false));
        check(WhenFull::HoldBack, 2, (1, false));
        check(WhenFull::HoldBack, 3, (0, true));
        check(WhenFull::HoldBack, 4, (0, true));
        check(WhenFull::DropOldest, 3, (0, false));
    }

    #[test]
    fn a_mark_is_passed_when_all_before_it_was_taken() {
        let mut buffer = Buffer::new(9, WhenFull::DropOldest);
        assert!(!buffer.mark(), "nothing is before it");
        assert_eq!(buffer.store(&mut vec![1, 2]), 0);
        assert!(buffer.mark());
        assert_eq!(buffer.store(&mut vec![3]), 0);
        assert_eq!((buffer.take(1), buffer.take_passed()), (vec![1], 0));
        assert!(buffer.mark());
        assert_eq!((buffer.take(1), buffer.take_passed()), (vec![2], 1));
        assert_eq!((buffer.take(1), buffer.take_passed()), (vec![3], 1));
        assert_eq!(buffer.take_passed(), 0, "each is told once");
    }

    #[test]
    fn a_take_stops_at_the_next_mark_whatever_is_asked_for() {
        let mut buffer = holding(9, WhenFull::DropOldest, &[1]);
        assert_eq!(buffer.take(1), [1]);
        assert_eq!(buffer.store(&mut vec![2, 3]), 0);
        assert!(buffer.mark());
        assert_eq!(buffer.store(&mut vec![4, 5]), 0);
        assert_eq!(buffer.take(usize::MAX), [2, 3]);
        assert_eq!(buffer.take(usize::MAX), [4, 5], "the mark has been passed");
        assert_eq!(buffer.take_passed(), 1);
    }

    #[test]
    fn a_mark_is_passed_when_all_before_it_was_dropped() {
        let mut buffer = holding(2, WhenFull::DropOldest, &[1, 2]);
        assert!(buffer.mark());
        assert_eq!(buffer.store(&mut vec![3, 4]), 2);
        assert_eq!(buffer.take_passed(), 1);
        assert!(buffer.mark());
        assert_eq!((buffer.clear(), buffer.clear()), (2, 0));
        assert_eq!(buffer.take_passed(), 1);

        let mut buffer = holding(2, WhenFull::DropOldest, &[1, 2]);
        assert!(buffer.mark());
        assert_eq!((buffer.clear(), buffer.take_passed()), (2, 1));
    }

    #[test]
    fn what_is_put_back_was_not_taken() {
        let mut buffer = holding(9, WhenFull::DropOldest, &[1, 2, 3]);
        assert!(buffer.mark());
        assert_eq!(buffer.take(3), [1, 2, 3]);
        buffer.put_back(vec![3]);
        assert_eq!(buffer.take_passed(), 0);
        assert_eq!((buffer.take(3), buffer.take_passed()), (vec![3], 1));
        buffer.put_back(vec![2, 3]);
        assert_eq!(buffer.take(3), [2, 3]);
    }
}
