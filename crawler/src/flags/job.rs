//! The flags of the commands that look at a job: `crawler status`, `crawler explain` and `crawler nodes`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::SharedFlags;

/// How a job is looked at.
#[derive(Debug, Args)]
pub(crate) struct LookFlags {
    #[command(flatten)]
    pub(crate) shared: SharedFlags,
    /// Tells it as lines of JSON.
    #[arg(long, env = "CRAWLER_JSON", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) json: bool,
    /// A TOML file that holds flags, under their names without the dashes.
    #[arg(
        long,
        value_name = "FILE",
        env = "CRAWLER_CONFIG",
        help_heading = "Configuration"
    )]
    pub(crate) config: Option<PathBuf>,
}

/// Tells how far a job has come.
#[derive(Debug, Args)]
pub(crate) struct StatusFlags {
    /// The folder of the job; without it the shared crawl, or the one job that is kept here.
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) look: LookFlags,
    /// Tells it each second, until the job is done, or nobody works on it.
    #[arg(long, env = "CRAWLER_WATCH", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) watch: bool,
}

/// Tells what became of URLs, and what each rule says of them.
#[derive(Debug, Args)]
pub(crate) struct ExplainFlags {
    /// The URLs; - reads them from standard input, one a line.
    #[arg(value_name = "URL", required = true)]
    pub(crate) urls: Vec<String>,
    /// The folder of the job; without it the shared crawl, or the one job that is kept here.
    #[arg(
        long,
        value_name = "DIR",
        env = "CRAWLER_JOB",
        help_heading = "What is asked"
    )]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) look: LookFlags,
}
