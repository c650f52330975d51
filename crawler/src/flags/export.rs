//! The flags of `crawler export`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::SharedFlags;

/// Writes the records of a job once more, in any format, also while it runs.
#[derive(Debug, Args)]
pub(crate) struct ExportFlags {
    /// The folder of the job; without it the shared crawl, or the one job that is kept here.
    #[arg(value_name = "DIR")]
    pub(crate) job: Option<PathBuf>,
    /// Where the records go: .jsonl, .csv or .warc.gz; - is standard output, also without it; may be given several times.
    ///
    /// The ending picks the format. What is settled is written, and what a running job settles meanwhile is not waited for.
    /// An archive can be had only where the job writes one, of which it is a copy.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "CRAWLER_OUTPUT",
        help_heading = "Output"
    )]
    pub(crate) output: Vec<PathBuf>,
    /// Overwrites a file that holds something.
    #[arg(long, env = "CRAWLER_FRESH", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) shared: SharedFlags,
    /// A TOML file that holds flags, under their names without the dashes.
    #[arg(
        long,
        value_name = "FILE",
        env = "CRAWLER_CONFIG",
        help_heading = "Configuration"
    )]
    pub(crate) config: Option<PathBuf>,
}
