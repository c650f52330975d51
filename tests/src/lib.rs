//! Support for the end-to-end tests: where the programs are that the test command has built.

use std::path::PathBuf;

/// Returns the path of one of the workspace's programs, beside the test's own folder.
///
/// # Panics
///
/// When the test's own path can't be told.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("tests run from target/PROFILE/deps");
    folder.join(name)
}
