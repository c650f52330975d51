//! What is remembered over a crash and over a clean stop.

use crawler::frontier::{
    Clock as _, FrontierError, Job, Next, Outcome, RobotsCopy, Site, State, Written,
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
    let mut leases = world.leases(2).await;
    leases.sort_by_key(|lease| lease.url.clone());
    let slow = leases.pop().unwrap();
    world.finish([slow]).await;
    let world = world.crash().await;
    let at_once = world.claim(5).await;
    assert_eq!(names(&at_once.leases), ["http://quick/1"]);
    world.finish(at_once.leases).await;
    assert_eq!(world.next().await, Next::After(seconds(100)));
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
        assert_eq!(world.lease().await.lost, lost);
        world = world.crash().await;
    }
    assert!(world.lease().await.is_poison());
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
