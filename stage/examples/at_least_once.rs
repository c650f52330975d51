//! A consumer that dies with events in its hands: each of them comes again, to the consumer that starts in its place. A
//! parcel that nobody can deliver is given up after three attempts.
//!
//! ```text
//! van 1: to Ada
//! van 1: breaks down with Ben
//! van 2: to Ben
//! van 2: nobody at Nemo
//! van 2: nobody at Nemo
//! van 2: nobody at Nemo
//! van 2: to Cleo
//! van 2: to Dora
//! completed: 1 of 5 given up
//! Nemo: failed: there is no such street
//! ```

use std::num::{NonZeroU32, NonZeroUsize};

use futures::TryStreamExt;
use stage::{
    Acked, Batch, Consumer, Context, Demand, Result, consumer_with, dead_letters, from_iter,
    redeliver,
};

const PARCELS: [&str; 5] = ["Ada", "Ben", "Nemo", "Cleo", "Dora"];

struct Van(u32);

impl Consumer for Van {
    type In = Acked<&'static str>;

    async fn handle_events(&mut self, events: &mut Batch<'_, Self::In>, _: &mut Context) -> Result {
        let Self(van) = self;
        for Acked { data, ack } in events {
            match (*van, data) {
                (1, "Ben") => {
                    println!("van {van}: breaks down with {data}");
                    return Err("no fuel".into());
                }
                (_, "Nemo") => {
                    println!("van {van}: nobody at {data}");
                    ack.fail("there is no such street");
                }
                _ => {
                    println!("van {van}: to {data}");
                    ack.acknowledge();
                }
            }
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let letters = dead_letters().spawn()?;
    let parcels = from_iter(PARCELS).spawn()?;
    let on_the_road_max = NonZeroUsize::new(10).ok_or("it is not zero")?;
    let attempts = NonZeroU32::new(3).ok_or("it is not zero")?;
    let depot = redeliver(on_the_road_max, attempts)
        .give_up_to(&letters)
        .subscribe_to(&parcels, Demand::default())
        .spawn()?;
    let mut vans = 0;
    let next_van = move || {
        vans += 1;
        Van(vans)
    };
    consumer_with(next_van)
        .subscribe_to(&depot, Demand::one_by_one(1)?)
        .spawn()?;
    let (exit, count) = (depot.join().await, depot.stats().failed);
    println!("{exit}: {count} of {} given up", PARCELS.len());
    let mut given_up = letters.stream(Demand::default());
    if let Some(letter) = given_up.try_next().await? {
        println!("{}: {}", letter.event, letter.failure);
    }
    Ok(())
}
