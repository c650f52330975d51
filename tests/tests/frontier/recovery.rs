//! What is remembered over a crash and over a clean stop.

use crawler::frontier::{
    Asks, Clock as _, FrontierError, Job, LEASE, Lease, Next, Outcome, RobotsCopy, Site, State,
    Written,
};

use crate::world::{Engine, World, fetched, names, page, pages, polite, seconds};

pub(crate) async fn what_was_settled_before_a_crash_stays_settled<E: Engine>() {
    let mut world = World::<E>::new().await;
    let site = Site::unlimited("h");
    world.add(pages(&site, 30)).await;
    world.frontier.seeded().await.unwrap();
    let mut done = Vec::new();
    for _crash in 0..3 {
        let mut leases = world.leases(8).await;
        let _lost_with_the_process = leases.split_off(5);
        done.extend(names(&leases));
        let link = page(&site, 100 + done.len());
        let outcomes = leases
            .into_iter()
            .map(|lease| fetched(lease).with_links([link.clone()]));
        world.settle(outcomes.collect()).await;
        world = world.crash().await;
    }
    let before = world.frontier.stats().await.unwrap();
    assert_eq!((before.known, before.fetched), (33, 15));
    assert_eq!((before.queued, before.leased), (18, 0));
    done.extend(world.drain().await);
    done.sort();
    done.dedup();
    assert_eq!(done.len(), 33, "each was fetched");
    assert_eq!(world.frontier.stats().await.unwrap().fetched, 33, "once");
}

pub(crate) async fn what_was_leased_before_a_crash_is_due_when_it_is_polite<E: Engine>() {
    let world = World::<E>::new().await;
    let slow = Site::polite("slow", seconds(100));
    world.add(pages(&slow, 3)).await;
    world.add(pages(&polite("quick"), 1)).await;
    world.add(pages(&Site::unlimited("own"), 1)).await;
    let leases = world.leases(3).await;
    let slow = leases
        .into_iter()
        .filter(|lease| lease.url.contains("slow"));
    world.finish(slow).await;
    world.clock.forward(seconds(5));
    let world = world.crash().await;
    let at_once = world.claim(5).await;
    assert_eq!(names(&at_once.leases), ["http://own/1"], "it has no delay");
    world.finish(at_once.leases).await;
    let next = world.claim(5).await.next;
    assert_eq!(next, Next::After(seconds(1)), "it may just have been asked");
    world.clock.forward(seconds(1));
    let leases = world.leases(5).await;
    assert_eq!(names(&leases), ["http://quick/1"]);
    world.finish(leases).await;
    assert_eq!(world.next().await, Next::After(seconds(94)), "as before");
}

pub(crate) async fn what_was_being_asked_at_a_crash_rests_as_it_did_last<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 5)).await;
    // By a crawl delay of its own, or as slow as it is.
    let lease = world.lease().await;
    let rested = fetched(lease).resting(seconds(20));
    world.settle(vec![rested]).await;
    world.clock.forward(seconds(20));
    let _lost = world.lease().await;
    world.clock.forward(seconds(7));
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(20)));
    world.clock.forward(seconds(3));
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(17)), "once");
    world.clock.forward(seconds(17));
    // A wait that it asked for once was kept; after that a shorter one will do.
    let lease = world.lease().await;
    let pushed_back = Outcome::retry(lease, seconds(0)).resting(seconds(3_600));
    world.settle(vec![pushed_back]).await;
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(3_600)));
    world.clock.forward(seconds(3_600));
    let _lost = world.lease().await;
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(120)));
    world.clock.forward(seconds(120));
    let lease = world.lease().await;
    world.finish([lease]).await;
    world.clock.forward(seconds(1));
    let _lost = world.lease().await;
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(1)), "as it is now");
}

pub(crate) async fn what_comes_to_a_site_that_was_being_asked_at_a_crash_waits_too<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    world.add([page(&polite("other"), 1)]).await;
    let mut leases = world.leases(2).await;
    leases.sort_by_key(|lease| lease.url.clone());
    let last = leases.swap_remove(0);
    let world = world.crash().await;
    // A late answer to all that it has.
    assert_eq!(world.finish([last]).await.outcomes, 1);
    world.add([page(&polite("h"), 2)]).await;
    assert_eq!(world.claim(5).await.next, Next::After(seconds(1)));
    world.clock.forward(seconds(1));
    assert_eq!(world.leases(5).await.len(), 2);
}

