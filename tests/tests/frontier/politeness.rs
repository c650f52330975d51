//! When a site may be asked again, and a URL be tried again.

use crawler::frontier::{Fate, Next, Outcome, Record, Site};

use crate::world::{Engine, World, fetched, names, page, pages, polite, seconds};

pub(crate) async fn a_site_rests_from_the_end_of_a_fetch<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&Site::polite("h", seconds(10)), 3)).await;
    let lease = world.lease().await;
    world.clock.forward(seconds(5));
    // The fetch ended four seconds ago.
    world.settle(vec![fetched(lease).aged(seconds(4))]).await;
    assert_eq!(world.next().await, Next::After(seconds(6)));
    world.clock.forward(seconds(6));
    let lease = world.lease().await;
    world.finish([lease]).await;
    assert_eq!(world.next().await, Next::After(seconds(10)));
}

pub(crate) async fn a_site_rests_as_long_as_it_asks_in_all_its_lanes<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::unlimited("h");
    world.add(pages(&site, 20)).await;
    let [lease, running] = <[_; 2]>::try_from(world.leases(2).await).unwrap();
    world
        .settle(vec![fetched(lease).resting(seconds(60))])
        .await;
    world.add([page(&site, 21)]).await;
    assert_eq!(world.next().await, Next::After(seconds(60)));
    world.finish([running]).await;
    assert_eq!(world.next().await, Next::After(seconds(60)));
    world.clock.forward(seconds(60));
    assert_eq!(world.leases(100).await.len(), 19);

    let short = Site::polite("short", seconds(10));
    world.add(pages(&short, 2)).await;
    let lease = world.lease().await;
    world.settle(vec![fetched(lease).resting(seconds(2))]).await;
    let next = world.next().await;
    assert_eq!(next, Next::After(seconds(10)), "its own delay is longer");
}

pub(crate) async fn a_retry_waits_and_holds_no_lane<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    let lease = world.lease().await;
    let retry = Outcome::retry(lease, seconds(5)).aged(seconds(1));
    world.settle(vec![retry]).await;
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.queued, stats.delayed, stats.leased), (1, 1, 0));
    let other = world.lease().await;
    assert_eq!(other.url, "http://h/2", "the delay began a second ago");
    world.finish([other]).await;
    assert_eq!(world.next().await, Next::After(seconds(4)));
    world.clock.forward(seconds(4));
    let again = world.lease().await;
    assert_eq!((again.url.as_str(), again.attempts), ("http://h/1", 1));
}

pub(crate) async fn a_url_is_fetched_again_behind_what_is_queued<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::polite("h", seconds(0));
    world.add(pages(&site, 2)).await;
    let mut urls = Vec::new();
    for _fetch in 0..6 {
        let leases = world.leases(1).await;
        urls.extend(names(&leases));
        let again = leases
            .into_iter()
            .map(|lease| Outcome::again(lease, Record::new(Fate::Fetched), seconds(1)));
        world.settle(again.collect()).await;
        world.clock.forward(seconds(1));
    }
    let turns = ["http://h/1", "http://h/2"];
    assert_eq!(urls, [turns, turns, turns].concat());
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.fetched, stats.known), (6, 2));
}

pub(crate) async fn a_clock_that_goes_back_is_not_followed<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    let lease = world.lease().await;
    world.finish([lease]).await;
    world.clock.forward(seconds(1));
    assert_eq!(world.next().await, Next::Now);
    world.clock.back(seconds(3_600));
    assert_eq!(names(&world.leases(1).await), ["http://h/2"]);
}
