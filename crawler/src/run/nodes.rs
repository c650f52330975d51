//! `crawler nodes`: who shares a crawl, and how far all of them have come.

use std::fmt;
use std::io::Write;

use anyhow::Context as _;
use serde_json::json;

use super::home::AT_WORK;
use super::looking;
use crate::flags::LookFlags;
use crate::frontier::{Frontier, Node, PostgresOptions, Stats};

/// Lists the nodes of a crawl, and what they come to; returns the exit code.
///
/// # Errors
///
/// When no database is named, or it can't be read.
pub(crate) async fn nodes(flags: &LookFlags) -> anyhow::Result<u8> {
    let shared = &flags.shared;
    let url = shared.frontier.as_deref();
    let url = url.context("nodes needs --frontier postgres://…: only a shared crawl has them")?;
    let frontier = PostgresOptions::new(url, &shared.crawl)?.open().await?;
    let (nodes, stats) = (frontier.nodes().await?, frontier.stats().await?);
    frontier.close().await?;
    let total = Total::of(&nodes, stats);
    let told = if flags.json {
        let nodes = nodes.iter().map(as_json);
        let lines = nodes.chain([total.as_json(&shared.crawl)]);
        lines.map(|line| format!("{line}\n")).collect()
    } else {
        Table(&nodes, total).to_string()
    };
    // Who does not want the rest of a list closes it.
    let _closed = std::io::stdout().write_all(told.as_bytes());
    Ok(0)
}

fn as_json(node: &Node) -> serde_json::Value {
    json!({
        "name": node.name,
        "address": node.address,
        "capacity": node.pulse.capacity,
        "in_flight": node.pulse.in_flight,
        "pages_per_second": node.pulse.rate,
        "draining": node.pulse.is_draining,
        "joined_at": humantime::format_rfc3339_millis(node.joined_at).to_string(),
        "silent_seconds": node.silent_for.as_secs_f64(),
    })
}

/// What all nodes come to that are at work.
struct Total {
    nodes: usize,
    capacity: usize,
    in_flight: usize,
    rate: f64,
    stats: Stats,
}

impl Total {
    fn of(nodes: &[Node], stats: Stats) -> Self {
        let at_work = || nodes.iter().filter(|node| node.silent_for < AT_WORK);
        let pulses = || at_work().map(|node| node.pulse);
        Self {
            nodes: at_work().count(),
            capacity: pulses().map(|pulse| pulse.capacity).sum(),
            in_flight: pulses().map(|pulse| pulse.in_flight).sum(),
            // The sum of none is -0.0.
            rate: pulses().fold(0.0, |sum, pulse| sum + pulse.rate),
            stats,
        }
    }

    /// Returns how many URLs wait to be fetched.
    const fn queued(&self) -> u64 {
        let stats = &self.stats;
        stats.queued.saturating_sub(stats.leased) + stats.delayed
    }

    const fn state(&self) -> &'static str {
        looking::state(self.stats.state, self.nodes > 0)
    }

    fn as_json(&self, crawl: &str) -> serde_json::Value {
        json!({
            "crawl": crawl,
            "state": self.state(),
            "nodes": self.nodes,
            "capacity": self.capacity,
            "in_flight": self.in_flight,
            "pages_per_second": self.rate,
            "fetched": self.stats.fetched,
            "failed": self.stats.failed,
            "queued": self.queued(),
        })
    }
}

struct Table<'a>(&'a [Node], Total);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(nodes, total) = self;
        if nodes.is_empty() {
            writeln!(f, "nobody works on the crawl")?;
        } else {
            let (name, address) = ("name", "address");
            writeln!(
                f,
                "{name:<20} {address:<28} {:>8} {:>9} {:>8} {:>12}  state",
                "capacity", "in flight", "pages/s", "last beat"
            )?;
        }
        for node in *nodes {
            let pulse = &node.pulse;
            let silent = format!("{:.0} s ago", node.silent_for.as_secs_f64());
            writeln!(
                f,
                "{:<20} {:<28} {:>8} {:>9} {:>8.1} {silent:>12}  {}",
                node.name,
                node.address,
                pulse.capacity,
                pulse.in_flight,
                pulse.rate,
                state(node)
            )?;
        }
        writeln!(
            f,
            "{}: {} fetched, {} in flight, {} queued, {} failed, {:.1} pages/s",
            total.state(),
            total.stats.fetched,
            total.in_flight,
            total.queued(),
            total.stats.failed,
            total.rate
        )
    }
}

fn state(node: &Node) -> &'static str {
    if node.silent_for >= AT_WORK {
        "silent"
    } else if node.pulse.is_draining {
        "draining"
    } else {
        "at work"
    }
}
