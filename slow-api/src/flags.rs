//! The program's flags, and the options they make.

use std::net::IpAddr;
use std::time::Duration;

use clap::Parser;
use slow_api::{FailureRate, FailureStatus, Options};

const ROUTES: &str = "\
Routes:
  GET  /api/crawl?url=U  after the delay {\"message\": \"Processed U\"}, or a failure; percent-encode U
  GET  /api/stats        the counts: requests, distinct URLs, in flight, the most in flight, by URL
  POST /api/stats/reset  sets the counts to zero
  GET  /healthz          the service's name and version

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
    /// Seed of jitter and failures: the same requests with the same seed have the same answers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

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
    }
}
