//! Which ends are followed by a restart, how all stop, and what can't start.

use std::time::Duration;

use stage::Restart::{Permanent, Temporary, Transient};
use stage::{Directive, Exit, Producer, Restart, SpawnError, Strategy, producer, supervisor};

use crate::worker::{Diary, Do, Unlucky, until, worker, worker_with};

/// Lets a child end in some way, and tells whether it was restarted.
async fn is_restarted(restart: Restart, order: Do, directive: Directive) -> bool {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let unlucky = Unlucky::default();
    let child = worker_with("a", &workers, restart, &diary, directive, &unlucky);
    let _reply = child.call(order).await;
    until(|| child.exit().is_some() || workers.children()[0].restarts == 1).await;
    let lives = child.exit().is_none();
    workers.stop().await;
    lives
}

#[tokio::test(start_paused = true)]
async fn the_kind_of_child_decides_which_ends_are_followed_by_a_restart() {
    for (restart, after_failure, after_end) in [
        (Permanent, true, true),
        (Transient, true, false),
        (Temporary, false, false),
    ] {
        let restarted = async |order| is_restarted(restart, order, Directive::Restart).await;
        assert_eq!(restarted(Do::Panic).await, after_failure, "{restart:?}");
        assert_eq!(restarted(Do::Complete).await, after_end, "{restart:?}");
        assert_eq!(restarted(Do::Stop).await, after_end, "{restart:?}");
        // The behaviour itself says that it is over.
        assert!(!is_restarted(restart, Do::Panic, Directive::Stop).await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handle_ends_stays_ended() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up", "c up", "d up"]).await;
    assert!(matches!(a.stop().await, Exit::Stopped));
    assert!(matches!(
        b.drain(Duration::from_secs(1)).await.exit,
        Exit::Stopped
    ));
    c.abort();
    assert!(matches!(c.join().await, Exit::Aborted));
    until(|| workers.children().len() == 1).await;
    assert_eq!(diary.take(), ["a down", "b down"]);
    d.call(Do::Panic).await.unwrap_err();
    diary.reads(&["d up"]).await;
    workers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_stop_in_time_is_aborted() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let [a, b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
    a.cast(Do::Hang).unwrap();
    let start = tokio::time::Instant::now();
    assert!(matches!(workers.stop().await, Exit::Stopped));
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(matches!(a.join().await, Exit::Aborted));
    assert!(matches!(b.join().await, Exit::Stopped));
}

#[tokio::test(start_paused = true)]
async fn children_come_and_go_at_any_time() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let named = |name| {
        producer(stage_of(&diary))
            .named(name)
            .supervised_by(&workers, Temporary)
            .spawn()
    };
    let (first, _second) = (named("first").unwrap(), named("second").unwrap());
    assert!(matches!(named("second"), Err(SpawnError::NameTaken(_))));
    let names = || {
        workers
            .children()
            .into_iter()
            .map(|child| child.name.to_string())
    };
    assert_eq!(names().collect::<Vec<_>>(), ["first", "second"]);
    first.stop().await;
    until(|| workers.children().len() == 1).await;
    let _first_again = named("first").unwrap();
    assert_eq!(names().collect::<Vec<_>>(), ["second", "first"]);
    workers.stop().await;
    assert!(matches!(named("third"), Err(SpawnError::SupervisorEnded)));
}

fn stage_of(_: &Diary) -> impl Producer<Out = usize> {
    struct Silent;
    impl Producer for Silent {
        type Out = usize;
        async fn handle_demand(
            &mut self,
            _: usize,
            _: &mut stage::Context<usize>,
        ) -> stage::Result {
            Ok(())
        }
    }
    Silent
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_to_be_restarted_needs_a_factory() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    for restart in [Permanent, Transient] {
        let spawned = producer(stage_of(&diary))
            .supervised_by(&workers, restart)
            .spawn();
        assert!(matches!(spawned, Err(SpawnError::NoFactory)));
    }
    assert!(workers.children().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_nobody_has_any_more_ends() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForOne).spawn().unwrap();
    let a = worker("a", &workers, Permanent, &diary);
    drop(workers);
    // Its child keeps it alive.
    a.call(Do::Panic).await.unwrap_err();
    diary.reads(&["a up", "a up"]).await;
    a.stop().await;
}
