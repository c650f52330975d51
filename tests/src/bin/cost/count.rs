//! How many instructions each call of [`measured`] takes, as valgrind's callgrind counts them.

use std::io::{Error, Result};
use std::process::{Command, Stdio};

/// The name of [`measured`], as it stands in the debug information.
const NAME: &str = "cost::count::measured";

/// Calls `work`; a function of its own, so that valgrind finds where it begins and ends.
#[inline(never)]
pub(crate) fn measured(work: &mut dyn FnMut()) {
    work();
}

/// Runs this program anew under valgrind, with these arguments, and returns the count of each call, in their order.
pub(crate) fn instructions(arguments: &[&str], calls: usize) -> Result<Vec<u64>> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let watched = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .args([
            format!("--zero-before={NAME}"),
            format!("--dump-after={NAME}"),
        ])
        .arg(std::env::current_exe()?)
        .args(arguments)
        .stdout(Stdio::null())
        .status();
    let watched = watched
        .map_err(|error| Error::other(format!("cannot run valgrind: {error}; install it")))?;
    if !watched.success() {
        return Err(Error::other(format!("what valgrind ran ended: {watched}")));
    }
    // A file for each call, numbered from 1.
    let files = (1..=calls).map(|call| counts.with_extension(call.to_string()));
    files
        .map(|file| {
            let text = std::fs::read_to_string(&file)?;
            let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
            total
                .and_then(|total| total.parse().ok())
                .ok_or_else(|| Error::other(format!("no count in {}", file.display())))
        })
        .collect()
}
