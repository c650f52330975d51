//! The laws, judged by the counts of the stages and by their own records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use stage::EdgeStats;

use super::program::{Member, Program};
use super::stages::Taken;

impl Program {
    pub(super) fn alive(&self) -> impl Iterator<Item = &Member> {
        let ended = |member: &&Member| member.handle.exit().is_none();
        self.members
            .iter()
            .filter(move |member| member.is_alive)
            .filter(ended)
    }

    /// Judges the program as it stands; an error names the law that does not hold, or not yet: on two workers the counts
    /// are read while they change.
    pub(super) fn judge(&self) -> std::result::Result<(), String> {
        let credit = |of_middle: bool| -> u64 {
            self.alive()
                .filter(|member| member.of_middle == of_middle && !member.has_left)
                .flat_map(|member| member.handle.edges())
                .map(|edge| edge.asked.saturating_sub(edge.delivered))
                .sum()
        };
        let law = |holds: bool, law: &str| if holds { Ok(()) } else { Err(law.to_owned()) };
        for member in &self.members {
            for edge in member.handle.edges() {
                law(
                    edge.delivered <= edge.asked,
                    "R1: more was sent than was asked for",
                )?;
            }
            let taken = member.record.lock().unwrap();
            let order: Vec<_> = taken
                .handled
                .windows(2)
                .map(|two| two[0] < two[1])
                .collect();
            law(order.iter().all(|in_order| *in_order), "R1: order")?;
        }
        let middle_lives = self.middle.exit().is_none();
        let middle_edge = edge_sums(&self.middle.edges());
        let middle_taken = self.middle_record.lock().unwrap();
        let middle_waits = middle_edge.1.saturating_sub(count(&middle_taken));
        let source_buffer = self.source.stats().buffered;
        let middle_credit = if middle_lives {
            middle_edge.0.saturating_sub(middle_edge.1)
        } else {
            0
        };
        let source_credit = credit(false) + middle_credit;
        law(
            source_buffer == 0 || source_credit == 0,
            "R0: the source holds an event that is asked for",
        )?;
        if middle_lives {
            let held = self.middle.stats().buffered as u64 + middle_waits;
            law(
                held == 0 || credit(true) == 0,
                "R0: the middle holds an event that is asked for",
            )?;
            let waits_for = middle_edge.0.saturating_sub(count(&middle_taken));
            law(
                waits_for > self.middle_demand.min() as u64,
                "R2: the middle asks no more",
            )?;
        }
        for member in self
            .alive()
            .filter(|member| !member.is_manual && !member.has_left)
        {
            let Some(edge) = member.handle.edges().first().cloned() else {
                return Err("R2: not subscribed".to_owned());
            };
            let handled = count(&member.record.lock().unwrap());
            let waits_for = edge.asked.saturating_sub(handled);
            let upstream_lives = !member.of_middle || middle_lives;
            law(
                !upstream_lives || waits_for > member.demand.min() as u64,
                "R2: a consumer asks no more",
            )?;
        }
        law(
            self.ledger.debt.load(Ordering::SeqCst) as u64 >= source_credit,
            "R3: credit that the source does not owe",
        )?;
        law(
            self.ledger.debt.load(Ordering::SeqCst) == self.source.stats().owed,
            "R3: the source was told more or less than it owes",
        )?;
        self.conserved(&middle_taken)
    }

    pub(super) fn conserved(&self, middle: &Taken) -> std::result::Result<(), String> {
        let from_source = self.members.iter().filter(|member| !member.of_middle);
        balance(
            "source",
            self.ledger.emitted.load(Ordering::SeqCst),
            &self.source.stats(),
            from_source.map(Member::account).chain([Account {
                handled: middle
                    .handled
                    .iter()
                    .chain(&middle.failed)
                    .copied()
                    .collect(),
                lost: self.middle.stats().lost,
                waiting: if self.middle.exit().is_none() {
                    edge_sums(&self.middle.edges())
                        .1
                        .saturating_sub(count(middle))
                } else {
                    0
                },
            }]),
        )?;
        let from_middle = self.members.iter().filter(|member| member.of_middle);
        balance(
            "middle",
            self.middle_emitted.load(Ordering::SeqCst),
            &self.middle.stats(),
            from_middle.map(Member::account),
        )
    }
}

impl Member {
    pub(super) fn account(&self) -> Account {
        let taken = self.record.lock().unwrap();
        Account {
            handled: taken.handled.iter().chain(&taken.failed).copied().collect(),
            lost: self.handle.stats().lost,
            waiting: 0,
        }
    }
}

pub(super) struct Account {
    pub(super) handled: Vec<usize>,
    pub(super) lost: u64,
    pub(super) waiting: u64,
}

pub(super) fn count(taken: &Taken) -> u64 {
    (taken.handled.len() + taken.failed.len()) as u64
}

/// What was asked and what was delivered over all edges of a stage.
pub(super) fn edge_sums(edges: &[EdgeStats]) -> (u64, u64) {
    edges.iter().fold((0, 0), |sum, edge| {
        (sum.0 + edge.asked, sum.1 + edge.delivered)
    })
}

pub(super) fn balance(
    of: &str,
    emitted: usize,
    stats: &stage::StageStats,
    accounts: impl Iterator<Item = Account>,
) -> std::result::Result<(), String> {
    let (mut seen, mut lost, mut waiting) = (BTreeMap::<usize, usize>::new(), 0, 0);
    for account in accounts {
        for event in account.handled {
            *seen.entry(event).or_default() += 1;
        }
        lost += account.lost;
        waiting += account.waiting;
    }
    let twice: BTreeSet<_> = seen
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(event, _)| event)
        .collect();
    if !twice.is_empty() {
        return Err(format!("R4: events of the {of} came twice: {twice:?}"));
    }
    let elsewhere = stats.buffered as u64 + stats.discarded + lost + waiting;
    if emitted as u64 == seen.len() as u64 + elsewhere {
        Ok(())
    } else {
        Err(format!(
            "R4: the {of} emitted {emitted}: {} handled or failed, {waiting} waiting, {lost} lost, {stats:?}",
            seen.len()
        ))
    }
}
