//! Every event to every consumer, at the pace of the slowest.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Dispatched, Dispatcher, Refused};
use crate::id::{BySubscription, SubscriptionId};
use crate::protocol::drop_all;

/// Says which events a subscription wants.
pub type Selector<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

/// Sends each event to every consumer whose selector takes it; all see the same order.
///
/// As many events flow as the consumer with the least demand has asked for, so one that is silent stops the others. An
/// event that a selector refuses costs its consumer no demand. A selector that panics ends its own subscription. Each
/// event is cloned for all consumers but the last: wrap large ones in an `Arc`. Source: GenStage 1.3
/// `BroadcastDispatcher`.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Broadcast, Demand, DemandMode, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(1..=6).dispatcher(Broadcast::new()).accumulate().spawn()?;
/// let all = numbers.stream(Demand::default());
/// let even = numbers.select(|n| n % 2 == 0).stream(Demand::default());
/// numbers.set_demand_mode(DemandMode::Forward);
/// let (all, even) = tokio::try_join!(all.try_collect::<Vec<_>>(), even.try_collect::<Vec<_>>())?;
/// assert_eq!((all, even), (vec![1, 2, 3, 4, 5, 6], vec![2, 4, 6]));
/// # Ok(())
/// # }
/// ```
pub struct Broadcast<T> {
    consumers: BySubscription<Taker<T>>,
    /// How many of them choose.
    choosing: usize,
    least: Least,
}

/// What the consumer with the least demand has asked for, and how many have asked for no more. It is looked for among all
/// only when the last of them has asked for more, after which all can be served.
#[derive(Debug, Clone, Copy)]
struct Least {
    asked: usize,
    count: usize,
}

impl Least {
    const NONE: Self = Self { asked: 0, count: 0 };

    /// Adds one who has asked for so much.
    fn join(&mut self, asked: usize) {
        if self.count == 0 || asked < self.asked {
            *self = Self { asked, count: 1 };
        } else if asked == self.asked {
            self.count += 1;
        }
    }

    /// Takes away one who had asked for so much; returns whether the least has to be looked for.
    #[must_use]
    fn leave(&mut self, asked: usize) -> bool {
        if asked == self.asked {
            self.count -= 1;
        }
        self.count == 0
    }
}

struct Taker<T> {
    id: SubscriptionId,
    asked: usize,
    selector: Option<Selector<T>>,
}

/// Which of a chunk's events one consumer takes.
enum Route {
    All,
    Some(Vec<bool>),
    /// Its selector panicked.
    Failed,
}

impl Route {
    fn of<T>(selector: Option<&Selector<T>>, events: &[T]) -> Self {
        let Some(selector) = selector else {
            return Self::All;
        };
        let select = || events.iter().map(|event| selector(event)).collect();
        catch_unwind(AssertUnwindSafe(select)).map_or(Self::Failed, Self::Some)
    }

    fn takes(&self, at: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(chosen) => chosen[at],
            Self::Failed => false,
        }
    }
}

impl<T> Broadcast<T> {
    /// Makes one without consumers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            consumers: BySubscription::new(),
            choosing: 0,
            least: Least::NONE,
        }
    }

    /// How many have to ask, at least, before all have.
    pub(super) const fn asks_needed(&self) -> usize {
        match self.least {
            Least { asked: 0, count } => count,
            _ => 1,
        }
    }

    fn look_for_least(&mut self) {
        self.least = Least::NONE;
        for (_, taker) in self.consumers.iter() {
            self.least.join(taker.asked);
        }
    }
}

impl<T> Default for Broadcast<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consumers = self.consumers.iter();
        let asked = consumers.map(|(id, taker)| (id, taker.asked));
        f.debug_map().entries(asked).finish()
    }
}

impl<T: Clone + Send + 'static> Broadcast<T> {
    /// Sends a chunk that every consumer has asked for, where none of them chooses.
    fn send_all(&mut self, events: Vec<T>, out: &mut Dispatched<T>) {
        self.least.asked -= events.len();
        let mut takers = self.consumers.values_mut().peekable();
        while let Some(taker) = takers.next() {
            if takers.peek().is_none() {
                return taker.serve(events, out);
            }
            let mut copy = out.lists.take();
            copy.extend_from_slice(&events);
            taker.serve(copy, out);
        }
    }

    /// Sends the next chunk, as the selectors say.
    fn select(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        // Every selector runs before anything changes, so that one that panics harms its own subscription alone.
        let chunk = &events[..self.least.asked.min(events.len())];
        let takers = self.consumers.iter().map(|(_, taker)| taker);
        let routes = takers.map(|taker| Route::of(taker.selector.as_ref(), chunk));
        let routes: Vec<Route> = routes.collect();
        if !routes.iter().all(|route| matches!(route, Route::Failed)) {
            let chunk = take_front(events, self.least.asked);
            self.send(chunk, &routes, out);
        }
        self.end_failed(&routes, out);
        self.look_for_least();
    }

    /// Sends a chunk that every consumer has asked for, to those who take it.
    fn send(&mut self, events: Vec<T>, routes: &[Route], out: &mut Dispatched<T>) {
        let whole = routes.iter().rposition(|route| matches!(route, Route::All));
        let mut last = None;
        for (at, (taker, route)) in self.consumers.values_mut().zip(routes).enumerate() {
            match route {
                Route::All if Some(at) == whole => last = Some(taker),
                Route::All => taker.serve(events.clone(), out),
                Route::Some(chosen) => {
                    let chosen = events.iter().zip(chosen).filter(|(_, chosen)| **chosen);
                    taker.serve(chosen.map(|(event, _)| event.clone()).collect(), out);
                }
                Route::Failed => {}
            }
        }
        if let Some(taker) = last {
            taker.serve(events, out);
        } else {
            let nobody = |at: &usize| !routes.iter().any(|route| route.takes(*at));
            out.unwanted += (0..events.len()).filter(nobody).count();
            drop_all(events);
        }
    }

    /// Forgets the subscriptions whose selectors panicked and reports them.
    fn end_failed(&mut self, routes: &[Route], out: &mut Dispatched<T>) {
        let failed = self.consumers.iter().zip(routes);
        let failed = failed.filter(|(_, route)| matches!(route, Route::Failed));
        let failed: Vec<_> = failed.map(|((id, _), _)| id).collect();
        for id in failed {
            self.consumers.remove(id);
            self.choosing -= 1;
            let refused = Refused::new("its selector panicked");
            out.fail(id, refused);
        }
    }
}

