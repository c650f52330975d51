//! The flags of `crawler crawl` and `crawler resume`, checked where they are read.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::cli::{at_least_one, delay, time};

/// How far a crawl goes from its seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum ScopeName {
    /// The registrable domains of the seeds, with their subdomains.
    Site,
    /// The hosts of the seeds.
    Host,
    /// The hosts, schemes and ports of the seeds.
    Origin,
    /// Everywhere.
    Any,
}

/// Crawls the web from its seeds: politely, by robots.txt, each page once.
#[derive(Debug, Args)]
pub(crate) struct CrawlFlags {
    /// Where the crawl begins: http or https URLs.
    ///
    /// A seed on this machine or in a private network may be fetched because it was typed, without delay or limit.
    #[arg(value_name = "URL", required = true)]
    pub(crate) seeds: Vec<String>,
    /// The folder of the crawl: crawl.db, and pages.jsonl unless -o says otherwise; ./crawl-HOST without it.
    #[arg(long, value_name = "DIR", env = "CRAWLER_JOB", help_heading = "Output")]
    pub(crate) job: Option<PathBuf>,
    /// Begins anew where the folder holds a crawl.
    #[arg(long, env = "CRAWLER_FRESH", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) what: WhatFlags,
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

/// Goes on with a crawl that was interrupted, killed, or out of disk.
#[derive(Debug, Args)]
pub(crate) struct ResumeFlags {
    /// The folder of the crawl.
    #[arg(value_name = "DIR")]
    pub(crate) job: PathBuf,
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

/// What belongs to the crawl: kept with it, for the day it is resumed.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub(crate) struct WhatFlags {
    /// How far it goes.
    #[arg(
        long,
        value_enum,
        default_value = "site",
        env = "CRAWLER_SCOPE",
        help_heading = "What to crawl"
    )]
    pub(crate) scope: ScopeName,
    /// Follows only URLs that this regular expression matches; may be given several times.
    #[arg(
        long,
        value_name = "REGEX",
        env = "CRAWLER_INCLUDE",
        help_heading = "What to crawl"
    )]
    pub(crate) include: Vec<String>,
    /// Leaves out URLs that this regular expression matches; may be given several times.
    #[arg(
        long,
        value_name = "REGEX",
        env = "CRAWLER_EXCLUDE",
        help_heading = "What to crawl"
    )]
    pub(crate) exclude: Vec<String>,
    /// How many links from a seed; 0 is the seeds alone.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 25,
        env = "CRAWLER_DEPTH",
        help_heading = "What to crawl"
    )]
    pub(crate) depth: u32,
    /// How many pages at most.
    #[arg(
        long,
        value_name = "N",
        env = "CRAWLER_PAGES",
        help_heading = "What to crawl"
    )]
    pub(crate) pages: Option<u64>,
    /// Takes parameters that only track, such as `utm_source`, off links.
    #[arg(long, env = "CRAWLER_STRIP_TRACKING", value_parser = BoolishValueParser::new(), help_heading = "What to crawl")]
    pub(crate) strip_tracking: bool,
    /// The least time from the end of one fetch of a site to the start of the next; 1s, and none for typed private seeds.
    #[arg(long, value_name = "TIME", value_parser = delay, env = "CRAWLER_DELAY", help_heading = "Politeness")]
    pub(crate) delay: Option<Duration>,
    /// Does not ask robots.txt. For sites of your own.
    #[arg(long, env = "CRAWLER_IGNORE_ROBOTS", value_parser = BoolishValueParser::new(), help_heading = "Politeness")]
    pub(crate) ignore_robots: bool,
    /// What the crawler calls itself; its name is what robots.txt is read for.
    #[arg(
        long,
        value_name = "TEXT",
        env = "CRAWLER_USER_AGENT",
        help_heading = "Politeness"
    )]
    pub(crate) user_agent: Option<String>,
    /// A URL or address that site owners reach you at; sent with the name.
    #[arg(
        long,
        value_name = "TEXT",
        env = "CRAWLER_CONTACT",
        help_heading = "Politeness"
    )]
    pub(crate) contact: Option<String>,
    /// Lets the crawl connect to private, loopback and other special addresses that it finds.
    #[arg(long, env = "CRAWLER_ALLOW_PRIVATE", value_parser = BoolishValueParser::new(), help_heading = "Safety")]
    pub(crate) allow_private: bool,
    /// Lets the crawl connect to this network, such as 10.1.0.0/16; may be given several times.
    #[arg(
        long,
        value_name = "CIDR",
        env = "CRAWLER_ALLOW_NET",
        help_heading = "Safety"
    )]
    pub(crate) allow_net: Vec<IpNet>,
}

/// What belongs to this run alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct HowFlags {
    /// A TOML file that holds flags, under their names without the dashes; given flags and variables go before it.
    ///
    /// A line is such as depth = 3, allow-private = true or include = ["/docs/", "/blog/"]. One file may hold the flags of
    /// crawl and of resume.
    #[arg(
        long,
        value_name = "FILE",
        env = "CRAWLER_CONFIG",
        help_heading = "Configuration"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Where the records go, a line of JSON each; DIR/pages.jsonl without it.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "CRAWLER_OUTPUT",
        help_heading = "Output"
    )]
    pub(crate) output: Option<PathBuf>,
    /// Most visits at once.
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one, env = "CRAWLER_CONCURRENCY", help_heading = "How to crawl")]
    pub(crate) concurrency: NonZeroUsize,
    /// How often a failed URL is tried again.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        env = "CRAWLER_RETRIES",
        help_heading = "How to crawl"
    )]
    pub(crate) retries: u16,
    /// How long one fetch may take, from its start to the end of the body.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = time, env = "CRAWLER_TIMEOUT", help_heading = "How to crawl")]
    pub(crate) timeout: Duration,
    /// Bytes of a body, decoded, that are read at most, in MiB.
    #[arg(long, value_name = "MIB", default_value = "10", value_parser = at_least_one, env = "CRAWLER_MAX_BODY", help_heading = "Safety")]
    pub(crate) max_body: NonZeroUsize,
    /// Memory for all bodies in flight, in MiB.
    #[arg(long, value_name = "MIB", default_value = "256", value_parser = at_least_one, env = "CRAWLER_MEMORY", help_heading = "Safety")]
    pub(crate) memory: NonZeroUsize,
    /// The DNS server that names are looked up with, such as 127.0.0.1:53; the machine's own without it.
    #[arg(
        long,
        value_name = "ADDR",
        env = "CRAWLER_DNS",
        help_heading = "How to crawl"
    )]
    pub(crate) dns: Option<SocketAddr>,
    /// Shows no progress and no summary; what went wrong is shown all the same.
    #[arg(long, env = "CRAWLER_QUIET", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// A crawl as it is kept: its seeds, and what was said of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) seeds: Vec<String>,
    pub(crate) what: WhatFlags,
}
