//! `crawler`: fetches a list of unique URLs through demand-driven stages, each URL once.

mod api;
mod cli;
mod crawl;
mod model;
mod output;
mod policy;
mod progress;
mod say;
mod setup;
mod stages;
mod summary;
mod tally;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Bad usage or configuration.
const BAD_USAGE: u8 = 2;
/// What is logged without `RUST_LOG`; an API of our own would report each connection that Ctrl-C cut.
const LOGS: &str = "warn,warp=off";

#[tokio::main]
async fn main() -> ExitCode {
    let flags = cli::Flags::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGS));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match crawl::run(&flags).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::say(format!("crawler: {error:#}"));
            ExitCode::from(BAD_USAGE)
        }
    }
}
