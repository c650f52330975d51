//! Several crawlers as processes that share one crawl through a real PostgreSQL: who fetches what, who joins, who dies.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod job;
mod proxy;
mod web;

mod busy;
mod deaths;
mod exported;
mod frozen;
mod joining;
mod killed;
mod leaving;
mod lost;
mod polite;
mod refusals;
mod resumed;
mod sharing;
mod stalled;
