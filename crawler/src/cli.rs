//! The flags, checked where they are read, so that all else may trust them.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use url::Url;

use crate::config;
use crate::crawl_flags::{CrawlFlags, ResumeFlags};
use crate::crawl_help;
use crate::model::without_user_info;
use crate::say::say;

/// The exit code of bad usage or configuration.
pub(crate) const BAD_USAGE: u8 = 2;

const OUTCOMES: &str = "\
Results go nowhere unless --json or -o says where; progress, log and summary go to standard error.
Ctrl-C lets what is in flight finish, for 30 s at most; a second one does not.

Exit codes:
  0  every URL has its answer (a 404 is one)
  1  a URL had none after its retries, or a line held no URL
  2  bad usage or configuration
  3  interrupted, or the results could not be written: work is left";

const RECORDS: &str = "\
What is tried again:
  no connection, an answer that is no proper HTTP, no answer in time, a body cut short, a child that
  was aborted, and the statuses 408, 429, 500, 502, 503 and 504. Before its retries a URL waits 1, 2, 4 … s, each half less to half
  more by chance, and at most 60 s. A Retry-After of the server goes before that, cut to 1 h. A URL
  that waits holds no place in --concurrency.

Each result is a line of JSON:
  url       the URL without its user-info; null for a line that holds no URL
  hidden    true where user-info was left out; --resume fetches such a URL anew
  status    the last attempt's HTTP status; null without an answer
  millis    milliseconds of the last attempt, from its request to the end of its body
  bytes     bytes of body that the last attempt read
  attempts  requests made; 0 for a line that holds no URL
  error     null for an answer, else its class:
              connect      no connection, or it was lost before the answer began
              protocol     what came is no proper HTTP answer: garbage, a broken or too large head, a 101
              timeout      no whole answer within --timeout
              status-NNN   408, 429 or a status from 500 to 599
              body         the body was cut short, or is larger than 10 MiB
              invalid-url  a line that holds no URL, or a URL that can't be requested
              panic        a defect of the crawler
              aborted      its child was aborted
  message   null for an answer, else what went wrong, in words";

/// Fetches unique URLs through demand-driven stages: 100 of a slow API's by default.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = OUTCOMES, after_long_help = format!("{RECORDS}\n\n{OUTCOMES}"))]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Fetches the URLs of this file, one a line; - is standard input.
    ///
    /// Blank lines and lines that begin with # are skipped. Each URL is fetched once: neither a #fragment nor the case
    /// of the host makes another URL. The list is read to its end before the first request; a URL has at most 2048
    /// bytes.
    #[arg(long, value_name = "FILE", help_heading = "What to fetch", conflicts_with_all = ["count", "api"])]
    pub(crate) urls: Option<PathBuf>,
    /// How many URLs to generate.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one, help_heading = "What to fetch")]
    pub(crate) count: NonZeroUsize,
    /// The slow API's base URL; without it the one on port 4000 is used, or one is started in this process.
    #[arg(long, value_name = "URL", help_heading = "What to fetch")]
    pub(crate) api: Option<String>,
    /// Most requests in flight.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one, help_heading = "How to fetch")]
    pub(crate) concurrency: NonZeroUsize,
    /// How often a failed URL is tried again.
    ///
    /// What is tried again, and after how long, stands below.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        help_heading = "How to fetch"
    )]
    pub(crate) retries: u32,
    /// How long one request may take: 500ms, 30s or 2m; a bare number is seconds.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time, help_heading = "How to fetch")]
    pub(crate) timeout: Duration,
    /// Writes each result as a JSON line to this file, overwritten unless --resume goes on; - is standard output.
    #[arg(short, long, value_name = "FILE", help_heading = "What to show")]
    pub(crate) output: Option<PathBuf>,
    /// Goes on from the results in the -o file: what has its answer there is not fetched again.
    #[arg(long, requires = "output", help_heading = "What to fetch")]
    pub(crate) resume: bool,
    /// Writes each result as a JSON line to standard output.
    #[arg(long, help_heading = "What to show")]
    pub(crate) json: bool,
    /// Shows no progress and no summary; what went wrong is shown all the same.
    #[arg(long, help_heading = "What to show")]
    pub(crate) quiet: bool,
}

