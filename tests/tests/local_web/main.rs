//! The local web as its visitors see it: the sites, the hosts and their robots.txt, the faults, and the counts.
#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod counts;
mod faults;
mod hosts;
mod raw;
mod visitor;
mod walk;
