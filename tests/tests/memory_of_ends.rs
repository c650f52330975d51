//! What a stage that has ended keeps: nothing. It stands alone, as it looks at the memory of its whole process.

use stage::{Context, Producer, Result, producer};

struct Quiet;

impl Producer for Quiet {
    type Out = usize;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

/// Returns the pages of memory that this process holds.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1);
    resident.and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

async fn spawn_and_stop(count: usize) {
    for _ in 0..count {
        let stage = producer(Quiet).spawn().expect("it needs no name");
        stage.stop().await;
    }
}

#[tokio::test]
async fn a_stage_that_has_ended_keeps_no_memory() {
    spawn_and_stop(1_000).await;
    let before = resident();
    spawn_and_stop(20_000).await;
    let pages = resident().saturating_sub(before);
    // Kept mailboxes would be 11,000 pages.
    assert!(pages < 3_000, "{pages} pages more after 20,000 stages");
}
