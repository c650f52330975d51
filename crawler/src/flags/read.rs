//! How the command line is read: with what a configuration file adds, and with errors that repeat no password.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::{Flags, config};
use crate::telling::{say, without_user_info};

/// The exit code of bad usage or configuration.
pub(crate) const BAD_USAGE: u8 = 2;

/// Reads the arguments; what ends the program here was told already.
pub(crate) fn read() -> Result<Flags, ExitCode> {
    read_from(std::env::args_os().collect()).map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        let told = without_stray(error).render();
        let told = if std::io::stderr().is_terminal() {
            told.ansi().to_string()
        } else {
            told.to_string()
        };
        say(without_user_info(told.trim_end()));
        ExitCode::from(BAD_USAGE)
    })
}

/// Reads these arguments, and what the configuration file that they name adds to them.
pub(super) fn read_from(mut args: Vec<OsString>) -> Result<Flags, clap::Error> {
    let flags = Flags::try_parse_from(&args)?;
    let Some(file) = flags.config() else {
        return Ok(flags);
    };
    let program = Flags::command();
    let matches = program.clone().try_get_matches_from(&args)?;
    let given = match matches.subcommand() {
        Some((name, matches)) => config::Given::Command(name, matches),
        None => config::Given::Program(&matches),
    };
    let added = config::flags_of(file, &program, given)
        .map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, format!("{error}\n")))?;
    // A subcommand is the first argument, as the program's own flags exclude it.
    let at = usize::from(matches.subcommand().is_some()) + 1;
    args.splice(at..at, added);
    Flags::try_parse_from(args)
}

/// Returns an error that does not repeat an argument without a flag: it is likely a URL, and may hold a password.
fn without_stray(error: clap::Error) -> clap::Error {
    let is_argument = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(argument)) if !argument.starts_with('-'));
    let is_stray = (error.kind() == ErrorKind::UnknownArgument && is_argument)
        || error.kind() == ErrorKind::InvalidSubcommand
        || is_conflict_with_no_command(&error);
    if !is_stray {
        return error;
    }
    Flags::command().error(
        ErrorKind::UnknownArgument,
        "unexpected argument without a flag; to crawl from a URL, say crawler crawl URL; to fetch a list, give --urls FILE",
    )
}

/// Returns whether flags stand beside an argument that is taken for a command and names none.
fn is_conflict_with_no_command(error: &clap::Error) -> bool {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return false;
    };
    Flags::command().find_subcommand(name).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_without_a_flag_is_not_repeated() {
        let error = Flags::try_parse_from(["crawler", "http://ann:secret@h"]).unwrap_err();
        let told = without_stray(error).to_string();
        assert!(
            told.contains("--urls FILE") && !told.contains("//"),
            "{told}"
        );
    }
}
