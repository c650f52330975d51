//! What happens to the graph: one random change at a time, and at each look the repair of what has ended by itself.

use rand::RngExt;

use super::graph::Graph;
use super::stages::Fate;

/// How often each change was made.
#[derive(Debug, Default)]
pub(super) struct Churn {
    joins: u64,
    leaves: u64,
    replacements: u64,
    errors: u64,
    panics: u64,
    ends: u64,
    halts: u64,
    stops: u64,
    aborts: u64,
}

impl Churn {
    /// Makes one change to a stage picked by chance.
    pub(super) fn change(&mut self, graph: &mut Graph) {
        let stages = graph.layers.iter().map(Vec::len).sum();
        let mut member = graph.rng.random_range(0..stages);
        let mut layer = 0;
        while member >= graph.layers[layer].len() {
            member -= graph.layers[layer].len();
            layer += 1;
        }
        let links = graph.layers[layer][member].links.len();
        let fails = |graph: &Graph, fate| graph.layers[layer][member].record.blow_next(fate);
        match graph.rng.random_range(0..17) {
            0..4 if layer > 0 => {
                graph.join(layer, member);
                self.joins += 1;
            }
            4..6 if links > 1 => {
                let link = graph.rng.random_range(0..links);
                graph.layers[layer][member].leave(link);
                self.leaves += 1;
            }
            6..8 if links > 0 => {
                let link = graph.rng.random_range(0..links);
                graph.replace(layer, member, link);
                self.replacements += 1;
            }
            8 => {
                fails(graph, Fate::Resume);
                self.errors += 1;
            }
            9..11 => {
                fails(graph, Fate::Restart);
                self.errors += 1;
            }
            11..13 => {
                fails(graph, Fate::Panic);
                self.panics += 1;
            }
            13 => {
                fails(graph, Fate::End);
                self.ends += 1;
            }
            14 => {
                let node = graph.layers[layer][member].node.clone();
                tokio::spawn(async move { node.stop().await });
                graph.retire(layer, member);
                self.stops += 1;
            }
            15 => {
                graph.layers[layer][member].node.abort();
                graph.retire(layer, member);
                self.aborts += 1;
            }
            16 => {
                fails(graph, Fate::Halt);
                self.halts += 1;
            }
            _ => {}
        }
    }

    /// Replaces what has ended or has had all the links it may, and links what has none.
    pub(super) fn repair(&mut self, graph: &mut Graph) {
        for layer in 0..graph.layers.len() {
            for member in (0..graph.layers[layer].len()).rev() {
                let this = &mut graph.layers[layer][member];
                this.forget_ended_producers();
                if this.node.exit().is_some() {
                    graph.retire(layer, member);
                } else if layer > 0 && this.is_spent() {
                    let node = this.node.clone();
                    tokio::spawn(async move { node.stop().await });
                    graph.retire(layer, member);
                    self.stops += 1;
                }
            }
        }
        for layer in 1..graph.layers.len() {
            for member in 0..graph.layers[layer].len() {
                if graph.layers[layer][member].links.is_empty() {
                    graph.join(layer, member);
                    self.joins += 1;
                }
            }
        }
    }
}
