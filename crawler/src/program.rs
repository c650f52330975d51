//! The program from its flags to its exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::flags::{self, BAD_USAGE, Command, Flags, LogFormat};
use crate::frontier::{FrontierError, is_full};
use crate::run::{self, Unread};
use crate::telling::{say, without_user_info};

/// What is logged without `RUST_LOG`; an API of our own would report each connection that Ctrl-C cut, and a pool of
/// connections each that was lost, of which the frontier tells more.
const LOGS: &str = "warn,warp=off,deadpool.postgres=off";

/// The exit code when work is left.
const NOT_DONE: u8 = 3;

/// Runs the program: reads its flags, crawls, and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let flags = match flags::read() {
        Ok(flags) => flags,
        Err(code) => return code,
    };
    log_as(flags.how().log);
    let code = run(&flags).unwrap_or_else(|error| {
        say(without_user_info(&format!("crawler: {error:#}")));
        code_of(&error)
    });
    ExitCode::from(code)
}

/// Returns the exit code of what kept the program from its work: a full disk is no bad usage, nor is Ctrl-C.
fn code_of(error: &anyhow::Error) -> u8 {
    let is_full = error.chain().any(|cause| {
        let frontier = cause.downcast_ref();
        let file = cause.downcast_ref();
        matches!(frontier, Some(FrontierError::Full { .. })) || file.is_some_and(is_full)
    });
    if is_full || error.is::<Unread>() {
        NOT_DONE
    } else {
        BAD_USAGE
    }
}

fn log_as(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGS));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A standard error that takes no lines would be told so on standard error, with a panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

fn run(flags: &Flags) -> anyhow::Result<u8> {
    let runtime = Runtime::new().context("cannot start the threads that fetch")?;
    let code = runtime.block_on(async {
        match &flags.command {
            None => run::list(flags).await,
            Some(Command::Crawl(flags)) => run::crawl(flags).await,
            Some(Command::Resume(flags)) => run::resume(flags).await,
            Some(Command::Status(flags)) => run::status(flags).await,
            Some(Command::Explain(flags)) => run::explain(flags).await,
            Some(Command::Export(flags)) => run::export(flags).await,
            Some(Command::Nodes(flags)) => run::nodes(flags).await,
        }
    });
    // A name that is still being looked up after an abort keeps nobody waiting.
    runtime.shutdown_background();
    code
}
