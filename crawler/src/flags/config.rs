//! The configuration file: TOML whose keys are the names of the flags, of whichever command.
//!
//! A key is turned into its flag where neither the command line nor the environment gave it, so what a flag refuses the
//! file can't hold either. Each key is tried alone first: an error then names it.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use thiserror::Error;
use toml::{Table, Value};

/// What is no flag to be kept in a file: the file itself, and what clap adds.
const NOT_KEPT: [&str; 3] = ["config", "help", "version"];

/// Why a configuration file can't be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the configuration {file}: {cause}; name a file that can be read")]
    Unreadable { file: String, cause: std::io::Error },
    #[error("{file} is no TOML: {cause}; write lines such as depth = 3")]
    NotToml { file: String, cause: String },
    #[error("{file}: the key {key:?} is not known; the keys are the flags, such as {known}")]
    UnknownKey {
        file: String,
        key: String,
        known: String,
    },
    #[error("{file}: the key {key:?} holds {found}; write {wanted}")]
    WrongType {
        file: String,
        key: String,
        found: &'static str,
        wanted: &'static str,
    },
    #[error("{file}: the key {key:?} holds a wrong value: {cause}")]
    WrongValue {
        file: String,
        key: String,
        cause: String,
    },
}

/// What was given on the command line and in the environment, and to whom.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    Program(&'a ArgMatches),
    Command(&'a str, &'a ArgMatches),
}

impl<'a> Given<'a> {
    /// Returns the name of the command, if one was given.
    const fn command(self) -> Option<&'a str> {
        match self {
            Self::Program(_) => None,
            Self::Command(name, _) => Some(name),
        }
    }

    const fn matches(self) -> &'a ArgMatches {
        match self {
            Self::Program(matches) | Self::Command(_, matches) => matches,
        }
    }
}

/// Returns the flags that a file adds to those that were given.
///
/// # Errors
///
/// [`ConfigError`] names the file and the key.
pub(super) fn flags_of(
    file: &Path,
    program: &Command,
    given: Given,
) -> Result<Vec<OsString>, ConfigError> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|cause| ConfigError::Unreadable {
        file: shown.clone(),
        cause,
    })?;
    let table: Table = text.parse().map_err(|cause: toml::de::Error| {
        let line = cause
            .span()
            .map_or(0, |span| text[..span.start].matches('\n').count())
            + 1;
        ConfigError::NotToml {
            file: shown.clone(),
            cause: format!("line {line}: {}", cause.message()),
        }
    })?;
    let mut flags = Vec::new();
    for (key, value) in &table {
        let (of, arg) =
            find(program, given.command(), key).ok_or_else(|| ConfigError::UnknownKey {
                file: shown.clone(),
                key: key.clone(),
                known: nearest(program, key),
            })?;
        let own = written(arg, value).map_err(|wanted| ConfigError::WrongType {
            file: shown.clone(),
            key: key.clone(),
            found: kind(value),
            wanted,
        })?;
        try_alone(program, of, &own).map_err(|cause| ConfigError::WrongValue {
            file: shown.clone(),
            key: key.clone(),
            cause,
        })?;
        // A key of another command is right, and nothing to this one.
        if of == given.command() && !is_given(given.matches(), arg) {
            flags.extend(own);
        }
    }
    Ok(flags)
}

/// Returns the program itself and its commands, each with its name.
fn commands(program: &Command) -> Vec<(Option<&str>, &Command)> {
    let own = [(None, program)].into_iter();
    let others = program.get_subcommands();
    own.chain(others.map(|command| (Some(command.get_name()), command)))
        .collect()
}

/// Finds the flag of a key: of this command, or else of another.
fn find<'a>(
    program: &'a Command,
    name: Option<&str>,
    key: &str,
) -> Option<(Option<&'a str>, &'a Arg)> {
    let mut commands = commands(program);
    commands.sort_by_key(|(of, _)| *of != name);
    let mut flags = commands
        .into_iter()
        .flat_map(|(of, command)| command.get_arguments().map(move |arg| (of, arg)));
    flags.find(|(_, arg)| arg.get_long() == Some(key) && !NOT_KEPT.contains(&key))
}

