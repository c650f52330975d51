//! The flags.

use std::num::NonZeroUsize;

use clap::Parser;

/// Fetches unique URLs through demand-driven stages: 100 of a slow API's by default.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Flags {
    /// How many URLs to generate.
    #[arg(long, default_value = "100")]
    pub(crate) count: NonZeroUsize,
    /// Most requests in flight.
    #[arg(long, default_value = "100")]
    pub(crate) concurrency: NonZeroUsize,
    /// The slow API's base URL; without it the one on port 4000 is used, or one is started in this process.
    #[arg(long)]
    pub(crate) api: Option<url::Url>,
    /// How often a failed URL is tried again.
    #[arg(long, default_value_t = 3)]
    pub(crate) retries: u32,
    /// Seconds one request may take.
    #[arg(long, default_value_t = 30)]
    pub(crate) timeout: u64,
    /// Prints each result as a JSON line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints no summary.
    #[arg(long)]
    pub(crate) quiet: bool,
}
