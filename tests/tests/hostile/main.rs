//! What strangers write, read by the crawler's own readers: any bytes, and what is almost right. Nothing panics, all
//! that comes out has a bound, and what means the same is read the same.
//!
//! Each law is tried a few hundred times; `PROPTEST_CASES` says how often.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod text;

mod headers;
mod pages;
mod robots;
mod urls;
