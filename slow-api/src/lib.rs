//! An HTTP service that is slow on purpose, and counts what it was asked, so that tests have the server's word.

mod stats;
pub use stats::{Snapshot, Stats};
mod server;
pub use server::{Options, Server, StartError, start};
