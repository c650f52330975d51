//! The table of contests: what runs beside what, and what has to be reached. A new row is a line here and a program.

use crate::contest::Unit::{
    Bytes, Microseconds, MillionPerSecond, Milliseconds, NanosecondsPerEvent,
};
use crate::contest::{Contest, Flow, Goal, Unit};
use crate::{actors, by_hand, channels, resident, staged};

/// The sections of the report that are drawn.
pub(crate) const TWO_STAGES: &str = "Producer → consumer";
pub(crate) const IN_A_ROW: &str = "Stages in a row";
pub(crate) const IN_ONE_TASK: &str = "Co-located stages";
pub(crate) const MANY_CONSUMERS: &str = "Many consumers of one producer";

/// The least share of a hand-written program's speed, and the longest a hand-written program's time may be stretched.
const SHARE: Goal = Goal::RatioAtLeast(0.8);
const STRETCH: Goal = Goal::RatioAtMost(1.25);

/// All contests, in the order of the report.
pub(crate) fn contests() -> Vec<Contest> {
    let mut contests = Vec::new();
    contests.extend([1, 10, 100, 1000].map(two_stages));
    contests.extend([1, 10, 100, 1000].map(|max| in_one_task((0, max))));
    contests.extend([(1, 1), (1, 1000), (4, 1000), (16, 1000)].map(in_one_task));
    contests.extend([1, 1000].map(fused));
    contests.extend([(1, 1), (4, 1), (16, 1)].map(in_a_row));
    contests.extend([(1, 1000), (4, 1000), (16, 1000), (64, 1000)].map(in_a_row));
    contests.extend([10, 1000].into_iter().flat_map(to_four));
    contests.extend([children(), latency_hot(), latency_rested()]);
    contests.extend([memory(), start(), many_consumers(), many_partitions()]);
    contests
}

fn two_stages(max: usize) -> Contest {
    let flow = Flow {
        max,
        ..Flow::default()
    };
    let label = format!("max_demand {max}");
    Contest::new(TWO_STAGES, label, MillionPerSecond)
        .reference("by hand", by_hand::flow, flow)
        .ours("stage", staged::flow, flow, SHARE)
        .reference("tokio mpsc, by item", channels::tokio_by_item, flow)
        .reference("tokio mpsc, by Vec", channels::tokio_by_vec, flow)
        .reference("kanal, by item", channels::kanal_by_item, flow)
        .reference("kameo, one way", actors::kameo_one_way, flow)
        .reference("ractor, one way", actors::ractor_one_way, flow)
        .reference("stream chain, one task", channels::stream_chain, flow)
}

fn in_a_row((middles, max): (usize, usize)) -> Contest {
    let flow = Flow {
        max,
        middles,
        ..Flow::default()
    };
    let label = format!("{middles} producer-consumers, max_demand {max}");
    Contest::new(IN_A_ROW, label, MillionPerSecond)
        .reference("by hand", by_hand::flow, flow)
        .ours("stage", staged::flow, flow, SHARE)
        .reference("tokio mpsc, by item", channels::tokio_by_item, flow)
}

/// Co-located; beside them the same in tasks of their own.
fn in_one_task((middles, max): (usize, usize)) -> Contest {
    let flow = Flow {
        max,
        middles,
        ..Flow::default()
    };
    let label = format!("{middles} producer-consumers, max_demand {max}");
    Contest::new(IN_ONE_TASK, label, MillionPerSecond)
        .reference("by hand, co-located", by_hand::colocated, flow)
        .ours("stage, co-located", staged::colocated, flow, SHARE)
        .ours("stage", staged::flow, flow, None)
}

/// Three behaviours in one stage, beside what they would be without one.
fn fused(max: usize) -> Contest {
    let flow = Flow {
        max,
        middles: 1,
        ..Flow::default()
    };
    let label = format!("1 producer-consumer, max_demand {max}");
    Contest::new("Fused stages", label, MillionPerSecond)
        .reference("bare loop", by_hand::bare_loop, flow)
        .ours("stage, all fused", staged::fused, flow, None)
        .ours("stage, a fused pair", staged::fused_pair, flow, None)
        .ours("stage, co-located", staged::colocated, flow, None)
        .ours("stage", staged::flow, flow, None)
}

