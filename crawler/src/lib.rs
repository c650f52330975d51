//! `crawler`: fetches a list of unique URLs through demand-driven stages, each URL once. The program is
//! [`main`]; all else is here so that tests and benches reach it.

mod api;
mod cli;
mod config;
mod crawl;
mod crawl_flags;
mod crawl_help;
mod earlier;
pub mod fetch;
pub mod frontier;
mod interrupt;
mod model;
mod output;
pub mod parse;
pub mod pipeline;
pub mod policy;
mod progress;
mod same_file;
mod say;
mod setup;
mod site_crawl;
mod site_report;
mod stages;
mod summary;
mod tally;
pub mod web_url;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::cli::{BAD_USAGE, Command};
use crate::model::without_user_info;

/// What is logged without `RUST_LOG`; an API of our own would report each connection that Ctrl-C cut.
const LOGS: &str = "warn,warp=off";

/// Runs the program: reads its flags, crawls, and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let flags = match cli::read() {
        Ok(flags) => flags,
        Err(code) => return code,
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGS));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A standard error that takes no lines would be told so on standard error, with a panic.
        .log_internal_errors(false)
        .init();
    let code = run(&flags).unwrap_or_else(|error| {
        say::say(without_user_info(&format!("crawler: {error:#}")));
        BAD_USAGE
    });
    ExitCode::from(code)
}

fn run(flags: &cli::Flags) -> anyhow::Result<u8> {
    let runtime = Runtime::new().context("cannot start the threads that fetch")?;
    let code = runtime.block_on(async {
        match &flags.command {
            None => crawl::run(flags).await,
            Some(Command::Crawl(flags)) => site_crawl::begin(flags).await,
            Some(Command::Resume(flags)) => site_crawl::resume(flags).await,
        }
    });
    // A name that is still being looked up after an abort keeps nobody waiting.
    runtime.shutdown_background();
    code
}
