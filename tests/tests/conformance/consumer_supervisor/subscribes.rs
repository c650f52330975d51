//! A supervisor subscribes like any consumer.

use stage::{Demand, Exit};

use super::children::*;
use crate::fixtures::*;

#[tokio::test]
async fn gs_199_a_supervisor_subscribes_like_any_consumer() {
    let case = case(Demand::default());
    let second = case
        .supervisor
        .subscribe_to(&case.source, Demand::default());
    assert!(second.is_ok());
}

#[test]
fn gs_200_bad_windows_are_refused() {
    assert!(Demand::new(0, 0).is_err() && Demand::new(1000, 2000).is_err());
}

/// GS-201 and GS-203: a name is looked up before anything is subscribed, so an unknown one harms no stage.
#[tokio::test]
async fn gs_201_203_an_unknown_name_is_an_error_at_the_look_up() {
    let case = case(Demand::default());
    assert!(case.stages.registry().outlet::<usize>("nobody").is_err());
    assert!(case.supervisor.exit().is_none());
}

#[tokio::test]
async fn gs_202_permanent_on_an_ended_producer_ends_the_supervisor() {
    let case = case(temporary());
    case.source.stop().await;
    case.supervisor
        .subscribe_to(&case.source, permanent())
        .unwrap();
    assert!(matches!(case.supervisor.join().await, Exit::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn gs_204_temporary_on_an_ended_producer_leaves_it_alive() {
    let case = case(temporary());
    case.source.stop().await;
    case.supervisor
        .subscribe_to(&case.source, temporary())
        .unwrap();
    rest().await;
    assert!(case.supervisor.exit().is_none());
    assert!(matches!(case.supervisor.stop().await, Exit::Stopped));
}
