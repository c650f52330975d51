//! A dispatcher of one's own: each subscription has a priority, and an event goes to the highest that has asked.
//! First as the value it is, then through the laws of dispatchers, then under a stage. Prints:
//!
//! ```text
//! priority 9 gets ["a", "b"]
//! priority 1 gets ["c"]
//! the laws hold
//! high [1, 2, 3, 4]
//! low [5, 6]
//! ```

use std::num::NonZeroUsize;

use stage::protocol::{Dispatched, Dispatcher};
use stage::test_util::dispatcher_laws;
use stage::{Refused, SubscriptionId};

/// Serves the highest priority first, and of equal ones the one that subscribed first.
///
/// Bad at fairness: one that asks for ever starves all below it.
#[derive(Debug, Default)]
struct Priority(Vec<Line>);

/// A subscription; the lines stand in the order in which they are served.
#[derive(Debug)]
struct Line {
    id: SubscriptionId,
    priority: u8,
    asked: usize,
}

impl<T> Dispatcher<T> for Priority {
    /// Its priority; a subscription that says nothing has the lowest.
    type Key = u8;

    fn subscribe(&mut self, id: SubscriptionId, priority: Option<u8>) -> Result<(), Refused> {
        let line = Line {
            id,
            priority: priority.unwrap_or(0),
            asked: 0,
        };
        let place = self
            .0
            .partition_point(|other| other.priority >= line.priority);
        self.0.insert(place, line);
        Ok(())
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Dispatched<T>) {
        self.0.retain(|line| line.id != id);
    }

    fn ask(&mut self, id: SubscriptionId, n: usize, _: &mut Dispatched<T>) {
        if let Some(line) = self.0.iter_mut().find(|line| line.id == id) {
            line.asked = line.asked.saturating_add(n);
        }
    }

    fn wanted(&self) -> usize {
        self.0
            .iter()
            .fold(0, |sum, line| sum.saturating_add(line.asked))
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Dispatched<T>) {
        for line in self.0.iter_mut().filter(|line| line.asked > 0) {
            if events.is_empty() {
                return;
            }
            let n = line.asked.min(events.len());
            line.asked -= n;
            out.deliveries.push((line.id, events.drain(..n).collect()));
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (low, high) = (SubscriptionId::next(), SubscriptionId::next());
    let (mut priority, mut out) = (Priority::default(), Dispatched::default());
    for (id, key) in [(low, 1), (high, 9)] {
        Dispatcher::<&str>::subscribe(&mut priority, id, Some(key))?;
        priority.ask(id, 2, &mut out);
    }
    priority.dispatch(&mut vec!["a", "b", "c"], &mut out);
    for (id, events) in &out.deliveries {
        println!(
            "priority {} gets {events:?}",
            if *id == high { 9 } else { 1 }
        );
    }

    dispatcher_laws(Priority::default, |n| n, |event| *event)
        .keys(3, |n| u8::try_from(n).ok())
        .check()
        .assert();
    println!("the laws hold");

    let numbers = stage::from_iter(1..=6)
        .dispatcher(Priority::default())
        .accumulate()
        .spawn()?;
    let mut low = numbers.with_key(1).subscribe();
    let mut high = numbers.with_key(9).subscribe();
    let four = NonZeroUsize::MIN.saturating_add(3);
    low.request(four);
    high.request(four);
    numbers.set_demand_mode(stage::DemandMode::Forward);
    println!("high {:?}", high.next().await?.unwrap_or_default());
    println!("low {:?}", low.next().await?.unwrap_or_default());
    Ok(())
}
