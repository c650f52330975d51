//! The program from its flags to its exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::flags::{self, BAD_USAGE, Command, Flags, LogFormat};
use crate::run;
use crate::telling::{say, without_user_info};

/// What is logged without `RUST_LOG`; an API of our own would report each connection that Ctrl-C cut, and a pool of
/// connections each that was lost, of which the frontier tells more.
const LOGS: &str = "warn,warp=off,deadpool.postgres=off";

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
        BAD_USAGE
    });
    ExitCode::from(code)
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
