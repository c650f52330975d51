//! Support for the end-to-end tests: the workspace's programs as real processes, and a server that answers by a script.

use std::path::PathBuf;

pub mod archive;
mod authority;
pub use authority::{Authority, Certificate};
pub mod impossible;
mod job;
pub use job::{Job, text};
mod postgres;
pub use postgres::Postgres;
mod pooler;
pub use pooler::Pooler;
mod process;
pub use process::{Crawler, Ended, SlowApi, until, until_within, urls_in};
mod scripted;
pub use scripted::{Answer, Scripted};
mod tree;
pub use tree::{tree_page, tree_url};
pub mod web;

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