fn to_four(max: usize) -> [Contest; 3] {
    let flow = Flow {
        max,
        consumers: 4,
        ..Flow::default()
    };
    let contest = |dispatcher: &str| {
        let label = format!("{dispatcher} → 4, max_demand {max}");
        Contest::new("Dispatchers", label, MillionPerSecond)
    };
    [
        contest("Demand")
            .reference("by hand", by_hand::demand, flow)
            .ours("stage", staged::demand, flow, SHARE),
        contest("Broadcast")
            .reference("by hand", by_hand::broadcast, flow)
            .ours("stage", staged::broadcast, flow, SHARE),
        contest("Partition")
            .reference("by hand", by_hand::partition, flow)
            .ours("stage", staged::partition, flow, SHARE),
    ]
}

fn children() -> Contest {
    let flow = Flow {
        max: 1000,
        ..Flow::default()
    };
    let label = "a task for each event, 1,000 at once".to_owned();
    Contest::new("Children", label, MillionPerSecond)
        .reference("spawn and a counter", by_hand::children, flow)
        .ours("consumer_supervisor", staged::children, flow, SHARE)
        .ours("map_async", staged::mapped, flow, None)
        .reference("JoinSet", by_hand::join_set, flow)
}

fn latency_hot() -> Contest {
    let flow = pings(100_000);
    latency("one event at a time, hot, p50")
        .reference("by hand", by_hand::latency_hot, flow)
        .ours("stage", staged::latency_hot, flow, STRETCH)
}

fn latency_rested() -> Contest {
    let flow = pings(100);
    latency("one event at a time, 2 ms idle, p50")
        .reference("by hand", by_hand::latency_rested, flow)
        .ours("stage", staged::latency_rested, flow, None)
}

fn latency(label: &str) -> Contest {
    Contest::new(
        "Latency through three stages",
        label.to_owned(),
        Microseconds,
    )
}

const fn pings(events: usize) -> Flow {
    Flow {
        events,
        max: 10,
        middles: 1,
        consumers: 0,
    }
}

fn memory() -> Contest {
    idle("memory of a producer and its consumer", Bytes)
        .reference("by hand", resident::pair_by_hand, many(0))
        .ours(
            "stage",
            resident::pair_of_stages,
            many(0),
            Goal::FigureAtMost(3000.0),
        )
}

fn start() -> Contest {
    let flow = many(10_000);
    idle("start of 10,000", Milliseconds)
        .reference("by hand", by_hand::start, flow)
        .ours("stage", staged::start, flow, Goal::FigureAtMost(30.0))
}

fn idle(label: &str, unit: Unit) -> Contest {
    Contest::new("Idle stages", label.to_owned(), unit)
}

/// A flow whose events are not counted.
const fn many(consumers: usize) -> Flow {
    Flow {
        events: 1,
        max: 0,
        middles: 0,
        consumers,
    }
}

/// Each is compared with 100 consumers: what an event costs should not depend on how many there are.
fn many_consumers() -> Contest {
    let flow = |consumers| Flow {
        max: 10,
        consumers,
        ..Flow::default()
    };
    let label = "Demand → many, max_demand 10".to_owned();
    Contest::new(MANY_CONSUMERS, label, NanosecondsPerEvent)
        .ours("stage, 100", staged::demand, flow(100), None)
        .ours("stage, 1", staged::demand, flow(1), None)
        .ours("stage, 10", staged::demand, flow(10), None)
        .ours("stage, 1,000", staged::demand, flow(1_000), None)
        .ours(
            "stage, 10,000",
            staged::demand,
            flow(10_000),
            Goal::RatioAtMost(2.0),
        )
        .reference("by hand, 1", by_hand::demand, flow(1))
        .reference("by hand, 10", by_hand::demand, flow(10))
        .reference("by hand, 100", by_hand::demand, flow(100))
        .reference("by hand, 1,000", by_hand::demand, flow(1_000))
        .reference("by hand, 10,000", by_hand::demand, flow(10_000))
}

fn many_partitions() -> Contest {
    let flow = Flow {
        max: 10,
        consumers: 10_000,
        ..Flow::default()
    };
    let label = "10,000 partitions, max_demand 10".to_owned();
    Contest::new("Many partitions", label, NanosecondsPerEvent)
        .reference("by hand", by_hand::partition, flow)
        .ours("stage", staged::partition, flow, STRETCH)
}
