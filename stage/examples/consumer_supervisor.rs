//! A task for each event, two at a time: each end, a failure too, frees a slot, and the slot asks for the next event.
//!
//! ```text
//! start slow
//! start broken
//! fail  broken
//! start quick
//! end   quick
//! start last
//! end   slow
//! end   last
//! completed: 1 of 4 failed
//! ```

use std::time::Duration;

use stage::{Demand, Result};

#[derive(Clone, Copy)]
struct Job {
    name: &'static str,
    time: Duration,
    is_broken: bool,
}

const fn job(name: &'static str, millis: u64, is_broken: bool) -> Job {
    Job {
        name,
        time: Duration::from_millis(millis),
        is_broken,
    }
}

const JOBS: [Job; 4] = [
    job("slow", 300, false),
    job("broken", 100, true),
    job("quick", 100, false),
    job("last", 200, false),
];

async fn work(job: Job) -> Result {
    println!("start {}", job.name);
    tokio::time::sleep(job.time).await;
    if job.is_broken {
        println!("fail  {}", job.name);
        return Err("its disk is full".into());
    }
    println!("end   {}", job.name);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let jobs = stage::from_iter(JOBS).spawn()?;
    // At most two children run. A minimum of one asks after each end; a minimum of zero would wait for both.
    let children = stage::consumer_supervisor(work)
        .subscribe_to(&jobs, Demand::new(2, 1)?)
        .spawn()?;
    let exit = children.join().await;
    let failed = children.stats().failed;
    println!("{exit}: {failed} of {} failed", JOBS.len());
    Ok(())
}
