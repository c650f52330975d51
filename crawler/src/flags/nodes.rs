//! The flags of `crawler nodes`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::SharedFlags;

/// Lists the processes that share a crawl, and how far they have come.
#[derive(Debug, Args)]
pub(crate) struct NodesFlags {
    #[command(flatten)]
    pub(crate) shared: SharedFlags,
    /// Lists them as lines of JSON, the last of which is the crawl.
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
