//! The program's command line as a whole.

use std::path::Path;

use clap::{Parser, Subcommand};

use super::help;
use super::{
    CrawlFlags, ExplainFlags, ExportFlags, HowFlags, ListFlags, LookFlags, MannersFlags,
    ResumeFlags, StatusFlags,
};

/// Fetches a list of URLs, or crawls the web, each URL once and never more at a time than there is demand.
///
/// Without a command it fetches a list: 100 pages of an API that is slow on purpose, or the URLs of --urls.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = help::list(), after_long_help = help::list_long())]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) list: ListFlags,
    #[command(flatten)]
    pub(crate) manners: MannersFlags,
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

/// What else the program does than fetch a list.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Crawls the web from its seeds: politely, by robots.txt, each page once.
    #[command(after_help = help::crawl(), after_long_help = help::crawl_long())]
    Crawl(Box<CrawlFlags>),
    /// Goes on with a job that was interrupted, killed, or out of disk.
    #[command(after_help = help::resume(), after_long_help = help::resume())]
    Resume(Box<ResumeFlags>),
    /// Tells how far a job has come, also while another process works on it.
    ///
    /// It is seeding while its first URLs come in, then running, and done when nothing is left; one that is not done is
    /// stopped while nobody works on it.
    Status(StatusFlags),
    /// Tells what became of URLs, and what each rule says of them.
    Explain(ExplainFlags),
    /// Writes the records of a job once more, in any format, also while it runs.
    #[command(after_help = help::export(), after_long_help = help::export())]
    Export(Box<ExportFlags>),
    /// Lists the processes that share a crawl, and how far they have come.
    Nodes(LookFlags),
}

impl Flags {
    /// Returns what is said of the run, whatever it does.
    pub(crate) fn how(&self) -> &HowFlags {
        match &self.command {
            None
            | Some(
                Command::Nodes(_) | Command::Status(_) | Command::Explain(_) | Command::Export(_),
            ) => &self.how,
            Some(Command::Crawl(flags)) => &flags.how,
            Some(Command::Resume(flags)) => &flags.how,
        }
    }

    /// Returns the configuration file that is named.
    pub(super) fn config(&self) -> Option<&Path> {
        match &self.command {
            Some(Command::Nodes(flags)) => flags.config.as_deref(),
            Some(Command::Status(flags)) => flags.look.config.as_deref(),
            Some(Command::Explain(flags)) => flags.look.config.as_deref(),
            Some(Command::Export(flags)) => flags.config.as_deref(),
            _ => self.how().config.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn each_size_says_what_a_bare_number_is() {
        let program = Flags::command();
        let commands = [&program].into_iter().chain(program.get_subcommands());
        let sizes = commands
            .flat_map(clap::Command::get_arguments)
            .filter(|arg| {
                let names = arg.get_value_names().unwrap_or_default();
                names.iter().any(|name| name == "SIZE")
            });
        let helps: Vec<_> = sizes
            .map(|arg| arg.get_help().unwrap().to_string())
            .collect();
        assert!(!helps.is_empty());
        for help in helps {
            assert!(help.contains("a bare number"), "{help}");
        }
    }

    #[test]
    fn each_flag_has_its_variable() {
        let program = Flags::command();
        let commands = [&program].into_iter().chain(program.get_subcommands());
        for arg in commands.flat_map(clap::Command::get_arguments) {
            let Some(long) = arg
                .get_long()
                .filter(|long| !["help", "version"].contains(long))
            else {
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
