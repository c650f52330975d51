//! What is handed out, in what order, and how much of it.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use crawler::frontier::{Fate, NewUrl, Next, Record, Site, UrlHash, Written};

use crate::world::{Engine, World, fetched, names, page, pages, polite, seconds};

pub(crate) async fn each_url_is_handed_out_once<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::unlimited("h");
    assert_eq!(world.add([page(&site, 1), page(&site, 1)]).await, 1);
    assert_eq!(world.add([page(&site, 1), page(&site, 2)]).await, 1);
    let first = world.leases(10).await;
    assert_eq!(world.add(pages(&site, 2)).await, 0, "they are leased");
    let link = page(&site, 1);
    let outcomes = first
        .into_iter()
        .map(|lease| fetched(lease).with_links([link.clone()]));
    let settled = world.settle(outcomes.collect()).await;
    assert_eq!((settled.outcomes, settled.links), (2, 0));
    assert_eq!(world.add(pages(&site, 2)).await, 0, "they are done");
    assert_eq!(world.leases(10).await, []);
}

pub(crate) async fn the_older_goes_first_and_before_it_the_more_urgent<E: Engine>() {
    let world = World::<E>::new().await;
    world.frontier.seeded().await.unwrap();
    let site = polite("h");
    world
        .add([page(&site, 5).at_depth(2), page(&site, 3).at_depth(1)])
        .await;
    world
        .add([page(&site, 4).at_depth(1), page(&site, 1)])
        .await;
    let urls = world.drain().await;
    assert_eq!(
        urls,
        ["http://h/1", "http://h/3", "http://h/4", "http://h/5"]
    );
}

pub(crate) async fn a_polite_site_gives_one_url_at_a_time<E: Engine>() {
    let world = World::<E>::new().await;
    for name in ["a", "b", "c"] {
        world.add(pages(&polite(name), 5)).await;
    }
    let leases = world.leases(100).await;
    let sites: BTreeSet<_> = leases.iter().map(|lease| lease.site).collect();
    assert_eq!((leases.len(), sites.len()), (3, 3));
    assert_eq!(world.leases(100).await, []);
}

pub(crate) async fn demand_is_never_exceeded<E: Engine>() {
    let world = World::<E>::new().await;
    world.add(pages(&Site::unlimited("h"), 50)).await;
    for name in ["a", "b", "c"] {
        world.add(pages(&polite(name), 2)).await;
    }
    let mut all = BTreeSet::new();
    for demand in [0, 1, 2, 3, 5, 8, 13] {
        let claims = world.claim(demand).await;
        assert_eq!(claims.leases.len(), demand);
        assert_eq!(claims.next, Next::Now, "more is due");
        all.extend(names(&claims.leases));
    }
    assert_eq!(all.len(), 32, "each of them once");
}

pub(crate) async fn an_unlimited_site_gives_all_that_is_asked_for_at_once<E: Engine>() {
    let world = World::<E>::new().await;
    // Far more than lanes, and in each a number of its own.
    let site = Site::unlimited("127.0.0.1").in_lanes(NonZeroU16::new(7).unwrap());
    world.add(pages(&site, 100)).await;
    let all: BTreeSet<_> = names(&world.leases(100).await).into_iter().collect();
    assert_eq!(all.len(), 100);
}

pub(crate) async fn links_come_with_their_page<E: Engine>() {
    let world = World::<E>::new().await;
    world.frontier.seeded().await.unwrap();
    let (here, there) = (polite("here"), polite("there"));
    world.add([page(&here, 1)]).await;
    let lease = world.lease().await;
    let links = [
        lease.link("http://here/2", here.clone()),
        lease.link("http://there/1", there),
        lease.link("http://here/1", here),
    ];
    let settled = world.settle(vec![fetched(lease).with_links(links)]).await;
    assert_eq!((settled.outcomes, settled.links), (1, 2));
    let now = world.leases(10).await;
    assert_eq!(names(&now), ["http://there/1"], "the other site is not due");
    world.finish(now).await;
    assert_eq!(world.drain().await, ["http://here/2"]);
}

