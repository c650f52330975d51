//! The program's flags, and the options they make.

use std::net::IpAddr;
use std::time::Duration;

use clap::{Parser, value_parser};
use slow_api::{
    FailureRate, FailureStatus, HostCount, Options, RobotsMode, Site, Trap, WebOptions,
};

const ROUTES: &str = "\
Routes:
  GET  /api/crawl?url=U  after the delay {\"message\": \"Processed U\"}, or a failure; percent-encode U
  GET  /api/stats        the counts: requests, distinct URLs, in flight, the most in flight, by URL
  POST /api/stats/reset  sets the counts to zero
  GET  /healthz          the service's name and version

The local web, for crawlers, on each host:
  GET  /site/page/N      page N of a site that the seed decides; /site/ leads to page 0
  GET  /site/private/N   a page that robots.txt disallows
  GET  /robots.txt       the rules, or the trouble that --robots asks for
  GET  /sitemap.xml      the sitemap of all pages that may be reached
  GET  /sitemaps/        a page that links to sitemaps of each kind, good ones and bad ones
  GET  /fault/           a page that links to all faults, each with its parameters
  GET  /calendar/…       and what else --traps asks for: /shop?…, /same/…, /copy/page/N, /print/page/N, /huge/N
  GET  /stats            for each host: requests by path, in flight, the smallest gap between two, disallowed ones
  POST /stats/reset      sets these counts to zero

SIGINT (Ctrl-C) or SIGTERM lets what is in flight finish; a second one does not.";

/// An HTTP service that is slow on purpose, and counts what it was asked.
#[derive(Debug, Parser)]
#[command(version, after_help = ROUTES)]
pub(crate) struct Flags {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port to listen on; 0 picks a free one, and the printed line tells it.
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Milliseconds each answer takes at least.
    #[arg(long, value_name = "MS", default_value_t = 4000)]
    delay_ms: u64,
    /// Milliseconds added to the delay at most, uniformly from 0.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    jitter_ms: u64,
    /// Share of the answers that fail, from 0.0 to 1.0.
    #[arg(
        long,
        value_name = "RATE",
        default_value = "0.0",
        allow_negative_numbers = true
    )]
    failure_rate: FailureRate,
    /// Status of a failure, from 400 to 599.
    #[arg(
        long,
        value_name = "STATUS",
        default_value = "500",
        allow_negative_numbers = true
    )]
    failure_status: FailureStatus,
    /// Seconds that a failure's Retry-After header says; no such header without it.
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,
    /// Seed of jitter, failures and the local web: the same requests with the same seed have the same answers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Hosts of the local web: the address and those that follow it, on one port, each with its own site.
    #[arg(long, value_name = "COUNT", default_value = "1", help_heading = WEB, allow_negative_numbers = true)]
    hosts: HostCount,
    /// Pages of a host's site; the last twentieth is reached only by what a crawler may not follow.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, help_heading = WEB)]
    pages: u64,
    /// Links of a page, at most 10000.
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = value_parser!(u16).range(..=10_000), help_heading = WEB)]
    links: u16,
    /// Bytes of a page, at most 64 MiB.
    #[arg(long, value_name = "BYTES", default_value_t = 10_000, value_parser = value_parser!(u32).range(..=64 << 20), help_heading = WEB)]
    page_bytes: u32,
    /// Milliseconds that an answer of /site/ takes.
    #[arg(long, value_name = "MS", default_value_t = 0, help_heading = WEB)]
    page_delay_ms: u64,
    /// How /robots.txt is answered: ok, closed, missing, server-error, slow, redirect, loop or huge; a list, as in
    /// ok,missing, is for the hosts in their order, its last for all further ones.
    #[arg(long, value_name = "MODE", default_value = "ok", value_delimiter = ',', help_heading = WEB)]
    robots: Vec<RobotsMode>,
    /// Seconds that robots.txt says as Crawl-delay; no such line without it.
    #[arg(long, value_name = "SECONDS", help_heading = WEB)]
    crawl_delay: Option<u64>,
    /// Leaves the sitemap out of robots.txt.
    #[arg(long, help_heading = WEB)]
    no_sitemap: bool,
    /// What each page links to beside the site: calendar, without an end; facets, a shop of endless choices; same,
    /// endless folders that are one page; copies, each page at two more places; huge, pages of 16 MiB; a list.
    #[arg(long, value_name = "TRAP", value_delimiter = ',', help_heading = WEB)]
    traps: Vec<Trap>,
}

const WEB: &str = "The local web";

impl From<Flags> for Options {
    fn from(flags: Flags) -> Self {
        Self {
            address: flags.address,
            port: flags.port,
            delay: Duration::from_millis(flags.delay_ms),
            jitter: Duration::from_millis(flags.jitter_ms),
            failure_rate: flags.failure_rate,
            failure_status: flags.failure_status,
            retry_after_seconds: flags.retry_after,
            seed: flags.seed,
            web: WebOptions {
                hosts: flags.hosts,
                site: Site {
                    seed: flags.seed,
                    pages: flags.pages,
                    links: flags.links.into(),
                    // It is at most 64 Mi, which every machine that runs this can count.
                    page_bytes: usize::try_from(flags.page_bytes).unwrap_or(usize::MAX),
                },
                robots: flags.robots,
                crawl_delay_seconds: flags.crawl_delay,
                names_sitemap: !flags.no_sitemap,
                page_delay: Duration::from_millis(flags.page_delay_ms),
                traps: flags.traps,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn without_flags_the_options_are_the_defaults() {
        let flags = Flags::parse_from(["slow-api"]);
        assert_eq!(Options::from(flags), Options::default());
    }

    #[test]
    fn the_help_names_each_route() {
        let help = Flags::command().render_help().to_string();
        for route in [
            "/api/crawl?url=",
            "/api/stats",
            "/api/stats/reset",
            "/healthz",
            "/site/page/N",
            "/site/private/N",
            "/robots.txt",
            "/sitemap.xml",
            "/sitemaps/",
            "/fault/",
            "/calendar/",
            "/stats ",
            "/stats/reset",
        ] {
            assert!(help.contains(route), "{help}");
        }
    }

    #[test]
    fn a_bad_value_is_a_usage_error_that_names_it() {
        fn check(flag: &str, value: &str) {
            let error = Flags::try_parse_from(["slow-api", flag, value]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{flag} {value}");
            let text = error.to_string();
            assert!(text.contains(flag) && text.contains(value), "{text}");
        }
        check("--address", "nowhere");
        check("--port", "65536");
        check("--delay-ms", "soon");
        check("--jitter-ms", "1.5");
        check("--failure-rate", "1.5");
        check("--failure-rate", "-0.5");
        check("--failure-rate", "NaN");
        check("--failure-status", "200");
        check("--failure-status", "-500");
        check("--retry-after", "tomorrow");
        check("--seed", "lucky");
        check("--hosts", "0");
        check("--hosts", "251");
        check("--pages", "some");
        check("--links", "10001");
        check("--page-bytes", "67108865");
        check("--page-delay-ms", "soon");
        check("--robots", "kind");
        check("--crawl-delay", "soon");
        check("--traps", "maze");
    }
}
