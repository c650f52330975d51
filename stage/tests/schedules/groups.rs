//! Stages that are driven from one task: what is sent to one from within or from outside gives it its turn.

use shuttle::future::spawn;
use stage::{Group, Stages, consumer, producer, producer_consumer};

use crate::explore::explore;
use crate::stages::{
    Middle, Push, Pushed, Seen, Sink, assert_conserved, assert_first, demand, take,
};

#[test]
fn what_comes_from_outside_passes_through_all_members() {
    explore(|| async {
        let (stages, group) = (Stages::new(), Group::new());
        let pushed = producer(Pushed).within(&stages).colocate(&group);
        let pushed = pushed.spawn().unwrap();
        let middle = producer_consumer(Middle::default()).within(&stages);
        let middle = middle.subscribe_to(&pushed, demand(2, 1)).colocate(&group);
        let middle = middle.spawn().unwrap();
        let pusher = pushed.clone();
        let pushing = spawn(async move {
            for event in 0..2 {
                pusher.cast(Push(event)).unwrap();
            }
        });
        let taken = take(&mut middle.subscribe(), 2).await;
        assert_first(&[&taken], 2);
        pushing.await.unwrap();
        pushed.stop().await;
        middle.join().await;
    });
}

#[test]
fn a_member_that_is_aborted_or_comes_late_stops_no_other() {
    explore(|| async {
        let (stages, group) = (Stages::new(), Group::new());
        let pushed = producer(Pushed).within(&stages).colocate(&group);
        let pushed = pushed.spawn().unwrap();
        let seen = [(); 2].map(|()| Seen::default());
        let join = |seen: &Seen| {
            let sink = consumer(Sink::new(seen)).within(&stages);
            let sink = sink.subscribe_to(&pushed, demand(2, 0));
            sink.colocate(&group).spawn().unwrap()
        };
        let aborted = join(&seen[0]);
        for event in 0..2 {
            pushed.cast(Push(event)).unwrap();
        }
        let abort = aborted.clone();
        let aborting = spawn(async move { abort.abort() });
        let late = join(&seen[1]);
        aborted.join().await;
        pushed.stop().await;
        late.join().await;
        aborting.await.unwrap();
        for (sink, seen) in [(&aborted, &seen[0]), (&late, &seen[1])] {
            assert_conserved(sink, seen.events().len());
        }
    });
}
