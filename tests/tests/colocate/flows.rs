//! What passes between members is what passes between stages of their own tasks: in order, on demand, to its end.

use stage::{Cancel, Demand, Exit, Group, consumer, from_iter, producer_consumer};

use crate::fixtures::{Keep, PlusOne, on_both};

#[test]
fn events_pass_in_order_to_their_end() {
    for (max, min) in [(1, 0), (10, 5), (1000, 500)] {
        on_both(|| async move {
            let group = Group::new();
            let demand = Demand::new(max, min).unwrap();
            let numbers = from_iter(0..3_000).colocate(&group).spawn().unwrap();
            let plus_one = producer_consumer(PlusOne).subscribe_to(&numbers, demand);
            let plus_one = plus_one.colocate(&group).spawn().unwrap();
            let keep = Keep::default();
            let sink = consumer(keep.clone()).subscribe_to(&plus_one, demand);
            let sink = sink.colocate(&group).spawn().unwrap();
            assert!(matches!(sink.join().await, Exit::Completed));
            assert!(matches!(plus_one.join().await, Exit::Completed));
            assert!(keep.kept().into_iter().eq(1..=3_000));
            assert_eq!(sink.edges()[0].delivered, 3_000);
            assert_eq!(plus_one.edges()[0].delivered, 3_000);
        });
    }
}

#[test]
fn a_member_is_sent_no_more_than_was_asked_and_ends_after_it() {
    on_both(|| async {
        let group = Group::new();
        let numbers = from_iter(0..).colocate(&group).spawn().unwrap();
        let plus_one =
            producer_consumer(PlusOne).subscribe_to(&numbers, Demand::one_by_one(7).unwrap());
        let plus_one = plus_one.colocate(&group).spawn().unwrap();
        let mut edge = plus_one.subscribe();
        edge.request(3.try_into().unwrap());
        let mut taken = Vec::new();
        while taken.len() < 3 {
            taken.extend(edge.next().await.unwrap().unwrap());
        }
        edge.cancel(Cancel::Normal);
        while let Ok(Some(more)) = edge.next().await {
            taken.extend(more);
        }
        assert_eq!(taken, [1, 2, 3]);
        assert_eq!((edge.stats().asked, edge.stats().delivered), (3, 3));
        assert!(matches!(numbers.stop().await, Exit::Stopped));
        plus_one.stop().await;
    });
}

#[test]
fn a_thousand_members_pass_all_on() {
    on_both(|| async {
        let group = Group::new();
        let demand = Demand::new(4, 2).unwrap();
        let numbers = from_iter(0..20).colocate(&group).accumulate();
        let numbers = numbers.spawn().unwrap();
        let first = producer_consumer(PlusOne).subscribe_to(&numbers, demand);
        let mut last = first.colocate(&group).spawn().unwrap();
        for _ in 2..999 {
            let next = producer_consumer(PlusOne).subscribe_to(&last, demand);
            last = next.colocate(&group).spawn().unwrap();
        }
        let keep = Keep::default();
        let sink = consumer(keep.clone()).subscribe_to(&last, demand);
        let sink = sink.colocate(&group).spawn().unwrap();
        numbers.set_demand_mode(stage::DemandMode::Forward);
        assert!(matches!(sink.join().await, Exit::Completed));
        assert!(keep.kept().into_iter().eq(998..1_018));
    });
}

#[test]
fn members_and_stages_of_their_own_tasks_are_joined_alike() {
    on_both(|| async {
        let (one, other) = (Group::new(), Group::new());
        let demand = Demand::one_by_one(2).unwrap();
        let numbers = from_iter(0..500).colocate(&one).spawn().unwrap();
        let alone = producer_consumer(PlusOne).subscribe_to(&numbers, demand);
        let alone = alone.spawn().unwrap();
        let plus_one = producer_consumer(PlusOne).subscribe_to(&alone, demand);
        let plus_one = plus_one.colocate(&other).spawn().unwrap();
        let keep = Keep::default();
        let sink = consumer(keep.clone()).subscribe_to(&plus_one, demand);
        let sink = sink.colocate(&one).spawn().unwrap();
        assert!(matches!(sink.join().await, Exit::Completed));
        assert!(keep.kept().into_iter().eq(2..502));
    });
}