/// A link that a rule refuses.
fn refused(site: &Site, number: usize) -> NewUrl {
    let mut record = Record::new(Fate::Refused);
    record.about = format!("{{\"number\":{number}}}");
    page(site, number).recorded(record)
}

pub(crate) async fn a_link_with_a_record_is_done_with_its_page<E: Engine>() {
    let world = World::<E>::new().await;
    let (site, other) = (Site::unlimited("h"), polite("other"));
    world.add([page(&site, 1)]).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    let links = [refused(&site, 2), refused(&other, 1), page(&site, 3)];
    let settled = world.settle(vec![fetched(lease).with_links(links)]).await;
    assert_eq!((settled.outcomes, settled.links), (1, 3));
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.known, stats.queued, stats.refused), (4, 1, 2));
    // It is known as any other, whoever finds it again.
    assert_eq!(world.add([page(&site, 2), page(&other, 1)]).await, 0);
    assert_eq!(world.drain().await, ["http://h/3"]);
    assert_eq!(world.next().await, Next::Done);
}

pub(crate) async fn a_record_of_a_link_that_is_known_gives_all_back<E: Engine>() {
    let world = World::<E>::new().await;
    let site = Site::unlimited("h");
    world.add([page(&site, 1), page(&site, 2)]).await;
    let leases = world.leases(1).await;
    let before = world.frontier.stats().await.unwrap();
    let written = |bytes| {
        vec![Written {
            file: "pages.jsonl".to_owned(),
            bytes,
        }]
    };
    let links = [refused(&site, 2), refused(&site, 3)];
    let outcomes = leases
        .into_iter()
        .map(|lease| fetched(lease).with_links(links.clone()));
    let settled = world
        .frontier
        .settle(outcomes.collect(), written(30))
        .await
        .unwrap();
    assert_eq!((settled.outcomes, settled.links), (0, 0));
    assert_eq!(
        world.frontier.stats().await.unwrap(),
        before,
        "nothing was done"
    );
    assert_eq!(settled.refused[0].links, [refused(&site, 3)]);

    let settled = world
        .frontier
        .settle(settled.refused, written(20))
        .await
        .unwrap();
    assert_eq!((settled.outcomes, settled.links, settled.late), (1, 1, 0));
    assert_eq!(world.frontier.written().await.unwrap(), written(20));
    let stats = world.frontier.stats().await.unwrap();
    assert_eq!((stats.fetched, stats.refused, stats.known), (1, 1, 3));
}

pub(crate) async fn a_url_is_handed_out_as_it_was_put_in<E: Engine>() {
    let world = World::<E>::new().await;
    let url = "http://h/%7e?a=b#'\"\u{e9}\u{1f980}";
    let mut new = NewUrl::seed(url, polite("h"))
        .known_as("http://h/~")
        .at_depth(300);
    (new.priority, new.hops) = (-7, 3);
    new.referrer = Some(UrlHash::of("http://h/from"));
    new.chain = Some(UrlHash::of("http://h/begin"));
    world.add([new.clone()]).await;
    let lease = world.lease().await;
    assert_eq!((lease.url.as_str(), lease.site), (url, new.site.id()));
    assert_eq!((lease.hash, lease.depth), (UrlHash::of("http://h/~"), 300));
    assert_eq!((lease.priority, lease.hops), (-7, 3));
    assert_eq!((lease.referrer, lease.chain), (new.referrer, new.chain));
    assert_eq!((lease.attempts, lease.lost), (0, 0));
}

pub(crate) async fn a_site_keeps_the_lanes_it_began_with<E: Engine>() {
    let world = World::<E>::new().await;
    world.add([page(&polite("h"), 1)]).await;
    world.add(pages(&Site::unlimited("h"), 9)).await;
    let lease = world.lease().await;
    assert_eq!(world.leases(10).await, [], "one at a time");
    world.finish([lease]).await;
    assert_eq!(world.next().await, Next::After(seconds(1)));
}
