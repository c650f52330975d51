//! The graph: layers of stages, the links between them, and those that have left it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use stage::{
    Broadcast, Demand, Fair, Intensity, Stages, Subscribe, SubscriptionId, UpstreamEnds,
    consumer_with, producer_consumer_with, producer_with,
};
use tokio::task::JoinSet;

use super::laws::{Account, settle};
use super::node::{self, Emits, Node, Parts, Taking};
use super::stages::{Behaviour, Counts, Faults, Passes, Record, Sinks};

/// Subscriptions in the life of one stage: it remembers the counts of 64 that have ended, and no more.
const JOINS_MAX: usize = 40;
/// The widest window.
const WINDOW_MAX: usize = 64;

/// Who of a stage's consumers gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shares {
    /// The one with the most demand. All have the same window, so that none is passed over for ever.
    Greedy,
    Fair,
    All,
}

pub(super) struct Link {
    pub(super) id: SubscriptionId,
    /// The producer.
    pub(super) from: u32,
}

/// A stage of the graph.
pub(super) struct Member {
    pub(super) node: Arc<dyn Node>,
    emits: Option<Arc<dyn Emits>>,
    takes: Option<Arc<dyn Taking>>,
    pub(super) record: Arc<Record>,
    shares: Shares,
    window: Demand,
    pub(super) links: Vec<Link>,
    /// All that it ever subscribed to and may be sent something by: those that live.
    pub(super) producers: Vec<Arc<dyn Emits>>,
    joins: usize,
}

impl Member {
    pub(super) fn is_spent(&self) -> bool {
        self.joins >= JOINS_MAX
    }

    pub(super) fn forget_ended_producers(&mut self) {
        self.producers.retain(|producer| producer.exit().is_none());
    }

    pub(super) const fn is_sink(&self) -> bool {
        self.emits.is_none()
    }

    pub(super) const fn is_source(&self) -> bool {
        self.takes.is_none()
    }

    pub(super) fn sends_to_all(&self) -> bool {
        self.shares == Shares::All
    }

    /// Ends one of its links.
    pub(super) fn leave(&mut self, link: usize) {
        if let Some(takes) = &self.takes {
            takes.cancel(self.links.swap_remove(link).id);
        }
    }
}

pub(super) struct Graph {
    pub(super) layers: Vec<Vec<Member>>,
    pub(super) group: Stages,
    pub(super) faults: Arc<Faults>,
    pub(super) rng: ChaCha8Rng,
    settling: JoinSet<Account>,
    next: u32,
}

impl Graph {
    pub(super) fn grow(rng: ChaCha8Rng, layers: [usize; 6]) -> Self {
        let mut graph = Self {
            layers: layers.iter().map(|_| Vec::new()).collect(),
            group: Stages::new(),
            faults: Arc::default(),
            rng,
            settling: JoinSet::new(),
            next: 0,
        };
        for (layer, count) in layers.into_iter().enumerate() {
            for _ in 0..count {
                graph.spawn(layer);
            }
        }
        graph
    }

    pub(super) fn members(&self) -> impl DoubleEndedIterator<Item = &Member> {
        self.layers.iter().flatten()
    }

    fn window(&mut self) -> Demand {
        let max = self.rng.random_range(1..=WINDOW_MAX);
        Demand::new(max, self.rng.random_range(0..max)).unwrap()
    }

    /// Adds a stage to a layer, and links it to one or more above it.
    pub(super) fn spawn(&mut self, layer: usize) {
        let shares = match self.rng.random_range(0..10) {
            0..6 => Shares::Greedy,
            6..9 => Shares::Fair,
            _ => Shares::All,
        };
        let record = Record::new(self.next, shares == Shares::All, &self.faults);
        self.next += 1;
        let parts = self.spawn_parts(layer, shares, &record);
        let window = self.window();
        self.layers[layer].push(Member {
            node: parts.node,
            emits: parts.emits,
            takes: parts.takes,
            record,
            shares,
            window,
            links: Vec::new(),
            producers: Vec::new(),
            joins: 0,
        });
        let member = self.layers[layer].len() - 1;
        for _ in 0..self.rng.random_range(1..=3) {
            self.join(layer, member);
        }
    }

