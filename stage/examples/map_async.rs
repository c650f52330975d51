//! Two look-ups at once, with a deadline for each: a name that is broken or dead is skipped, and the answers leave in
//! the order of the names. The answer for `quick` waits in its place for `slow`, so `broken` is asked only then, and
//! `last` waits for the deadline of `dead`.
//!
//! ```text
//! ask    slow
//! ask    quick
//! answer quick
//! answer slow
//! ask    broken
//! ask    dead
//! ask    last
//! got    slow.example
//! got    quick.example
//! answer last
//! got    last.example
//! completed: 2 of 5 failed
//! ```

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::TryStreamExt;
use stage::{Demand, Order, Result, from_iter, map_async};
use tokio::time::sleep;

const NAMES: [&str; 5] = ["slow", "quick", "broken", "dead", "last"];

async fn look_up(name: &str) -> Result<String> {
    println!("ask    {name}");
    match name {
        "slow" => sleep(Duration::from_millis(200)).await,
        "broken" => return Err("no such name".into()),
        "dead" => std::future::pending().await,
        _ => sleep(Duration::from_millis(50)).await,
    }
    println!("answer {name}");
    Ok(format!("{name}.example"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let names = from_iter(NAMES).spawn()?;
    let at_once = NonZeroUsize::new(2).ok_or("it is not zero")?;
    let answers = map_async(at_once, Order::Ordered, look_up)
        .deadline(Duration::from_millis(400))
        .subscribe_to(&names, Demand::new(4, 2)?)
        .spawn()?;
    let mut stream = answers.stream(Demand::default());
    while let Some(answer) = stream.try_next().await? {
        println!("got    {answer}");
    }
    let (exit, failed) = (answers.join().await, answers.stats().failed);
    println!("{exit}: {failed} of {} failed", NAMES.len());
    Ok(())
}
