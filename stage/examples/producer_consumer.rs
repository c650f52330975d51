//! A → B → C: a counter, a stage that multiplies, a printer. Prints `[0, 2]`, `[4, 6]`, … and ends by itself.

use stage::{Batch, Consumer, Context, Demand, Producer, ProducerConsumer, Result};

struct Counter(u64);

impl Producer for Counter {
    type Out = u64;

    async fn handle_demand(&mut self, demand: usize, cx: &mut Context<u64>) -> Result {
        cx.emit_all((self.0..10).take(demand));
        self.0 += demand as u64;
        if self.0 >= 10 {
            cx.complete();
        }
        Ok(())
    }
}

struct Multiply(u64);

impl ProducerConsumer for Multiply {
    type In = u64;
    type Out = u64;

    async fn handle_events(
        &mut self,
        events: &mut Batch<'_, u64>,
        cx: &mut Context<u64>,
    ) -> Result {
        cx.emit_all(events.map(|n| n * self.0));
        Ok(())
    }
}

struct Print;

impl Consumer for Print {
    type In = u64;

    async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
        println!("{:?}", events.as_slice());
        Ok(())
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let a = stage::producer(Counter(0)).spawn()?;
    let b = stage::producer_consumer(Multiply(2))
        .subscribe_to(&a, Demand::new(4, 2)?)
        .spawn()?;
    let c = stage::consumer(Print)
        .subscribe_to(&b, Demand::new(4, 2)?)
        .spawn()?;
    println!("{}", c.join().await);
    Ok(())
}
