//! Leases: that they run out, are renewed, given back and lost, and what comes too late.

use std::num::NonZeroU16;
use std::task::Poll;

use crawler::frontier::{LEASE, Next, Outcome, POISON, Site, Written};

use crate::lane::SUSPECTS_TOGETHER;
use crate::world::{Engine, World, fetched, names, page, pages, polite, seconds};

pub(crate) async fn a_lease_that_runs_out_is_handed_out_again<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    let first = world.lease().await;
    let almost = LEASE - seconds(1);
    assert_eq!(world.next().await, Next::After(LEASE));
    world.clock.forward(almost);
    assert_eq!(world.leases(1).await, []);
    world.clock.forward(seconds(1));
    let second = world.lease().await;
    assert_eq!(first.url, second.url);
    assert_ne!(first.key(), second.key());
    assert_eq!(world.frontier.stats().await.unwrap().leased, 1);
}

pub(crate) async fn a_renewed_lease_is_kept_and_a_lost_one_is_told<E: Engine>() {
    let world = World::<E>::new().await;
    world
        .add([page(&polite("a"), 1), page(&polite("b"), 1)])
        .await;
    let leases = world.leases(2).await;
    let [kept, lost] = [leases[0].key(), leases[1].key()];
    world.clock.forward(seconds(20));
    let renewed = world.frontier.renew(vec![kept, kept]).await.unwrap();
    assert_eq!(renewed, []);
    world.clock.forward(seconds(20));
    let again = world.lease().await;
    assert_eq!(again.site, leases[1].site);
    assert_eq!(world.leases(1).await, [], "the other was renewed");
    let renewed = world.frontier.renew(vec![kept, lost]).await.unwrap();
    assert_eq!(renewed, [lost]);
}

pub(crate) async fn a_late_answer_to_a_url_that_is_done_is_ignored<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    let first = world.lease().await;
    world.clock.forward(LEASE);
    let second = world.lease().await;
    world.finish([second]).await;
    let late = world.finish([first]).await;
    assert_eq!((late.outcomes, late.late), (0, 1));
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.fetched, stats.queued, stats.leased), (1, 0, 0));
}

pub(crate) async fn a_late_answer_to_a_url_that_is_leased_anew_counts_and_frees_nothing<
    E: Engine,
>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    let first = world.lease().await;
    world.clock.forward(LEASE);
    let second = world.lease().await;
    assert_eq!(first.url, second.url);
    assert_eq!(world.finish([first]).await.outcomes, 1);
    world.clock.forward(seconds(2));
    assert_eq!(world.leases(1).await, [], "the site is still being asked");
    assert_eq!(world.finish([second]).await.late, 1);
    world.clock.forward(seconds(1));
    assert_eq!(names(&world.leases(1).await), ["http://h/2"]);
}

pub(crate) async fn a_lane_whose_last_url_has_a_late_answer_is_never_due<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    let first = world.lease().await;
    world.clock.forward(LEASE);
    let again = world.lease().await;
    world.frontier.release(vec![again]).await.unwrap();
    world.finish([first]).await;
    let second = world.lease().await;
    world.clock.forward(LEASE);
    let again = world.lease().await;
    world.frontier.release(vec![again]).await.unwrap();
    world.frontier.seeded().await.unwrap();
    assert_eq!(world.finish([second]).await.outcomes, 1);
    assert_eq!(world.next().await, Next::Done);
}

pub(crate) async fn a_record_that_comes_too_late_is_given_back_with_all_that_came_with_it<
    E: Engine,
>() {
    let world = World::<E>::new().await;
    let (slow, quick) = (polite("slow"), Site::unlimited("quick"));
    world.add([page(&slow, 1)]).await;
    let first = world.lease().await;
    world.clock.forward(LEASE);
    let second = world.lease().await;
    world.finish([second]).await;
    world.add([page(&quick, 1)]).await;
    let other = world.lease().await;
    let before = world.frontier.stats().await.unwrap();

    let file = |bytes| {
        vec![Written {
            file: "pages.jsonl".to_owned(),
            bytes,
        }]
    };
    let link = page(&quick, 2);
    let outcomes = vec![fetched(first).with_links([link]).read(7), fetched(other)];
    let settled = world.frontier.settle(outcomes, file(20)).await.unwrap();
    assert_eq!((settled.outcomes, settled.late, settled.links), (0, 1, 0));
    assert_eq!(
        world.frontier.stats().await.unwrap(),
        before,
        "nothing was done"
    );
    assert_eq!(world.frontier.written().await.unwrap(), []);
    let records = settled
        .refused
        .iter()
        .filter_map(|outcome| outcome.record().map(|_| outcome.lease.url.as_str()));
    assert_eq!(records.collect::<Vec<_>>(), ["http://quick/1"]);

    let settled = world
        .frontier
        .settle(settled.refused, file(10))
        .await
        .unwrap();
    assert_eq!((settled.outcomes, settled.late, settled.links), (1, 1, 1));
    assert_eq!(settled.refused, []);
    assert_eq!(world.frontier.written().await.unwrap(), file(10));
    assert_eq!(names(&world.leases(5).await), ["http://quick/2"]);
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.fetched, stats.queued, stats.leased), (2, 1, 1));
}

