//! Asks that come to more than a `usize` holds: no sum forgets any of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::DispatcherLaws;
use super::law::{Broken, Law};
use crate::id::SubscriptionId;
use crate::protocol::{Dispatched, Dispatcher};

/// Lets two subscriptions of each key, where they are not refused, ask for all there is twice, and leave one by one: as
/// long as one is there, as much is wanted.
pub(super) fn check<T, D: Dispatcher<T>>(laws: &DispatcherLaws<T, D>) -> Result<(), Broken> {
    let unpanicked = catch_unwind(AssertUnwindSafe(|| ask_and_leave(laws)));
    unpanicked.unwrap_or_else(|_| {
        let how = format!("asks of {} each made it panic", usize::MAX);
        Law::Saturation.expect(false, || how)
    })
}

fn ask_and_leave<T, D: Dispatcher<T>>(laws: &DispatcherLaws<T, D>) -> Result<(), Broken> {
    let (mut dispatcher, mut out) = ((laws.make)(), Dispatched::default());
    let keys = (0..laws.keys).chain(0..laws.keys);
    let mut live: Vec<SubscriptionId> = keys
        .filter_map(|key| {
            let id = SubscriptionId::next();
            let served = dispatcher.subscribe(id, (laws.key)(key));
            served.is_ok().then_some(id)
        })
        .collect();
    for id in live.iter().chain(&live) {
        dispatcher.ask(*id, usize::MAX, &mut out);
    }
    loop {
        let (left, wanted) = (live.len(), dispatcher.wanted());
        let expected = if left > 0 { usize::MAX } else { 0 };
        Law::Saturation.expect(wanted == expected, || {
            format!(
                "{left} have asked for {} each, and {wanted} are wanted",
                usize::MAX
            )
        })?;
        let Some(leaver) = live.pop() else {
            return Ok(());
        };
        dispatcher.cancel(leaver, &mut out);
    }
}
