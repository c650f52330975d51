//! The processor's time of this process and of a server with its children, in steps of 10 ms.

use std::fs;
use std::time::Duration;

/// Returns the time, or the wall's where it can't be told.
pub(crate) fn cpu_time(server: Option<u32>) -> Duration {
    let Some(own) = ticks("self", 2) else {
        return std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    };
    let server = server.map_or(0, |id| {
        // With its own time that of its children which have ended.
        let ended = ticks(&id.to_string(), 4).unwrap_or(0);
        ended
            + children(id)
                .iter()
                .filter_map(|child| ticks(child, 2))
                .sum::<u64>()
    });
    Duration::from_millis((own + server) * 10)
}

/// Returns the sum of the first `count` of: user and system time, and those of the children that were waited for.
fn ticks(process: &str, count: usize) -> Option<u64> {
    let fields = fields(process)?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(count);
    Some(ticks.filter_map(|field| field.parse::<u64>().ok()).sum())
}

fn children(parent: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|process| process.file_name().into_string().ok());
    let is_child = |process: &String| {
        let fields = fields(process).unwrap_or_default();
        fields.split_ascii_whitespace().nth(1) == Some(&parent.to_string())
    };
    names.filter(is_child).collect()
}

/// Returns what stands behind the name of the program, which is in brackets and may hold anything: first the state,
/// then the parent; user and system time are at 11 and 12 from 0.
fn fields(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(stat.rsplit(')').next().unwrap_or_default().to_owned())
}
