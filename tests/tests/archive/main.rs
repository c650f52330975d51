//! Archives and tables of a crawl as other programs read them: what was served, byte for byte, each URL once.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod world;

mod bad_input;
mod broken_off;
mod copies;
mod faults;
mod killed;
mod lost;
mod moved;
mod tables;
