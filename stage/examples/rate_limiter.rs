//! A producer-consumer that lets three events through in each tenth of a second: it asks for itself.
//!
//! ```text
//! 0 ms: 1
//! 0 ms: 2
//! 0 ms: 3
//! 100 ms: 4
//! 100 ms: 5
//! 100 ms: 6
//! 200 ms: 7
//! ```

use std::time::{Duration, Instant};

use stage::{
    Asking, Batch, Context, Demand, Handler, ProducerConsumer, Result, Subscribe, SubscriptionId,
};
use tokio_stream::StreamExt;

const EVENTS_MAX: usize = 3;
const PERIOD: Duration = Duration::from_millis(100);

/// Asks for what is left of the allowance when a period begins; what has not arrived by then stays asked for.
struct RateLimiter {
    outstanding: usize,
}

struct PeriodBegins(SubscriptionId);

impl ProducerConsumer for RateLimiter {
    type In = u32;
    type Out = u32;

    async fn handle_subscribe(
        &mut self,
        subscription: SubscriptionId,
        asking: Asking,
        cx: &mut Context<u32>,
    ) -> Result<Asking> {
        self.handle(PeriodBegins(subscription), cx).await;
        Ok(asking)
    }

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, u32>,
        cx: &mut Context<u32>,
    ) -> Result {
        self.outstanding -= events.len();
        cx.emit_all(events);
        Ok(())
    }
}

impl Handler<PeriodBegins, u32> for RateLimiter {
    type Reply = ();

    async fn handle(&mut self, message: PeriodBegins, cx: &mut Context<u32>) {
        cx.ask(message.0, EVENTS_MAX - self.outstanding);
        self.outstanding = EVENTS_MAX;
        cx.cast_after::<Self, _>(PERIOD, message);
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let numbers = stage::from_iter(1..=7).spawn()?;
    let limiter = stage::producer_consumer(RateLimiter { outstanding: 0 })
        .subscribe_to(&numbers, Subscribe::default().manual())
        .spawn()?;
    let start = Instant::now();
    let mut limited = limiter.stream(Demand::default());
    while let Some(n) = limited.try_next().await? {
        let periods = start.elapsed().as_millis() / PERIOD.as_millis();
        println!("{} ms: {n}", periods * PERIOD.as_millis());
    }
    Ok(())
}
