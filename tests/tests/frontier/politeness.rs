//! When a site may be asked again, and a URL be tried again.

use std::time::Duration;

use crawler::frontier::{ABORT_AFTER, Fate, LEASE, Lease, Next, Outcome, Record, Site};
use crawler::policy::welcome::Welcome;

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

pub(crate) async fn a_site_that_was_not_asked_needs_no_rest<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&Site::polite("h", seconds(10)), 3)).await;
    let lease = world.lease().await;
    let refused = Outcome::done(lease, Record::new(Fate::Refused));
    world.settle(vec![refused.unasked()]).await;
    let lease = world.lease().await;
    world.finish([lease]).await;
    assert_eq!(world.next().await, Next::After(seconds(10)), "it was asked");
}

pub(crate) async fn a_site_whose_lease_runs_out_has_rested_from_its_holders_last_request<
    E: Engine,
>() {
    let world = World::<E>::new().await;
    let rests = [("short", 5), ("long", 20), ("longer", 600)];
    for (name, delay) in rests {
        world
            .add(pages(&Site::polite(name, seconds(delay)), 2))
            .await;
    }
    let mut keys = Vec::new();
    for lease in world.leases(3).await {
        keys.push(lease.key());
    }
    for is_renewed in [false, true] {
        if is_renewed {
            world.clock.forward(seconds(10));
            let lost = world.frontier.renew(keys.clone()).await.unwrap();
            assert_eq!(lost, []);
        }
        assert_eq!(world.claim(9).await.next, Next::After(LEASE));
    }
    let mut waited = Duration::ZERO;
    for (name, delay) in rests {
        let due = LEASE.max(ABORT_AFTER + seconds(delay));
        assert_eq!(world.claim(9).await.next, Next::After(due - waited));
        world.clock.forward(due - waited);
        waited = due;
        let leases = world.leases(9).await;
        assert_eq!(names(&leases), [format!("http://{name}/1")]);
        let done = leases.into_iter().map(fetched);
        world.settle(done.map(Outcome::unasked).collect()).await;
        let leases = world.leases(9).await;
        let done = leases.into_iter().map(fetched);
        world.settle(done.map(Outcome::unasked).collect()).await;
    }
}

pub(crate) async fn a_site_whose_lease_runs_out_rests_as_it_did_last<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 3)).await;
    let lease = world.lease().await;
    let rested = fetched(lease).resting(seconds(30));
    world.settle(vec![rested]).await;
    world.clock.forward(seconds(30));
    let _lost = world.lease().await;
    let due = ABORT_AFTER + seconds(30);
    assert_eq!(world.claim(9).await.next, Next::After(due));
    world.clock.forward(due);
    assert_eq!(world.leases(9).await.len(), 1);
}

const ASIDE: Welcome = Welcome::SetAside { status: 429 };

/// The outcome of a URL whose site asked for less, and is set aside by it.
fn sets_aside(lease: Lease) -> Outcome {
    let failed = Outcome::done(lease, Record::new(Fate::Failed));
    failed.resting(seconds(60)).welcomed(ASIDE)
}

pub(crate) async fn how_welcome_the_crawl_is_is_told_with_each_lease<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 3)).await;
    world.add(pages(&polite("other"), 3)).await;
    let welcome = Welcome::Open { pushbacks: 2 };
    for lease in world.leases(2).await {
        assert_eq!(lease.welcome, Welcome::default());
        let outcome = match lease.url.as_str() {
            "http://h/1" => Outcome::retry(lease, seconds(1)).welcomed(welcome),
            _ => fetched(lease),
        };
        world.settle(vec![outcome]).await;
    }
    let world = world.crash().await;
    world.clock.forward(seconds(1));
    for lease in world.leases(2).await {
        let is_other = lease.url.contains("other");
        let expected = if is_other {
            Welcome::default()
        } else {
            welcome
        };
        assert_eq!(lease.welcome, expected, "{}", lease.url);
        world.finish([lease]).await;
    }
    world.clock.forward(seconds(1));
    for lease in world.leases(2).await {
        let is_kept = lease.welcome == welcome || lease.url.contains("other");
        assert!(
            is_kept,
            "an outcome that says nothing of it changes nothing"
        );
    }
}

pub(crate) async fn a_site_that_is_set_aside_gives_all_its_urls_at_once<E: Engine>() {
    let world = World::<E>::new().await;
    let (aside, other) = (polite("aside"), polite("other"));
    world.add(pages(&aside, 30)).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    world.settle(vec![sets_aside(lease)]).await;
    let mut first = world.leases(10).await;
    assert_eq!(first.len(), 10, "no delay lies between them");
    assert!(first.iter().all(|lease| lease.welcome == ASIDE));
    assert_eq!(world.leases(10).await, [], "they are one lease");
    let given_back = first.pop().unwrap();
    world.frontier.release(vec![given_back]).await.unwrap();
    // Another site is asked as ever.
    world.add(pages(&other, 2)).await;
    let lease = world.lease().await;
    let link = lease.link("http://aside/link", aside);
    world.settle(vec![fetched(lease).with_links([link])]).await;
    let failed = |lease| Outcome::done(lease, Record::new(Fate::Failed)).unasked();
    world.settle(first.into_iter().map(failed).collect()).await;
    let rest = world.leases(100).await;
    assert_eq!(rest.len(), 21, "the other site rests: {rest:?}");
    assert!(rest.iter().all(|lease| lease.welcome == ASIDE));
    world.settle(rest.into_iter().map(failed).collect()).await;
    assert_eq!(world.next().await, Next::After(seconds(1)));
    // What comes only now is given at once, too.
    world.add([page(&polite("aside"), 99)]).await;
    assert_eq!(world.lease().await.welcome, ASIDE);
}

pub(crate) async fn a_site_that_was_set_aside_has_another_chance_when_it_is_polite<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 9)).await;
    let lease = world.lease().await;
    world.settle(vec![sets_aside(lease)]).await;
    let failed = |lease| Outcome::done(lease, Record::new(Fate::Failed)).unasked();
    let leases = world.leases(3).await;
    world.settle(leases.into_iter().map(failed).collect()).await;
    let _lost = world.leases(2).await;
    let world = world.restart().await;
    assert_eq!(world.next().await, Next::After(seconds(60)), "its own wait");
    world.clock.forward(seconds(60));
    let leases = world.leases(10).await;
    assert_eq!(leases.len(), 1, "one at a time again");
    assert_eq!(leases[0].welcome, Welcome::default());
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