pub(crate) async fn a_site_that_was_given_back_rests_after_a_crash_as_it_did_last<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&Site::polite("h", seconds(0)), 3)).await;
    let last = world.lease().await;
    world.clock.forward(LEASE);
    let lease = world.lease().await;
    world.frontier.release(vec![lease]).await.unwrap();
    // A late answer, whose rest was over before that.
    let late = fetched(last).aged(seconds(2)).resting(seconds(1));
    assert_eq!(world.settle(vec![late]).await.outcomes, 1);
    let _lost = world.lease().await;
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(1)));
}

pub(crate) async fn a_lane_whose_last_url_had_a_late_answer_is_not_due_after_a_crash<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    world.frontier.seeded().await.unwrap();
    let last = world.lease().await;
    world.clock.forward(LEASE);
    let _lost = world.lease().await;
    assert_eq!(world.finish([last]).await.outcomes, 1);
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::Done);
}

pub(crate) async fn what_was_not_asked_before_a_stop_is_due_as_it_was<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::polite("h", seconds(10));
    world.add(pages(&site, 3)).await;
    let lease = world.lease().await;
    world.frontier.release(vec![lease]).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.next().await, Next::Now, "it was never asked");
    let lease = world.lease().await;
    world.finish([lease]).await;
    world.clock.forward(seconds(4));
    let world = world.restart().await;
    assert_eq!(world.next().await, Next::After(seconds(6)));
}

pub(crate) async fn a_clock_that_went_back_over_a_stop_lets_no_site_rest_for_longer<E: Engine>() {
    let world = World::<E>::new().await;
    let wide = Site::unlimited("wide");
    for site in [polite("rests"), polite("asked"), wide.clone()] {
        world.add([page(&site, 1)]).await;
    }
    for lease in world.leases(3).await {
        match &*lease.url {
            "http://asked/1" => drop(lease),
            "http://rests/1" => {
                let retry = Outcome::retry(lease, seconds(0)).resting(seconds(30));
                world.settle(vec![retry]).await;
            }
            _ => {
                let long = fetched(lease).resting(seconds(60));
                world.settle(vec![long]).await;
            }
        }
    }
    world.add([page(&polite("fresh"), 1)]).await;
    // The retry goes back into its queue.
    assert_eq!(world.next().await, Next::Now);
    world.clock.back(seconds(36_000));
    let world = world.crash().await;
    world.add(pages(&wide, 20)).await;
    let turns = [(0, "fresh"), (1, "asked"), (29, "rests"), (30, "wide")];
    for (wait, site) in turns {
        if wait > 0 {
            assert_eq!(world.next().await, Next::After(seconds(wait)), "{site}");
        }
        world.clock.forward(seconds(wait));
        let leases = world.leases(100).await;
        assert!(!leases.is_empty(), "{site}");
        let is_its = |lease: &Lease| lease.url.contains(site);
        assert!(leases.iter().all(is_its), "{site}: {leases:?}");
        world.finish(leases).await;
    }
}

pub(crate) async fn a_crawl_goes_on_after_a_clean_stop<E: Engine>() {
    let job = Job {
        config: "{\"depth\":3}".to_owned(),
        pages: Some(50),
        bytes: Some(1 << 40),
    };
    let world = World::<E>::with(job.clone()).await;
    world.add(pages(&polite("h"), 3)).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    world.frontier.release(vec![lease]).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.frontier.job().await.unwrap(), job);
    assert_eq!(
        world.add(pages(&polite("h"), 4)).await,
        1,
        "the rest is known"
    );
    assert_eq!(world.drain().await.len(), 4);
    let world = world.restart().await;
    assert_eq!(world.frontier.stats().await.unwrap().state, State::Done);
    assert_eq!(world.next().await, Next::Done);
}