/// Returns the known keys that begin as this one does, or all.
fn nearest(program: &Command, key: &str) -> String {
    let mut known: Vec<_> = commands(program)
        .into_iter()
        .flat_map(|(_, command)| command.get_arguments())
        .filter_map(Arg::get_long)
        .filter(|known| !NOT_KEPT.contains(known))
        .collect();
    known.sort_unstable();
    known.dedup();
    let alike: Vec<_> = known
        .iter()
        .copied()
        .filter(|known| known.get(..1) == key.get(..1))
        .collect();
    if alike.is_empty() { known } else { alike }.join(", ")
}

/// Writes a value as flags, or says what the key holds.
fn written(arg: &Arg, value: &Value) -> Result<Vec<OsString>, &'static str> {
    let long = arg.get_long().unwrap_or_default();
    let flag = |value: &Value, wanted| match value {
        Value::String(text) => Ok(OsString::from(format!("--{long}={text}"))),
        Value::Integer(number) => Ok(OsString::from(format!("--{long}={number}"))),
        _ => Err(wanted),
    };
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec![format!("--{long}").into()]),
        (ArgAction::SetTrue, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, _) => Err("true or false"),
        (ArgAction::Append, Value::Array(values)) => {
            let each = values.iter().map(|value| flag(value, "a list of texts"));
            each.collect()
        }
        (ArgAction::Append, value) => Ok(vec![flag(value, "a list of texts")?]),
        (_, value) => Ok(vec![flag(value, "a text or a whole number")?]),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Reads the flags with nothing beside them.
fn try_alone(program: &Command, command: Option<&str>, flags: &[OsString]) -> Result<(), String> {
    let found = command.and_then(|name| program.find_subcommand(name));
    let takes_argument = found.is_some_and(|found| found.get_positionals().next().is_some());
    let argument = takes_argument.then_some("https://example.com/");
    let line = [Some("crawler"), command, argument];
    let line = line.into_iter().flatten().map(OsString::from);
    let line = line.chain(flags.iter().cloned());
    match program.clone().try_get_matches_from(line) {
        Ok(_) => Ok(()),
        Err(error) => {
            let told = error.to_string();
            let first = told.lines().next().unwrap_or_default();
            Err(first.trim_start_matches("error: ").to_owned())
        }
    }
}