/// Moves the first `n` events out; all of them without a copy.
fn take_front<T>(events: &mut Vec<T>, n: usize) -> Vec<T> {
    if n >= events.len() {
        return std::mem::take(events);
    }
    let rest = events.split_off(n);
    std::mem::replace(events, rest)
}

impl<T> Taker<T> {
    fn serve(&mut self, batch: Vec<T>, out: &mut Dispatched<T>) {
        if !batch.is_empty() {
            self.asked -= batch.len();
            out.deliveries.push((self.id, batch));
        }
    }
}

impl<T: Clone + Send + 'static> Dispatcher<T> for Broadcast<T> {
    type Key = Selector<T>;

    fn subscribe(&mut self, id: SubscriptionId, key: Option<Selector<T>>) -> Result<(), Refused> {
        self.choosing += usize::from(key.is_some());
        let taker = Taker {
            id,
            asked: 0,
            selector: key,
        };
        self.consumers.insert(id, taker);
        self.least.join(0);
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
        if let Some(left) = self.consumers.remove(id) {
            self.choosing -= usize::from(left.selector.is_some());
            if self.least.leave(left.asked) {
                self.look_for_least();
            }
        }
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
        let Some(taker) = self.consumers.get_mut(id) else {
            return;
        };
        let before = taker.asked;
        taker.asked = before.saturating_add(n);
        let is_more = taker.asked > before;
        if is_more && self.least.leave(before) {
            self.look_for_least();
        }
    }

    fn joins_asks(&self) -> bool {
        true
    }

    fn wanted(&self) -> usize {
        self.least.asked
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        while !events.is_empty() {
            if self.least.asked == 0 {
                return;
            }
            if self.choosing == 0 {
                let chunk = take_front(events, self.least.asked);
                self.send_all(chunk, out);
            } else {
                self.select(events, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_that_panics_ends_its_own_subscription_alone() {
        let mut broadcast = Broadcast::new();
        let mut out = Dispatched::default();
        let [all, fails] = [(); 2].map(|()| SubscriptionId::next());
        let selector: Selector<u32> = Arc::new(|event| {
            assert!(*event != 2, "on purpose");
            true
        });
        for (id, selector) in [(all, None), (fails, Some(selector))] {
            broadcast.subscribe(id, selector).expect("all are served");
            broadcast.ask(id, 9, &mut out);
        }
        let mut events = vec![1, 2];
        broadcast.dispatch(&mut events, &mut out);
        assert_eq!(out.deliveries, [(all, vec![1, 2])]);
        assert_eq!(
            out.failed(),
            [(fails, Refused::new("its selector panicked"))]
        );
        assert_eq!((out.unwanted, broadcast.wanted()), (0, 7));
    }

    #[test]
    fn when_all_selectors_panic_the_events_wait() {
        let mut broadcast = Broadcast::new();
        let (mut out, id) = (Dispatched::default(), SubscriptionId::next());
        let panics: Selector<u32> = Arc::new(|_| panic!("on purpose"));
        broadcast
            .subscribe(id, Some(panics))
            .expect("all are served");
        broadcast.ask(id, 9, &mut out);
        let mut events = vec![1, 2];
        broadcast.dispatch(&mut events, &mut out);
        assert_eq!(
            (events, out.unwanted, out.failed().len()),
            (vec![1, 2], 0, 1)
        );
        assert!(out.deliveries.is_empty());
    }

    #[test]
    fn an_event_is_unwanted_when_every_selector_that_lives_refuses_it() {
        let mut broadcast = Broadcast::new();
        let mut out = Dispatched::default();
        let even: Selector<u32> = Arc::new(|event| event % 2 == 0);
        let panics: Selector<u32> = Arc::new(|_| panic!("on purpose"));
        for selector in [even, panics] {
            let id = SubscriptionId::next();
            broadcast
                .subscribe(id, Some(selector))
                .expect("all are served");
            broadcast.ask(id, 9, &mut out);
        }
        broadcast.dispatch(&mut vec![1, 2, 3], &mut out);
        assert_eq!((out.unwanted, broadcast.wanted()), (2, 8));
    }

    #[test]
    fn what_each_has_asked_can_be_printed() {
        let mut broadcast: Broadcast<u32> = Broadcast::new();
        let id = SubscriptionId::next();
        broadcast.subscribe(id, None).expect("all are served");
        broadcast.ask(id, 7, &mut Dispatched::default());
        assert_eq!(format!("{broadcast:?}"), format!("{{{id:?}: 7}}"));
    }
}
