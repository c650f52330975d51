//! `crawler nodes`: who shares a crawl.

use std::fmt;
use std::io::Write;

use anyhow::Context as _;
use serde_json::json;

use crate::flags::NodesFlags;
use crate::frontier::{Frontier, Node, PostgresOptions};

/// Lists the nodes of a crawl; returns the exit code.
///
/// # Errors
///
/// When no database is named, or it can't be read.
pub(crate) async fn nodes(flags: &NodesFlags) -> anyhow::Result<u8> {
    let shared = &flags.shared;
    let url = shared.frontier.as_deref();
    let url = url.context("nodes needs --frontier postgres://…: only a shared crawl has them")?;
    let frontier = PostgresOptions::new(url, &shared.crawl)?.open().await?;
    let nodes = frontier.nodes().await?;
    frontier.close().await?;
    let told = if flags.json {
        let lines = nodes.iter().map(|node| format!("{}\n", as_json(node)));
        lines.collect()
    } else {
        Table(&nodes).to_string()
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

struct Table<'a>(&'a [Node]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "nobody works on the crawl");
        }
        let (name, address) = ("name", "address");
        writeln!(
            f,
            "{name:<20} {address:<28} {:>8} {:>9} {:>8} {:>12}",
            "capacity", "in flight", "pages/s", "last beat"
        )?;
        for node in self.0 {
            let pulse = &node.pulse;
            let silent = format!("{:.0} s ago", node.silent_for.as_secs_f64());
            writeln!(
                f,
                "{:<20} {:<28} {:>8} {:>9} {:>8.1} {silent:>12}",
                node.name, node.address, pulse.capacity, pulse.in_flight, pulse.rate
            )?;
        }
        Ok(())
    }
}