/// What else the program does than fetch a list.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Crawls the web from its seeds: politely, by robots.txt, each page once.
    #[command(after_help = crawl_help::crawl(), after_long_help = crawl_help::crawl_long())]
    Crawl(Box<CrawlFlags>),
    /// Goes on with a crawl that was interrupted, killed, or out of disk.
    #[command(after_help = crawl_help::resume(), after_long_help = crawl_help::resume())]
    Resume(ResumeFlags),
}

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
pub(crate) fn read_from(mut args: Vec<OsString>) -> Result<Flags, clap::Error> {
    let flags = Flags::try_parse_from(&args)?;
    let Some(file) = flags.config() else {
        return Ok(flags);
    };
    let program = Flags::command();
    let matches = program.clone().try_get_matches_from(&args)?;
    let Some(subcommand) = matches.subcommand() else {
        return Ok(flags);
    };
    let added = config::flags_of(file, &program, subcommand)
        .map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, format!("{error}\n")))?;
    // A subcommand is the first argument, as the program's own flags exclude it.
    args.splice(2..2, added);
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

pub(crate) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    let number: usize = text
        .parse()
        .map_err(|_| "write a whole number of at least 1".to_owned())?;
    NonZeroUsize::new(number).ok_or_else(|| "nothing would be fetched; write at least 1".to_owned())
}

impl Flags {
    /// Returns the configuration file that is named.
    fn config(&self) -> Option<&Path> {
        let how = match &self.command {
            None => return None,
            Some(Command::Crawl(flags)) => &flags.how,
            Some(Command::Resume(flags)) => &flags.how,
        };
        how.config.as_deref()
    }

    /// Returns the file the results go to, if they go to one.
    pub(crate) fn output_file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    /// Returns the API that was named. It is not read with the other flags: their errors repeat the value, and this
    /// one may hold a password.
    pub(crate) fn api_url(&self) -> anyhow::Result<Option<Url>> {
        let Some(text) = &self.api else {
            return Ok(None);
        };
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
            _ => anyhow::bail!(
                "--api is no http or https URL; write one such as http://127.0.0.1:4000"
            ),
        }
    }
}

/// Reads a time that may be none.
pub(crate) fn delay(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" | "0ms" => Ok(Duration::ZERO),
        _ => time(text),
    }
}

/// Reads a number with its unit; a bare number is seconds.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "write a time such as 500ms, 30s or 2m".to_owned())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        _ => return Err(format!("{unit:?} is no unit; write ms, s or m")),
    };
    match milliseconds {
        Some(0) => Err("no request ends in no time; write at least 1ms".to_owned()),
        Some(milliseconds) if milliseconds <= 86_400_000 => Ok(Duration::from_millis(milliseconds)),
        _ => Err("write at most a day: 1440m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, Reason, Rejected};

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn the_long_help_explains_each_field_of_a_record() {
        let line = Rejected {
            line: 1,
            reason: Reason::NotUtf8,
        };
        let record = serde_json::to_value(Outcome::rejected(&line)).unwrap();
        let fields: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
        let help = Flags::command().render_long_help().to_string();
        for field in fields {
            let is_told = help.contains(&format!("\n  {field} "));
            assert!(is_told, "{field}: {help}");
        }
    }

    #[test]
    fn an_argument_without_a_flag_is_not_repeated() {
        let error = Flags::try_parse_from(["crawler", "http://ann:secret@h"]).unwrap_err();
        let told = without_stray(error).to_string();
        assert!(
            told.contains("--urls FILE") && !told.contains("//"),
            "{told}"
        );
    }

    #[test]
    fn times_have_units_and_a_bare_number_is_seconds() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("30"), time("30s"));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
    }

    #[test]
    fn no_time_and_too_much_time_are_refused() {
        for text in ["0s", "", "-1s", "5h", "99999999999999999999s", "2000m"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_concurrency_of_none_is_refused_with_its_reason() {
        assert!(at_least_one("0").unwrap_err().contains("at least 1"));
    }

    #[test]
    fn a_list_and_a_count_exclude_each_other() {
        assert!(Flags::try_parse_from(["crawler", "--urls", "-", "--count", "3"]).is_err());
    }

    #[test]
    fn an_api_that_is_no_http_url_is_refused_without_its_value() {
        let flags = Flags::parse_from(["crawler", "--api", "ftp://ann:secret@h"]);
        let error = flags.api_url().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
