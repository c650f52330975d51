//! What belongs to one run alone, whatever it fetches.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::values::{at_least_one, number, rate, server, size, some_bytes, time};

const MIB: u64 = 1024 * 1024;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// A line of JSON for each event.
    Json,
}

/// What belongs to this run alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct HowFlags {
    /// A TOML file that holds flags, under their names without the dashes; given flags and variables go before it.
    ///
    /// A line is such as depth = 3, allow-private = true or include = ["/docs/", "/blog/"]. One file may hold the flags of
    /// all commands.
    #[arg(
        long,
        value_name = "FILE",
        env = "CRAWLER_CONFIG",
        help_heading = "Configuration"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Where the records go: .jsonl, .csv or .warc.gz; - is standard output; may be given several times.
    ///
    /// The ending picks the format: a line of JSON for each, a row of CSV, or an archive (WARC 1.1) of all that was asked
    /// and answered. pages.warc.gz is written as pages-00000.warc.gz, pages-00001.warc.gz and so on, and the one that is
    /// being written ends with .open. Without an ending, and on standard output, it is lines of JSON.
    ///
    /// Without it they go to DIR/pages.jsonl where there is a job's folder, and also to standard output where that is piped
    /// or redirected; those of a job that is resumed go where they went, and -o says where that is now. A file that holds
    /// something else is left alone unless the job begins with --fresh.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "CRAWLER_OUTPUT",
        help_heading = "Output"
    )]
    pub(crate) output: Vec<PathBuf>,
    /// How large a file of an archive becomes before the next is begun, such as 500MiB, a bare number being MiB; 1GiB
    /// without it.
    #[arg(long, value_name = "SIZE", value_parser = some_bytes, env = "CRAWLER_WARC_SIZE", help_heading = "Output")]
    pub(crate) warc_size: Option<u64>,
    /// Most visits at once; 100 for a list, 64 for a crawl.
    #[arg(long, value_name = "N", value_parser = at_least_one, env = "CRAWLER_CONCURRENCY", help_heading = "How to fetch")]
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// Most visits that begin in a second or a minute, such as 200/s or 30/m; any number without it.
    #[arg(long, value_name = "N/s", value_parser = rate, env = "CRAWLER_RATE", help_heading = "How to fetch")]
    pub(crate) rate: Option<Duration>,
    /// How often a failed URL is tried again; 3 times without it.
    #[arg(
        long,
        value_name = "N",
        value_parser = number::<u16>,
        env = "CRAWLER_RETRIES",
        help_heading = "How to fetch"
    )]
    pub(crate) retries: Option<u16>,
    /// How long one fetch may take, from its start to the end of the body: 500ms, 30s or 2m; a bare number is seconds, and
    /// it is 120s without it.
    #[arg(long, value_name = "TIME", value_parser = time, env = "CRAWLER_TIMEOUT", help_heading = "How to fetch")]
    pub(crate) timeout: Option<Duration>,
    /// How much of a body is read at most, decoded, such as 512KiB or 10MiB, a bare number being MiB; 10MiB without
    /// it, and of a sitemap 50MiB.
    #[arg(long, value_name = "SIZE", value_parser = some_bytes, env = "CRAWLER_MAX_BODY", help_heading = "Safety")]
    pub(crate) max_body: Option<u64>,
    /// Memory for all bodies in flight, a bare number being MiB; 256MiB without it.
    #[arg(long, value_name = "SIZE", value_parser = some_bytes, env = "CRAWLER_MEMORY", help_heading = "Safety")]
    pub(crate) memory: Option<u64>,
    /// Ends the run while less than this is free on the disk of the job or its output, a bare number being MiB, 1GiB without
    /// it; it can then be resumed.
    #[arg(long, value_name = "SIZE", value_parser = size, env = "CRAWLER_MIN_FREE", help_heading = "Safety")]
    pub(crate) min_free: Option<u64>,
    /// The DNS server that names are looked up with, such as 127.0.0.1:53; the machine's own without it.
    #[arg(
        long,
        value_name = "ADDR",
        value_parser = server,
        env = "CRAWLER_DNS",
        help_heading = "How to fetch"
    )]
    pub(crate) dns: Option<SocketAddr>,
    /// Tells what would be fetched first and what refused, and why, and makes no request.
    #[arg(long, env = "CRAWLER_DRY_RUN", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// Shows no progress and no summary; what went wrong is shown all the same.
    #[arg(long, env = "CRAWLER_QUIET", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) quiet: bool,
    /// How log lines are written; the variable `RUST_LOG` chooses them.
    #[arg(
        long,
        value_enum,
        default_value = "text",
        env = "CRAWLER_LOG",
        help_heading = "Output"
    )]
    pub(crate) log: LogFormat,
}

impl HowFlags {
    pub(crate) fn retries(&self) -> u16 {
        self.retries.unwrap_or(3)
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(120))
    }

    pub(crate) fn max_body(&self) -> u64 {
        self.max_body.unwrap_or(10 * MIB)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory.unwrap_or(256 * MIB)
    }

    pub(crate) fn min_free(&self) -> u64 {
        self.min_free.unwrap_or(1024 * MIB)
    }

    /// Returns the outputs that are files.
    pub(crate) fn output_files(&self) -> impl Iterator<Item = &Path> {
        let outputs = self.output.iter().map(PathBuf::as_path);
        outputs.filter(|path| *path != Path::new("-"))
    }
}
