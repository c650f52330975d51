//! The configuration file: TOML whose keys are the names of the flags of `crawl` and `resume`.
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
    #[error(
        "{file}: the key {key:?} is not known; the keys are the flags of crawl and resume, such as {known}"
    )]
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

/// Returns the flags that a file adds to those that were given to a subcommand, whose `matches` these are.
///
/// # Errors
///
/// [`ConfigError`] names the file and the key.
pub(crate) fn flags_of(
    file: &Path,
    program: &Command,
    (name, matches): (&str, &ArgMatches),
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
        let (of, arg) = find(program, name, key).ok_or_else(|| ConfigError::UnknownKey {
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
        // A key of the other subcommand is right, and nothing to this one.
        if of == name && !is_given(matches, arg) {
            flags.extend(own);
        }
    }
    Ok(flags)
}

/// Finds the flag of a key: of this subcommand, or else of another.
fn find<'a>(program: &'a Command, name: &str, key: &str) -> Option<(&'a str, &'a Arg)> {
    let mut subcommands: Vec<_> = program.get_subcommands().collect();
    subcommands.sort_by_key(|subcommand| subcommand.get_name() != name);
    let flags = subcommands.into_iter().flat_map(|subcommand| {
        let flags = subcommand.get_arguments();
        flags.map(|arg| (subcommand.get_name(), arg))
    });
    flags
        .into_iter()
        .find(|(_, arg)| arg.get_long() == Some(key) && !NOT_KEPT.contains(&key))
}

/// Returns the known keys that begin as this one does, or all.
fn nearest(program: &Command, key: &str) -> String {
    let subcommands = program.get_subcommands();
    let mut known: Vec<_> = subcommands
        .flat_map(Command::get_arguments)
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
fn try_alone(program: &Command, subcommand: &str, flags: &[OsString]) -> Result<(), String> {
    let line = ["crawler", subcommand, "https://example.com/"].map(OsString::from);
    let line = line.into_iter().chain(flags.iter().cloned());
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
    use crate::cli::Flags;

    fn read(text: &str, args: &[&str]) -> Result<crate::cli::Flags, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crawl.toml");
        std::fs::write(&file, text).unwrap();
        let file = format!("--config={}", file.display());
        let args = args.iter().copied().chain([file.as_str()]);
        crate::cli::read_from(args.map(OsString::from).collect())
            .map_err(|error| error.to_string().replace('\n', " "))
    }

    fn crawl(text: &str, args: &[&str]) -> crate::crawl_flags::CrawlFlags {
        let args = [&["crawler", "crawl", "http://h/"], args].concat();
        match read(text, &args).unwrap().command {
            Some(crate::cli::Command::Crawl(flags)) => *flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_file_goes_before_the_defaults_and_a_flag_before_the_file() {
        let text = "depth = 3\nretries = 7\ndelay = \"2s\"\nallow-private = true\nquiet = false";
        let flags = crawl(text, &["--retries", "1"]);
        assert_eq!((flags.what.depth, flags.how.retries), (3, 1));
        assert_eq!(flags.what.delay, Some(std::time::Duration::from_secs(2)));
        assert!(flags.what.allow_private && !flags.how.quiet);
        assert_eq!(flags.how.concurrency.get(), 64);
    }

    #[test]
    fn a_list_is_given_whole_or_not_at_all() {
        let text = "include = [\"a\", \"b\"]\nexclude = \"c\"";
        let flags = crawl(text, &["--exclude", "d"]);
        assert_eq!(flags.what.include, ["a", "b"]);
        assert_eq!(flags.what.exclude, ["d"]);
    }

    #[test]
    fn one_file_serves_both_commands() {
        let text = "depth = 3\nretries = 7";
        let flags = read(text, &["crawler", "resume", "dir"]).unwrap();
        match flags.command {
            Some(crate::cli::Command::Resume(flags)) => assert_eq!(flags.how.retries, 7),
            other => panic!("{other:?}"),
        }
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
        let found = found.subcommand().unwrap();
        let flags = flags_of(&file, &program, found).unwrap();
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
        let error = crate::cli::read_from(args.map(OsString::from).to_vec()).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("/nowhere/a.toml"), "{told}");
    }

    #[test]
    fn each_flag_of_a_crawl_has_its_variable() {
        let program = <Flags as clap::CommandFactory>::command();
        for arg in program.get_subcommands().flat_map(Command::get_arguments) {
            let Some(long) = arg.get_long().filter(|long| *long != "help") else {
                continue;
            };
            let name = format!("CRAWLER_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(
                arg.get_env().and_then(|env| env.to_str()),
                Some(name.as_str())
            );
        }
    }
}
