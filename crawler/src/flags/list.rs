//! The flags of the program without a command, which fetches a list of URLs.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use url::{ParseError, Url};

use super::SharedFlags;
use super::values::{at_least_one, time};

/// What a list is, and how it is gone through.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListFlags {
    /// Fetches the URLs of this file, one a line; - is standard input.
    ///
    /// Blank lines and lines that begin with # are skipped. Each URL is fetched once: neither a #fragment nor the case
    /// of the host makes another URL. The list is read to its end before the first request; a URL has at most 2048
    /// bytes.
    #[arg(long, value_name = "FILE", env = "CRAWLER_URLS", help_heading = "What to fetch", conflicts_with_all = ["count", "api"])]
    pub(crate) urls: Option<PathBuf>,
    /// How many URLs to generate.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one, env = "CRAWLER_COUNT", help_heading = "What to fetch")]
    pub(crate) count: NonZeroUsize,
    /// The slow API's base URL; without it the one on port 4000 is used, or one is started in this process.
    #[arg(
        long,
        value_name = "URL",
        env = "CRAWLER_API",
        help_heading = "What to fetch"
    )]
    pub(crate) api: Option<String>,
    /// Begins one fetch every so often, such as 2s.
    #[arg(long, value_name = "TIME", value_parser = time, env = "CRAWLER_PACE", conflicts_with = "rate", help_heading = "How to fetch")]
    pub(crate) pace: Option<Duration>,
    /// Fetches each URL again, so long after its last answer, until Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = time, env = "CRAWLER_EVERY", help_heading = "How to fetch")]
    pub(crate) every: Option<Duration>,
    /// A folder for the job: crawl.db, and pages.jsonl unless -o says otherwise. With it crawler resume DIR can go on;
    /// without it the list is kept in memory.
    #[arg(
        long,
        value_name = "DIR",
        env = "CRAWLER_JOB",
        conflicts_with = "frontier",
        help_heading = "Output"
    )]
    pub(crate) job: Option<PathBuf>,
    /// Begins anew where the folder or the database holds a job, or the output something.
    #[arg(long, env = "CRAWLER_FRESH", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) shared: SharedFlags,
}

impl ListFlags {
    /// Returns the API that was named. It is not read with the other flags: their errors repeat the value, and this
    /// one may hold a password.
    pub(crate) fn api_url(&self) -> anyhow::Result<Option<Url>> {
        let Some(text) = &self.api else {
            return Ok(None);
        };
        let url = Url::parse(text).and_then(|url| match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err(ParseError::RelativeUrlWithoutBase),
        });
        let Ok(url) = url else {
            anyhow::bail!("--api is no http or https URL; write one such as http://127.0.0.1:4000");
        };
        anyhow::ensure!(
            url.username().is_empty() && url.password().is_none(),
            "--api holds a user name or a password, and none is ever sent; leave it out"
        );
        Ok(Some(url))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::flags::Flags;

    #[test]
    fn a_list_and_a_count_exclude_each_other() {
        for flags in [
            ["--urls", "-", "--count", "3"],
            ["--rate", "3", "--pace", "3s"],
        ] {
            let args = ["crawler"].into_iter().chain(flags);
            assert!(Flags::try_parse_from(args).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn an_api_that_is_no_http_url_is_refused_without_its_value() {
        for api in ["ftp://ann:secret@h", "http://ann:secret@h", "ann:secret"] {
            let flags = Flags::parse_from(["crawler", "--api", api]);
            let error = flags.list.api_url().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
