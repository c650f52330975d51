//! The flags of `crawler crawl` and `crawler resume`.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::values::{number, some_bytes};
use super::{HowFlags, MannersFlags, SharedFlags};

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

/// What is followed of a page besides its links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FollowName {
    /// What it is shown with: images, scripts, sound, film, icons.
    Assets,
    /// The action of forms that ask by GET, as it is written, without a form's fields; never one that posts.
    Forms,
    /// Style sheets, and what they and the page's own styles name.
    Css,
}

/// Crawls the web from its seeds: politely, by robots.txt, each page once.
#[derive(Debug, Args)]
pub(crate) struct CrawlFlags {
    /// Where the crawl begins: http or https URLs.
    ///
    /// A seed on this machine or in a private network may be fetched because it was typed, without delay or limit.
    #[arg(value_name = "URL", required_unless_present_any = ["urls", "sitemap"])]
    pub(crate) seeds: Vec<String>,
    /// More seeds: the URLs of this file, one a line; - is standard input.
    #[arg(
        long,
        value_name = "FILE",
        env = "CRAWLER_URLS",
        help_heading = "What to crawl"
    )]
    pub(crate) urls: Option<PathBuf>,
    /// A seed that is a sitemap, in XML, as text or as a feed: all it lists is crawled; may be given several times.
    #[arg(
        long,
        value_name = "URL",
        env = "CRAWLER_SITEMAP",
        help_heading = "What to crawl"
    )]
    pub(crate) sitemap: Vec<String>,
    /// The folder of the crawl: crawl.db, and pages.jsonl unless -o says otherwise; ./crawl-HOST without it, or
    /// ./crawl-HOST-PORT.
    #[arg(
        long,
        value_name = "DIR",
        env = "CRAWLER_JOB",
        conflicts_with = "frontier",
        help_heading = "Output"
    )]
    pub(crate) job: Option<PathBuf>,
    /// Begins anew where the folder or the database holds a crawl, or the output something.
    #[arg(long, env = "CRAWLER_FRESH", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) shared: SharedFlags,
    #[command(flatten)]
    pub(crate) reach: ReachFlags,
    #[command(flatten)]
    pub(crate) manners: MannersFlags,
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

/// Goes on with a job that was interrupted, killed, or out of disk.
#[derive(Debug, Args)]
pub(crate) struct ResumeFlags {
    /// The folder of the job; without it the one job that is kept here.
    #[arg(value_name = "DIR")]
    pub(crate) job: Option<PathBuf>,
    /// How many more pages this run may fetch, in place of what is left of the crawl's own --pages; a later resume without
    /// it goes by that again.
    #[arg(
        long,
        value_name = "N",
        value_parser = number::<u64>,
        env = "CRAWLER_PAGES",
        help_heading = "What to crawl"
    )]
    pub(crate) pages: Option<u64>,
    /// How many more bytes of bodies this run may read, such as 10GiB, a bare number being MiB, in place of what is left of
    /// the crawl's own --bytes; a later resume without it goes by that again.
    #[arg(long, value_name = "SIZE", value_parser = some_bytes, env = "CRAWLER_BYTES", help_heading = "What to crawl")]
    pub(crate) bytes: Option<u64>,
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

/// Which URLs belong to the crawl: kept with it, for the day it is resumed.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub(crate) struct ReachFlags {
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
    /// Follows more of a page than its links. The scope decides about it as about a link: what another host serves is left
    /// out, but for --scope any, and all of it is one deeper than its page.
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        env = "CRAWLER_FOLLOW",
        help_heading = "What to crawl"
    )]
    #[serde(default)]
    pub(crate) follow: Vec<FollowName>,
    /// How many links from a seed; 0 is the seeds alone.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 25,
        value_parser = number::<u32>,
        env = "CRAWLER_DEPTH",
        help_heading = "What to crawl"
    )]
    pub(crate) depth: u32,
    /// How many pages at most. Sitemaps are none; on a site with many --no-sitemaps does without them.
    #[arg(
        long,
        value_name = "N",
        value_parser = number::<u64>,
        env = "CRAWLER_PAGES",
        help_heading = "What to crawl"
    )]
    pub(crate) pages: Option<u64>,
    /// How many bytes of bodies over the wire at most, such as 10GiB, a bare number being MiB; what is in flight then
    /// is finished.
    #[arg(long, value_name = "SIZE", value_parser = some_bytes, env = "CRAWLER_BYTES", help_heading = "What to crawl")]
    pub(crate) bytes: Option<u64>,
    /// Does not read the sitemaps that a robots.txt names.
    #[arg(long, env = "CRAWLER_NO_SITEMAPS", value_parser = BoolishValueParser::new(), help_heading = "What to crawl")]
    pub(crate) no_sitemaps: bool,
    /// Takes parameters that only track, such as `utm_source`, off links.
    #[arg(long, env = "CRAWLER_STRIP_TRACKING", value_parser = BoolishValueParser::new(), help_heading = "What to crawl")]
    pub(crate) strip_tracking: bool,
}

impl ReachFlags {
    /// Of a list: what stands in it, wherever that is, and nothing else.
    pub(crate) const fn of_list() -> Self {
        Self {
            scope: ScopeName::Any,
            include: Vec::new(),
            exclude: Vec::new(),
            follow: Vec::new(),
            depth: 0,
            pages: None,
            bytes: None,
            no_sitemaps: true,
            strip_tracking: false,
        }
    }
}
