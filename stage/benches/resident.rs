//! The memory of idle stages, as the system counts it.
//!
//! What has been freed is not given back to the system, so each count is made by a process of its own: this program,
//! called again with `--resident NAME`.

use std::fs::read_to_string;
use std::process::Command;

use tokio::runtime::Runtime;

use crate::contest::Flow;
use crate::{by_hand, staged};

/// Producers with a consumer each. Many, so that a page more or less is nothing.
const PAIRS: usize = 10_000;

pub(crate) fn pair_by_hand(_: &Runtime, _: Flow) -> f64 {
    elsewhere("by hand")
}

pub(crate) fn pair_of_stages(_: &Runtime, _: Flow) -> f64 {
    elsewhere("stage")
}

fn elsewhere(name: &str) -> f64 {
    let program = std::env::current_exe().expect("this program is a file");
    let output = Command::new(program).args(["--resident", name]).output();
    let output = output.expect("it runs").stdout;
    let bytes = String::from_utf8_lossy(&output).trim().parse();
    bytes.expect("it prints a number")
}

/// Returns the bytes of one idle pair.
pub(crate) fn bytes_per_pair(runtime: &Runtime, name: &str) -> usize {
    let start = match name {
        "stage" => staged::idle_pairs,
        _ => by_hand::idle_pairs,
    };
    // The first pair brings what there is once.
    let first = start(runtime, 1);
    let before = resident_bytes();
    let pairs = start(runtime, PAIRS);
    let after = resident_bytes();
    drop((first, pairs));
    (after - before) / PAIRS
}

fn resident_bytes() -> usize {
    let status = read_to_string("/proc/self/status").expect("Linux tells of processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.expect("it tells what is resident, in kB") * 1024
}
