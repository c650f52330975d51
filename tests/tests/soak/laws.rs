//! The books: what each stage was sent, handled, emitted and lost, closed when nothing can be added any more.

use std::fmt;
use std::sync::atomic::Ordering;

use futures::future::join_all;
use stage::{EdgeStats, StageStats};

use super::graph::Member;

/// The counts of a stage that has ended.
pub(super) struct Account {
    at: u32,
    is_source: bool,
    is_sink: bool,
    is_broadcast: bool,
    handled: u64,
    emitted: u64,
    stats: StageStats,
    edges: Vec<EdgeStats>,
}

/// Waits for the end of a stage, and until each of its producers has heard of it and so sends it nothing more.
pub(super) async fn settle(member: Member) -> Account {
    member.node.join().await;
    join_all(member.producers.iter().map(|producer| producer.settle())).await;
    Account {
        at: member.record.at,
        is_source: member.is_source(),
        is_sink: member.is_sink(),
        is_broadcast: member.record.is_broadcast,
        handled: member.record.handled.load(Ordering::Relaxed),
        emitted: member.record.emitted.load(Ordering::Relaxed),
        stats: member.node.stats(),
        edges: member.node.edges(),
    }
}

/// What one stage emitted, where it went, and what it is said not to have gone.
#[derive(Debug, Default, Clone)]
struct Outgoing {
    emitted: u64,
    discarded: u64,
    delivered: u64,
    is_broadcast: bool,
}

/// The accounts of all stages.
#[derive(Default)]
pub(super) struct Ledger {
    stages: Vec<Outgoing>,
    ended: u64,
    from_sources: u64,
    to_sinks: u64,
    passed_on: u64,
    failed: u64,
    lost: u64,
}

impl Ledger {
    fn of(&mut self, at: u32) -> &mut Outgoing {
        let at = usize::try_from(at).unwrap();
        if self.stages.len() <= at {
            self.stages.resize(at + 1, Outgoing::default());
        }
        &mut self.stages[at]
    }

    /// Enters an account, after judging what can be judged of one stage alone.
    pub(super) fn enter(&mut self, account: &Account) {
        let (at, stats) = (account.at, account.stats);
        for edge in &account.edges {
            assert!(
                edge.delivered <= edge.asked,
                "more than asked for: {edge:?}"
            );
            self.of(edge.from.parse().unwrap()).delivered += edge.delivered;
        }
        self.ended += 1;
        if account.is_source {
            self.from_sources += account.emitted;
        } else {
            let delivered: u64 = account.edges.iter().map(|edge| edge.delivered).sum();
            assert_eq!(
                delivered,
                account.handled + stats.failed + stats.lost,
                "{at} handled {}: {stats:?}",
                account.handled
            );
            self.failed += stats.failed;
            self.lost += stats.lost;
        }
        if account.is_sink {
            self.to_sinks += account.handled;
        } else if !account.is_source {
            assert_eq!(account.handled, account.emitted, "{at} passes all on");
            self.passed_on += account.emitted;
        }
        assert_eq!((stats.buffered, stats.unwanted, stats.rejected), (0, 0, 0));
        let outgoing = self.of(at);
        outgoing.emitted = account.emitted;
        outgoing.discarded = stats.discarded;
        outgoing.is_broadcast = account.is_broadcast;
    }

    /// Judges all of them together: each emitted event is delivered once, or said to be discarded.
    pub(super) fn balance(&self) {
        for (at, outgoing) in self.stages.iter().enumerate() {
            let sent = outgoing.emitted.checked_sub(outgoing.discarded);
            let sent = sent.expect("no more is discarded than was emitted");
            let holds = if outgoing.is_broadcast {
                outgoing.delivered >= sent
            } else {
                outgoing.delivered == sent
            };
            assert!(holds, "{at}: {outgoing:?}");
        }
        let copies: u64 = self
            .stages
            .iter()
            .map(|of| of.delivered - (of.emitted - of.discarded))
            .sum();
        let discarded: u64 = self.stages.iter().map(|of| of.discarded).sum();
        assert_eq!(
            self.from_sources + copies,
            self.to_sinks + self.failed + self.lost + discarded,
            "from the sources, and by broadcasts, to the sinks or to a count"
        );
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let discarded: u64 = self.stages.iter().map(|of| of.discarded).sum();
        let delivered: u64 = self.stages.iter().map(|of| of.delivered).sum();
        write!(
            f,
            "{} stages ended; {} events from sources, {} passed on, {} to sinks, {delivered} deliveries; {} failed, \
             {} lost, {discarded} discarded",
            self.ended, self.from_sources, self.passed_on, self.to_sinks, self.failed, self.lost
        )
    }
}
