//! The loop over the events of a dispatch. It is compiled for each hash, so that the hash is a part of it: to call one for
//! each event takes as long as all the rest.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Drain;

use super::Dispatched;
use super::index::Index;
use super::lanes::Lanes;
use crate::protocol::drop_all;

/// Tells what must stay in order within a partition.
pub(super) type KeyOf<T> = Box<dyn FnMut(&T) -> u64 + Send>;

/// A hash, which deals events by what it tells of them.
pub(super) trait Deal<T, P>: Send {
    /// Deals events from the front while some are wanted. Where the hash panics, or that of the name it tells, the event at
    /// work is the front.
    fn deal(
        &mut self,
        key: &mut Option<KeyOf<T>>,
        index: &Index<P>,
        lanes: &mut Lanes<T>,
        coming: &mut Drain<'_, T>,
        out: &mut Dispatched<T>,
    );
}

impl<T, P, H> Deal<T, P> for H
where
    P: Eq + Hash + fmt::Debug + 'static,
    H: FnMut(&T) -> Option<P> + Send,
{
    fn deal(
        &mut self,
        key: &mut Option<KeyOf<T>>,
        index: &Index<P>,
        lanes: &mut Lanes<T>,
        coming: &mut Drain<'_, T>,
        out: &mut Dispatched<T>,
    ) {
        match key {
            Some(key) => deal_by(self, |event| Some(key(event)), index, lanes, coming, out),
            None => deal_by(self, |_| None, index, lanes, coming, out),
        }
    }
}

/// Compiled once more for where there are no keys.
#[inline]
fn deal_by<T, P: Eq + Hash + fmt::Debug + 'static>(
    mut hash: impl FnMut(&T) -> Option<P>,
    mut key: impl FnMut(&T) -> Option<u64>,
    index: &Index<P>,
    lanes: &mut Lanes<T>,
    coming: &mut Drain<'_, T>,
    out: &mut Dispatched<T>,
) {
    while lanes.is_wanting()
        && let Some(event) = coming.as_slice().first()
    {
        let name = hash(event);
        let key = if name.is_some() { key(event) } else { None };
        let at = name.as_ref().map_or(usize::MAX, |name| index.place(name));
        let Some(event) = coming.next() else {
            return;
        };
        let Some(name) = name else {
            out.unwanted += drop_all([event]);
            continue;
        };
        if let Err(event) = lanes.put(at, key, event, out) {
            reject(&name, event, out);
        }
    }
}

#[cold]
fn reject<T, P: fmt::Debug>(name: &P, event: T, out: &mut Dispatched<T>) {
    out.reject(event);
    let told = || format!("the hash names an unknown partition: {name:?}");
    let told = catch_unwind(AssertUnwindSafe(told));
    let unprintable = |_| "the hash names an unknown partition, which can't be printed".to_owned();
    out.warn(told.unwrap_or_else(unprintable));
}
