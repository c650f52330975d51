//! Suspects, as a file has them: what was lost three times is at work with some others like it, what was lost so once more by
//! itself, and blamed for what it was asked for alone.

use std::collections::BTreeMap;

use crawler::frontier::{Asks, LEASE, Lease, NewUrl, Next, Site};

use crate::sqlite::File;
use crate::world::{World, fetched, names, page, pages, polite, seconds};

/// Two sites of one lane, and one of many with two pages.
fn all() -> Vec<NewUrl> {
    let mut all = pages(&Site::unlimited("wide"), 2);
    all.extend(["a", "b"].map(|name| page(&polite(name), 1)));
    all
}

async fn crashed(world: World<File>) -> World<File> {
    let world = world.crash().await;
    world.clock.forward(seconds(1));
    world
}

/// A crawl of all of them, that crashed three times while all were on lease.
async fn of_suspects() -> World<File> {
    let mut world = World::<File>::new().await;
    world.add(all()).await;
    for _crash in 0..3 {
        assert_eq!(world.leases(9).await.len(), 4);
        world = crashed(world).await;
    }
    world
}

/// The same, after one more crash while all were at work together.
async fn of_lone_suspects() -> World<File> {
    let world = of_suspects().await;
    let leases = world.leases(9).await;
    assert_eq!(leases.len(), 4);
    for lease in leases {
        assert!(lease.is_suspect);
        let asks = world.frontier.asks(lease.key(), Asks::Page);
        asks.await.unwrap();
    }
    crashed(world).await
}

/// Claims the one that may be at work.
async fn suspect(world: &World<File>) -> Lease {
    let mut leases = world.leases(9).await;
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert!(leases[0].is_suspect);
    leases.remove(0)
}

#[tokio::test]
async fn some_suspects_are_at_work_together_and_the_next_when_one_is_done() {
    let mut world = World::<File>::new().await;
    world.add(pages(&Site::unlimited("wide"), 20)).await;
    for _crash in 0..3 {
        assert_eq!(world.leases(30).await.len(), 20);
        world = crashed(world).await;
    }
    let mut at_work = world.leases(30).await;
    assert_eq!(at_work.len(), 16);
    assert_eq!(world.leases(30).await, []);
    world.add([page(&polite("new"), 1)]).await;
    let other = world.lease().await;
    assert!(!other.is_suspect, "what was never lost");
    world.finish([at_work.remove(0)]).await;
    assert!(world.lease().await.is_suspect);
    assert_eq!(world.leases(30).await, []);
}

#[tokio::test]
async fn one_of_those_that_were_lost_once_more_is_on_lease_and_all_else_beside_it() {
    let world = of_lone_suspects().await;
    world.frontier.seeded().await.unwrap();
    let mut seen = Vec::new();
    for left in (0..4).rev() {
        let first = suspect(&world).await;
        assert_eq!(world.next().await, Next::After(LEASE));
        world.add([page(&polite(&format!("new-{left}")), 1)]).await;
        let other = world.leases(9).await;
        assert_eq!(other.len(), 1, "what was never lost");
        assert!(!other[0].is_suspect);
        world.finish(other).await;
        seen.push(first.url.clone());
        world.finish([first]).await;
    }
    seen.sort();
    let mut expected: Vec<_> = all().into_iter().map(|url| url.url).collect();
    expected.sort();
    assert_eq!(seen, expected, "each has its turn");
    assert_eq!(world.next().await, Next::Done);
}

#[tokio::test]
async fn a_suspect_that_is_given_back_or_runs_out_lets_the_next_have_its_turn() {
    let world = of_lone_suspects().await;
    let first = suspect(&world).await;
    world.frontier.release(vec![first]).await.unwrap();
    let _lost = suspect(&world).await;
    assert_eq!(world.leases(9).await, []);
    world.clock.forward(LEASE);
    let again = suspect(&world).await;
    let renewed = world.frontier.renew(vec![again.key()]).await.unwrap();
    assert_eq!(renewed, []);
}

#[tokio::test]
async fn a_suspect_deep_in_a_site_is_found_again_when_it_was_given_back() {
    let mut world = World::<File>::new().await;
    let mut deep = page(&Site::unlimited("wide"), 1);
    deep.priority = 5;
    world.add([deep]).await;
    for _crash in 0..3 {
        world.lease().await;
        world = crashed(world).await;
    }
    let first = suspect(&world).await;
    world.frontier.release(vec![first]).await.unwrap();
    suspect(&world).await;
}

