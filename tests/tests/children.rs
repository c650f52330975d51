//! Supervised children that fetch from the slow API: their names, their slots and their ends.

use std::time::Duration;

use slow_api::Options;
use stage::{Demand, Exit, LookupError, SpawnError, Stages, consumer_supervisor, from_iter};
use tests::until;

#[tokio::test]
async fn a_child_ended_by_its_name_frees_its_slot() {
    let options = |delay| Options {
        port: 0,
        delay,
        ..Options::default()
    };
    let slow = slow_api::start(options(Duration::from_secs(3600))).await;
    let quick = slow_api::start(options(Duration::ZERO)).await;
    let (slow, quick) = (slow.expect("a port"), quick.expect("a port"));
    // One that is never answered, and with one slot the others wait for it.
    let mut targets = vec![format!("{}/api/crawl?url=stuck", slow.url())];
    targets.extend((1..=3).map(|page| format!("{}/api/crawl?url=page{page}", quick.url())));
    let stuck = targets[0].clone();

    let stages = Stages::new();
    let urls = from_iter(targets)
        .named("urls")
        .within(&stages)
        .spawn()
        .expect("a free name");
    let fetchers = consumer_supervisor(|url: String| async move {
        reqwest::get(url).await?.bytes().await?;
        Ok(())
    })
    .name_children(String::clone)
    .named("fetchers")
    .within(&stages)
    .subscribe_to(&urls, Demand::new(1, 0).expect("a window"))
    .spawn()
    .expect("a free name");

    until("the first is in flight", async || {
        (slow.stats().in_flight == 1).then_some(())
    })
    .await;
    assert_eq!(quick.stats().requests, 0, "its slot is the only one");
    let child = stages.registry().child(&stuck).expect("it lives");
    child.abort();
    let exit = tokio::time::timeout(Duration::from_secs(30), fetchers.join()).await;
    assert!(matches!(exit, Ok(Exit::Completed)), "{exit:?}");
    assert_eq!((quick.stats().requests, quick.stats().distinct), (3, 3));
    let gone = stages.registry().child(&stuck);
    assert!(
        matches!(gone, Err(LookupError::NotFound(_))),
        "its name is free"
    );
}

#[tokio::test]
async fn a_second_stage_under_a_live_name_is_refused() {
    let stages = Stages::new();
    let first = from_iter(0..).named("urls").within(&stages).spawn();
    let first = first.expect("the name is free");
    let second = from_iter(0..).named("urls").within(&stages).spawn();
    assert_eq!(second.err(), Some(SpawnError::NameTaken("urls".to_owned())));
    first.stop().await;
    let third = from_iter(0..).named("urls").within(&stages).spawn();
    assert!(third.is_ok(), "the name is free again");
}