pub(crate) async fn a_retry_is_remembered_over_a_crash<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    let lease = world.lease().await;
    world.settle(vec![Outcome::retry(lease, seconds(60))]).await;
    let world = world.crash().await;
    assert_eq!(world.next().await, Next::After(seconds(60)));
    world.clock.forward(seconds(60));
    assert_eq!(world.lease().await.attempts, 1);
}

pub(crate) async fn a_crash_counts_as_a_loss_and_three_are_no_urls<E: Engine>() {
    let mut world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    for lost in [0, 0, 0, 0, 1, 2] {
        assert_eq!(world.asked().await.lost, lost);
        world = world.crash().await;
        world.clock.forward(seconds(1));
    }
    assert!(world.lease().await.is_poison());
}

pub(crate) async fn what_was_never_asked_for_is_never_poison<E: Engine>() {
    for site in [polite("h"), Site::unlimited("h")] {
        let crashed = async |world: World<E>| {
            let world = world.crash().await;
            world.clock.forward(seconds(1));
            world
        };
        let mut world = World::<E>::new().await;
        world.add([page(&site, 1)]).await;
        for _crash in 0..12 {
            assert_eq!(world.lease().await.lost, 0, "{site:?}");
            world = crashed(world).await;
        }
        // A loss before it is asked for again is not its own.
        assert_eq!(world.asked().await.lost, 0, "{site:?}");
        for _crash in 0..3 {
            world = crashed(world).await;
            assert_eq!(world.lease().await.lost, 1, "{site:?}");
        }
        // And no loss is where robots.txt alone was to be asked for.
        world = crashed(world).await;
        let lease = world.lease().await;
        let asks = world.frontier.asks(lease.key(), Asks::RobotsAlone);
        asks.await.unwrap();
        for _crash in 0..2 {
            world = crashed(world).await;
            let lease = world.lease().await;
            assert_eq!((lease.lost, lease.is_suspect), (0, false), "{site:?}");
        }
    }
}

pub(crate) async fn robots_are_kept_until_they_are_replaced<E: Engine>() {
    let world = World::<E>::new().await;
    let authority = "http://h:80";
    assert_eq!(world.frontier.robots(authority).await.unwrap(), None);
    let mut copy = RobotsCopy {
        status: 200,
        body: b"User-agent: *\nDisallow: /\xff\0".to_vec(),
        fetched_at: world.clock.now(),
        expires_at: world.clock.now() + seconds(86_400),
        tries: 0,
    };
    let keep = world.frontier.keep_robots(authority, copy.clone());
    keep.await.unwrap();
    (copy.status, copy.tries) = (503, 2);
    let keep = world.frontier.keep_robots(authority, copy.clone());
    keep.await.unwrap();
    let world = world.crash().await;
    world.clock.forward(seconds(100_000));
    let kept = world.frontier.robots(authority).await.unwrap();
    assert_eq!(kept, Some(copy), "also when it has expired");
    assert_eq!(world.frontier.robots("http://h:81").await.unwrap(), None);
}

pub(crate) async fn written_bytes_are_those_of_the_last_settle<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&Site::unlimited("h"), 2)).await;
    assert_eq!(world.frontier.written().await.unwrap(), []);
    let file = |file: &str, bytes| Written {
        file: file.to_owned(),
        bytes,
    };
    for bytes in [100, 250] {
        let lease = world.lease().await;
        let written = vec![file("pages.jsonl", bytes), file("b.warc.gz", 7)];
        let settled = world.frontier.settle(vec![fetched(lease)], written).await;
        assert_eq!(settled.unwrap().outcomes, 1);
    }
    let world = world.crash().await;
    let written = world.frontier.written().await.unwrap();
    assert_eq!(written, [file("b.warc.gz", 7), file("pages.jsonl", 250)]);
}

pub(crate) async fn a_closed_frontier_says_so<E: Engine>() {
    let world = World::<E>::new().await;
    world.frontier.close().await.unwrap();
    let add = world.frontier.add(pages(&polite("h"), 1)).await;
    assert!(matches!(add, Err(FrontierError::Closed)), "{add:?}");
    let stats = world.frontier.stats().await;
    assert!(matches!(stats, Err(FrontierError::Closed)), "{stats:?}");
    let again = world.frontier.close().await;
    assert!(matches!(again, Err(FrontierError::Closed)), "{again:?}");
}
