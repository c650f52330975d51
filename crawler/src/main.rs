//! `crawler`: fetches a list of unique URLs through demand-driven stages, each URL once.

mod cli;
mod crawl;
mod fetch;
mod source;

use std::process::ExitCode;

use clap::Parser;

/// Bad usage or configuration.
const BAD_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let flags = cli::Flags::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match crawl::run(&flags).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crawler: {error:#}");
            ExitCode::from(BAD_USAGE)
        }
    }
}