    fn spawn_parts(&self, layer: usize, shares: Shares, record: &Arc<Record>) -> Parts {
        let (name, often) = (
            record.at.to_string(),
            Intensity::new(10_000, Duration::from_secs(1)),
        );
        let record = Arc::clone(record);
        let behaviour = move || Behaviour::new(Arc::clone(&record));
        if layer + 1 == self.layers.len() {
            let build = consumer_with(move || Sinks(behaviour()))
                .named(&name)
                .within(&self.group)
                .intensity(often);
            return node::sink(build.spawn().unwrap());
        }
        if layer > 0 {
            let build = producer_consumer_with(move || Passes(behaviour()))
                .named(&name)
                .within(&self.group)
                .intensity(often);
            return match shares {
                Shares::Greedy => node::middle(build.spawn().unwrap()),
                Shares::Fair => node::middle(build.dispatcher(Fair::default()).spawn().unwrap()),
                Shares::All => node::middle(build.dispatcher(Broadcast::new()).spawn().unwrap()),
            };
        }
        let build = producer_with(move || Counts(behaviour()))
            .named(&name)
            .within(&self.group)
            .intensity(often);
        match shares {
            Shares::Greedy => node::source(build.spawn().unwrap()),
            Shares::Fair => node::source(build.dispatcher(Fair::default()).spawn().unwrap()),
            Shares::All => node::source(build.dispatcher(Broadcast::new()).spawn().unwrap()),
        }
    }

    /// Picks a stage above a layer, mostly right above it, and the options to subscribe to it.
    fn pick_above(&mut self, layer: usize) -> Option<(u32, Arc<dyn Emits>, Subscribe)> {
        let above = if self.rng.random_ratio(1, 8) {
            self.rng.random_range(0..layer)
        } else {
            layer - 1
        };
        let free = self.window();
        let producer = self.rng.random_range(0..self.layers[above].len());
        let producer = &self.layers[above][producer];
        let window = match producer.shares {
            Shares::Greedy => producer.window,
            Shares::Fair | Shares::All => free,
        };
        let options = Subscribe::from(window).upstream_ends(UpstreamEnds::Keep);
        let emits = producer.emits.clone()?;
        Some((producer.record.at, emits, options))
    }

    /// Links a stage to one above it.
    pub(super) fn join(&mut self, layer: usize, member: usize) {
        self.link(layer, member, None);
    }

    /// Puts a link to one above in the place of this one.
    pub(super) fn replace(&mut self, layer: usize, member: usize, link: usize) {
        self.link(layer, member, Some(link));
    }

    fn link(&mut self, layer: usize, member: usize, old: Option<usize>) {
        if layer == 0 || self.layers[layer][member].is_spent() {
            return;
        }
        let Some((from, producer, options)) = self.pick_above(layer) else {
            return;
        };
        let member = &mut self.layers[layer][member];
        let Some(takes) = &member.takes else {
            return;
        };
        let outlet = producer.outlet();
        let joined = match old {
            Some(old) => takes.replace(member.links.swap_remove(old).id, &outlet, options),
            None => takes.subscribe_to(&outlet, options),
        };
        // It may have ended, and is found so at the next look.
        if let Ok(id) = joined {
            member.links.push(Link { id, from });
            member.producers.push(producer);
            member.joins += 1;
        }
    }

    /// Takes a stage that ends or is about to out of the graph, and puts a new one in its place.
    pub(super) fn retire(&mut self, layer: usize, member: usize) {
        let member = self.layers[layer].swap_remove(member);
        let at = member.record.at;
        self.settling.spawn(settle(member));
        self.spawn(layer);
        for below in self.layers[layer..].iter_mut().flatten() {
            below.links.retain(|link| link.from != at);
        }
    }

    /// The counts of a stage that has left the graph, if there is one whose last event is counted.
    pub(super) fn try_settled(&mut self) -> Option<Account> {
        self.settling
            .try_join_next()
            .map(|account| account.unwrap())
    }

    pub(super) async fn settled(&mut self) -> Option<Account> {
        let account = self.settling.join_next().await?;
        Some(account.unwrap())
    }

    /// Stops all stages.
    pub(super) async fn stop(&mut self) {
        let members: Vec<_> = self.layers.iter_mut().flat_map(std::mem::take).collect();
        join_all(members.iter().map(|member| member.node.stop())).await;
        for member in members {
            self.settling.spawn(settle(member));
        }
    }
}