pub(crate) async fn a_late_retry_is_ignored<E: Engine>() {
    let world = World::<E>::new().await;
    world.frontier.seeded().await.unwrap();
    world.add([page(&polite("h"), 1)]).await;
    let first = world.lease().await;
    world.clock.forward(LEASE);
    let second = world.lease().await;
    let late = world.settle(vec![Outcome::retry(first, seconds(1))]).await;
    assert_eq!((late.outcomes, late.late), (0, 1));
    assert_eq!(world.finish([second]).await.outcomes, 1);
    assert_eq!(world.next().await, Next::Done, "no second copy waits");
}

pub(crate) async fn released_urls_are_handed_out_at_once_as_if_never_leased<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    for _round in 0..5 {
        let lease = world.lease().await;
        assert_eq!((lease.url.as_str(), lease.lost), ("http://h/1", 0));
        world.frontier.release(vec![lease]).await.unwrap();
        assert_eq!(world.frontier.stats().await.unwrap().leased, 0);
    }
}

pub(crate) async fn a_lane_that_is_given_back_with_nothing_queued_is_never_due<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    let first = world.lease().await;
    world.clock.forward(LEASE);
    let second = world.lease().await;
    world.add([page(&polite("other"), 1)]).await;
    let _other = world.lease().await;
    let late = fetched(first).resting(seconds(10));
    assert_eq!(world.settle(vec![late]).await.outcomes, 1);
    world.frontier.release(vec![second]).await.unwrap();
    assert_eq!(world.next().await, Next::After(LEASE), "the other's lease");
}

pub(crate) async fn a_lane_is_free_when_all_its_urls_are_back<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::unlimited("h").in_lanes(NonZeroU16::new(2).unwrap());
    world.add(pages(&site, 20)).await;
    let mut leases = world.leases(20).await;
    let (first, last) = (leases.remove(0), leases.remove(0));
    world.finish(leases).await;
    world.frontier.release(vec![first]).await.unwrap();
    world.settle(vec![Outcome::retry(last, seconds(0))]).await;
    let rest = world.leases(20).await;
    assert_eq!(rest.len(), 2, "each is handed out once more");
    assert_eq!(world.leases(20).await, []);
}

pub(crate) async fn a_url_that_is_lost_alone_three_times_more_than_its_lane_is_poison<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    // The first three are of the lane.
    for lost in [0, 0, 0].into_iter().chain(0..POISON) {
        let lease = world.asked().await;
        assert_eq!((lease.lost, lease.is_poison()), (lost, false));
        world.clock.forward(LEASE);
    }
    let lease = world.lease().await;
    assert!(lease.is_poison());
    world.finish([lease]).await;
    world.clock.forward(seconds(1));
    let next = world.lease().await;
    assert_eq!((next.url.as_str(), next.lost), ("http://h/2", 0));
}

pub(crate) async fn a_lane_that_is_lost_three_times_gives_one_url_at_a_time<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::unlimited("h").in_lanes(NonZeroU16::new(2).unwrap());
    world.add(pages(&site, 20)).await;
    for _loss in 0..3 {
        assert_eq!(world.leases(20).await.len(), 20);
        world.clock.forward(LEASE);
    }
    let suspects = world.leases(20).await;
    // Of each lane one; of URLs so many together.
    let expected = if E::LANES_OF_ONE_URL {
        SUSPECTS_TOGETHER
    } else {
        2
    };
    assert_eq!(suspects.len(), expected);
    assert_eq!(world.leases(20).await, []);
    world.add([page(&site, 21)]).await;
    let others = world.leases(20).await.len();
    assert_eq!(
        others,
        usize::from(E::LANES_OF_ONE_URL),
        "what was never lost"
    );
    // Each of the others has its turn; those of a lane are not suspected any more when one of them is back.
    let most = if E::LANES_OF_ONE_URL {
        SUSPECTS_TOGETHER
    } else {
        20
    };
    let mut seen = names(&suspects);
    world.finish(suspects).await;
    for _turn in 0..20 {
        let suspects = world.leases(20).await;
        assert!(suspects.len() <= most);
        seen.extend(names(&suspects));
        world.finish(suspects).await;
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() >= 20, "{seen:?}");
}

pub(crate) async fn a_claim_that_nobody_waits_for_gives_its_urls_back<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&polite("h"), 1)).await;
    for is_answered in [false, true] {
        loop {
            let claim = world.frontier.claim(1);
            futures::pin_mut!(claim);
            // It is sent, and then dropped with its answer to come, or unread.
            if let Poll::Ready(read) = futures::poll!(claim) {
                // The writer was quicker than this look at its answer: once more.
                world.frontier.release(read.unwrap().leases).await.unwrap();
                continue;
            }
            if is_answered {
                tests::until("the claim is answered", async || {
                    let stats = world.frontier.stats().await.unwrap();
                    (stats.leased == 1).then_some(())
                })
                .await;
            }
            break;
        }
        let found = tests::until("the URL is due again", async || world.leases(1).await.pop());
        let lease = found.await;
        assert_eq!(lease.lost, 0, "and no loss was counted");
        world.frontier.release(vec![lease]).await.unwrap();
    }
}
