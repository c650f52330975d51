//! Who must go on: a sink that events reach, and how long it may take.
//!
//! A stage *drains* when what it emits is taken: a sink does, another when a consumer of it does, and one that sends
//! each event to all when all of them do. A stage *flows* when it drains and is a source, or has a producer that flows.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use stage::EdgeStats;

use super::churn::Churn;
use super::graph::{Graph, Member};

/// How long a sink that events reach may wait for one.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at whether all have gone on.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What each sink that flows had handled, and since when.
#[derive(Default)]
pub(super) struct Stalls(HashMap<u32, (u64, Instant)>);

fn handled(member: &Member) -> u64 {
    member.record.handled.load(Ordering::Relaxed)
}

fn flowing_sinks(graph: &Graph) -> Vec<&Member> {
    let mut consumers = HashMap::<u32, Vec<u32>>::new();
    for member in graph
        .members()
        .filter(|member| member.node.exit().is_none())
    {
        for link in &member.links {
            consumers
                .entry(link.from)
                .or_default()
                .push(member.record.at);
        }
    }
    let mut drains = HashSet::new();
    for member in graph.members().rev() {
        let mut below = consumers.get(&member.record.at).into_iter().flatten();
        let drained = |at: &u32| drains.contains(at);
        let is_drained = match (member.is_sink(), member.sends_to_all()) {
            (true, _) => true,
            (false, true) => below.clone().next().is_some() && below.all(drained),
            (false, false) => below.any(drained),
        };
        if is_drained {
            drains.insert(member.record.at);
        }
    }
    let mut flows = HashSet::new();
    for member in graph.members() {
        let is_fed =
            member.is_source() || member.links.iter().any(|link| flows.contains(&link.from));
        if is_fed && drains.contains(&member.record.at) && member.node.exit().is_none() {
            flows.insert(member.record.at);
        }
    }
    let is_flowing = |member: &&Member| flows.contains(&member.record.at);
    graph.layers[graph.layers.len() - 1]
        .iter()
        .filter(is_flowing)
        .collect()
}

impl Stalls {
    /// Looks at all sinks; one that flows and has handled nothing for too long is a stall.
    pub(super) fn look(&mut self, graph: &Graph) {
        let mut now = HashMap::new();
        for sink in flowing_sinks(graph) {
            let (at, handled) = (sink.record.at, handled(sink));
            let since = match self.0.get(&at) {
                Some((before, since)) if *before == handled => *since,
                _ => Instant::now(),
            };
            assert!(since.elapsed() < PATIENCE, "{}", describe(graph, sink));
            now.insert(at, (handled, since));
        }
        self.0 = now;
    }

    /// Waits until each sink that flows has handled one more event, while the graph is only repaired: what was made to
    /// fail before may fail now.
    pub(super) async fn all_go_on(&self, graph: &mut Graph, churn: &mut Churn) {
        let sinks = flowing_sinks(graph).into_iter();
        let before: HashMap<_, _> = sinks.map(|sink| (sink.record.at, handled(sink))).collect();
        assert!(!before.is_empty(), "nothing reaches a sink");
        let deadline = Instant::now() + PATIENCE;
        loop {
            churn.repair(graph);
            let waits = |sink: &&Member| before.get(&sink.record.at) == Some(&handled(sink));
            let Some(sink) = flowing_sinks(graph).into_iter().find(waits) else {
                break;
            };
            assert!(Instant::now() < deadline, "{}", describe(graph, sink));
            tokio::time::sleep(LOOK_EVERY).await;
        }
        println!("{} sinks go on", before.len());
    }
}

/// Tells of a sink that stalls, and of all stages above it.
fn describe(graph: &Graph, sink: &Member) -> String {
    let mut above = HashSet::from([sink.record.at]);
    let mut text = format!("sink {} stalls", sink.record.at);
    for member in graph.members().rev() {
        if above.contains(&member.record.at) {
            above.extend(member.links.iter().map(|link| link.from));
            let live = |edge: &EdgeStats| {
                member
                    .links
                    .iter()
                    .any(|link| *edge.from == *link.from.to_string())
            };
            let edges = member.node.edges().into_iter().filter(live);
            let edges =
                edges.map(|edge| format!("{}: {} of {}", edge.from, edge.delivered, edge.asked));
            let _infallible = write!(
                text,
                "\n{} handled {}, sends to all: {}, {:?}, {:?}, from {:?}",
                member.record.at,
                handled(member),
                member.sends_to_all(),
                member.node.exit(),
                member.node.stats(),
                edges.collect::<Vec<_>>()
            );
        }
    }
    text
}
