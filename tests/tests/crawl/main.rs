//! `crawler crawl` and `crawler resume` as processes against the local web, judged by the server's own counts.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod world;

mod bad_input;
mod broken_files;
mod demand;
mod disk;
mod faults;
mod follow;
mod interrupted;
mod killed;
mod memory;
mod once;
mod outputs;
mod places;
mod polite;
mod set_aside;
mod sitemaps;
mod stopped;

mod traps;
mod wishes;