fn is_given(matches: &ArgMatches, arg: &Arg) -> bool {
    matches!(
        matches.value_source(arg.get_id().as_str()),
        Some(ValueSource::CommandLine | ValueSource::EnvVariable)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::read::read_from;
    use crate::flags::{Command as Named, CrawlFlags, Flags};

    fn read(text: &str, args: &[&str]) -> Result<Flags, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crawl.toml");
        std::fs::write(&file, text).unwrap();
        let file = format!("--config={}", file.display());
        let args = args.iter().copied().chain([file.as_str()]);
        read_from(args.map(OsString::from).collect())
            .map_err(|error| error.to_string().replace('\n', " "))
    }

    fn crawl(text: &str, args: &[&str]) -> CrawlFlags {
        let args = [&["crawler", "crawl", "http://h/"], args].concat();
        match read(text, &args).unwrap().command {
            Some(Named::Crawl(flags)) => *flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_file_goes_before_the_defaults_and_a_flag_before_the_file() {
        let text = "depth = 3\nretries = 7\ndelay = \"2s\"\nallow-private = true\nquiet = false";
        let flags = crawl(text, &["--retries", "1"]);
        assert_eq!((flags.reach.depth, flags.how.retries), (3, Some(1)));
        assert_eq!(flags.manners.delay, Some(std::time::Duration::from_secs(2)));
        assert!(flags.manners.allow_private && !flags.how.quiet);
        assert_eq!(flags.how.concurrency, None);
    }

    #[test]
    fn what_is_followed_is_a_list_or_a_text_with_commas() {
        use crate::flags::FollowName::{Assets, Css, Forms};
        let follow = |text: &str, args: &[&str]| crawl(text, args).reach.follow;
        assert_eq!(follow("follow = [\"css\", \"forms\"]", &[]), [Css, Forms]);
        assert_eq!(follow("follow = \"assets,css\"", &[]), [Assets, Css]);
        assert_eq!(follow("follow = \"css\"", &["--follow", "forms"]), [Forms]);
        assert_eq!(
            follow("", &["--follow=css", "--follow=assets"]),
            [Css, Assets]
        );
        let error = read("follow = [\"all\"]", &["crawler", "crawl", "http://h/"]).unwrap_err();
        assert!(
            error.contains("\"follow\"") && error.contains("all"),
            "{error}"
        );
    }

    #[test]
    fn a_list_is_given_whole_or_not_at_all() {
        let text = "include = [\"a\", \"b\"]\nexclude = \"c\"";
        let flags = crawl(text, &["--exclude", "d"]);
        assert_eq!(flags.reach.include, ["a", "b"]);
        assert_eq!(flags.reach.exclude, ["d"]);
    }

    #[test]
    fn one_file_serves_all_commands() {
        let text = "depth = 3\nretries = 7\ncount = 5";
        let flags = read(text, &["crawler", "resume", "dir"]).unwrap();
        match flags.command {
            Some(Named::Resume(flags)) => assert_eq!(flags.how.retries, Some(7)),
            other => panic!("{other:?}"),
        }
        let text = "frontier = 'postgres://h/db'\njson = true";
        let flags = read(text, &["crawler", "nodes"]).unwrap();
        match flags.command {
            Some(Named::Nodes(flags)) => assert!(flags.json && flags.shared.frontier.is_some()),
            other => panic!("{other:?}"),
        }
        let text = "retries = 7\ncount = 5";
        let flags = read(text, &["crawler", "--retries", "2"]).unwrap();
        assert_eq!((flags.how.retries, flags.list.count.get()), (Some(2), 5));
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crawl.toml");
        std::fs::write(&file, "name = 'a'\nother = 'b'").unwrap();
        // Cargo sets the first variable, and nobody the second.
        let name = Arg::new("name").long("name").env("CARGO_PKG_NAME");
        let other = Arg::new("other").long("other").env("CRAWLER_OTHER");
        let subcommand = Command::new("crawl").args([Arg::new("url"), name, other]);
        let program = Command::new("crawler").subcommand(subcommand);
        let found = program.clone().get_matches_from(["crawler", "crawl", "u"]);
        let (name, found) = found.subcommand().unwrap();
        let flags = flags_of(&file, &program, Given::Command(name, found)).unwrap();
        assert_eq!(flags, ["--other=b"]);
    }

    #[test]
    fn an_error_names_the_file_the_key_and_what_to_do() {
        fn check(text: &str, expected: &[&str]) {
            let told = read(text, &["crawler", "crawl", "http://h/"]).unwrap_err();
            for words in expected.iter().chain(&["crawl.toml"]) {
                assert!(told.contains(words), "{text}: no {words:?} in {told}");
            }
        }
        check("dept = 3", &["\"dept\"", "not known", "depth"]);
        check("config = 'a'", &["\"config\"", "not known"]);
        check(
            "depth = 1.5",
            &["\"depth\"", "a number with a fraction", "write a text or"],
        );
        check(
            "allow-private = 1",
            &["\"allow-private\"", "write true or false"],
        );
        check("include = [1.5]", &["\"include\"", "write a list of texts"]);
        check("depth = 'deep'", &["\"depth\"", "deep"]);
        check("delay = '5h'", &["\"delay\"", "write ms, s or m"]);
        check(
            "allow-net = ['10.0.0.0/99']",
            &["\"allow-net\"", "10.0.0.0/99"],
        );
        check("scope = 'galaxy'", &["\"scope\"", "galaxy"]);
        check("depth = 3\n= 5", &["no TOML", "line 2"]);
        check("depth = 3\ndepth = 4", &["no TOML", "duplicate key"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let args = [
            "crawler",
            "crawl",
            "http://h/",
            "--config",
            "/nowhere/a.toml",
        ];
        let error = read_from(args.map(OsString::from).to_vec()).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("/nowhere/a.toml"), "{told}");
    }
}