#[tokio::test]
async fn who_is_killed_again_and_again_is_killed_beside_another_each_time() {
    let mut world = of_lone_suspects().await;
    let mut lost = BTreeMap::new();
    for kill in 0..8 {
        let lease = suspect(&world).await;
        let asks = world.frontier.asks(lease.key(), Asks::Page);
        asks.await.unwrap();
        assert_eq!(lease.lost, kill / 4, "{}", lease.url);
        *lost.entry(lease.url).or_insert(0) += 1;
        world = crashed(world).await;
    }
    assert!(lost.values().all(|times| *times == 2), "{lost:?}");
    assert_eq!(lost.len(), 4);
}

#[tokio::test]
async fn a_url_that_kills_each_time_is_poison_after_three_turns() {
    let mut world = of_lone_suspects().await;
    let mut killed = 0;
    loop {
        let lease = suspect(&world).await;
        if lease.is_poison() {
            assert_eq!(names(&[lease]), ["http://b/1"]);
            break;
        }
        let asks = world.frontier.asks(lease.key(), Asks::Page);
        asks.await.unwrap();
        if lease.url == "http://b/1" {
            killed += 1;
            world = crashed(world).await;
        } else {
            world.finish([lease]).await;
        }
    }
    assert_eq!(killed, 3);
}

#[tokio::test]
async fn a_suspect_whose_robots_txt_is_asked_for_alone_holds_up_no_other() {
    let world = of_lone_suspects().await;
    let mut at_work = Vec::new();
    for _suspect in 0..4 {
        let lease = suspect(&world).await;
        let asks = world.frontier.asks(lease.key(), Asks::RobotsAlone);
        asks.await.unwrap();
        at_work.push(lease);
    }
    assert_eq!(world.leases(9).await, []);
    let world = crashed(world).await;
    let leases = world.leases(9).await;
    assert_eq!(leases.len(), 4);
    assert!(
        leases.iter().all(|lease| !lease.is_suspect),
        "it is forgotten"
    );
}

#[tokio::test]
async fn a_suspect_that_is_done_by_a_late_answer_and_given_back_is_waited_for_by_nobody() {
    let world = World::<File>::new().await;
    world.add([page(&Site::unlimited("wide"), 1)]).await;
    world.frontier.seeded().await.unwrap();
    let first = world.lease().await;
    for _loss in 0..2 {
        world.clock.forward(LEASE);
        let _lost = world.lease().await;
    }
    world.clock.forward(LEASE);
    let last = suspect(&world).await;
    let late = fetched(first).resting(seconds(60));
    assert_eq!(world.settle(vec![late]).await.outcomes, 1);
    world.frontier.release(vec![last]).await.unwrap();
    assert_eq!(world.claim(5).await.next, Next::Done);
}

#[tokio::test]
async fn a_suspect_that_is_done_by_a_late_answer_is_not_waited_for_beside_another() {
    let world = World::<File>::new().await;
    world.add([page(&polite("a"), 1)]).await;
    for loss in 0..3 {
        if loss == 2 {
            world.add([page(&Site::unlimited("wide"), 1)]).await;
        }
        let _lost = world.leases(9).await;
        world.clock.forward(LEASE);
    }
    world.frontier.seeded().await.unwrap();
    let mut late = world.leases(9).await;
    late.retain(|lease| lease.url == "http://wide/1");
    world.clock.forward(LEASE);
    let last = world.leases(9).await;
    assert_eq!(last.len(), 2, "the last of them is lost as its site rests");
    let rests = late
        .into_iter()
        .map(|lease| fetched(lease).resting(seconds(45)));
    assert_eq!(world.settle(rests.collect()).await.outcomes, 1);
    world.clock.forward(LEASE);
    let other = suspect(&world).await;
    assert_eq!(world.next().await, Next::After(LEASE));
    world.finish([other]).await;
    assert_eq!(world.next().await, Next::After(seconds(15)));
    world.clock.forward(seconds(15));
    assert_eq!(world.claim(9).await.next, Next::Done);
}
