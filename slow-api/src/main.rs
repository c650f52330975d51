//! `slow-api`: the service as a program.

mod flags;
mod signals;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use slow_api::{Options, Server, StartError};
use tracing_subscriber::EnvFilter;

use crate::flags::Flags;
use crate::signals::Signals;

/// The open files of 10,000 requests in flight, and some for the rest.
const OPEN_FILES_WANTED: u64 = 10_100;

/// What ended badly before it began: a flag, the port, the signals.
const EXIT_USAGE: u8 = 2;
/// What ended by itself, though nobody stopped it.
const EXIT_ENDED: u8 = 1;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::from(Flags::parse());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A standard error that takes no lines would be told so on standard error, with a panic.
        .log_internal_errors(false)
        .init();
    raise_open_files();
    // Before the line that says it listens: whoever reads it may send a signal at once.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return refuse(&format!("cannot listen for signals: {error}")),
    };
    match slow_api::start(options).await {
        Ok(server) => run(server, signals).await,
        Err(error) => refuse(&advice(&error)),
    }
}

async fn run(mut server: Server, mut signals: Signals) -> ExitCode {
    // Not `println!`, which panics when nobody reads.
    let _closed = writeln!(std::io::stdout(), "slow-api listening on {}", server.url());
    tokio::select! {
        _ = signals.next() => {}
        () = server.ended() => {
            say("the service ended by itself, which is a defect; start it again, and report what is said above");
            return ExitCode::from(EXIT_ENDED);
        }
    }
    say(&format!(
        "stopping with {} in flight; another signal ends it at once",
        server.stats().in_flight
    ));
    tokio::select! {
        () = server.stop() => ExitCode::SUCCESS,
        number = signals.next() => ExitCode::from(128 + number),
    }
}

fn raise_open_files() {
    let open_files = rlimit::increase_nofile_limit(u64::MAX);
    match open_files {
        Ok(limit) if limit >= OPEN_FILES_WANTED => {}
        Ok(limit) => say(&format!(
            "only {limit} files may be open, so it cannot hold 10,000 requests in flight; \
             raise the hard limit, as with 'ulimit -n {OPEN_FILES_WANTED}' as root"
        )),
        Err(error) => say(&format!("cannot raise the limit of open files: {error}")),
    }
}

fn advice(error: &StartError) -> String {
    let advice = match error {
        StartError::PortInUse { .. } => {
            "stop the program that listens there, or choose another port with --port (0 picks a free one)"
        }
        _ => "choose another with --address and --port",
    };
    format!("{error}; {advice}")
}

fn refuse(why: &str) -> ExitCode {
    say(why);
    ExitCode::from(EXIT_USAGE)
}

fn say(what: &str) {
    let _closed = writeln!(std::io::stderr(), "slow-api: {what}");
}
