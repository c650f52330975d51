//! How servers are treated: kept with the crawl, for the day it is resumed.

use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::values::{delay, network};

/// How servers are treated, and which of them may be connected to.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub(crate) struct MannersFlags {
    /// The least time from the end of one fetch of a site to the start of the next; 1s, and none for typed private URLs.
    #[arg(long, value_name = "TIME", value_parser = delay, env = "CRAWLER_DELAY", help_heading = "Politeness")]
    pub(crate) delay: Option<Duration>,
    /// Does not ask robots.txt. For sites of your own.
    #[arg(long, env = "CRAWLER_IGNORE_ROBOTS", value_parser = BoolishValueParser::new(), help_heading = "Politeness")]
    pub(crate) ignore_robots: bool,
    /// How long a robots.txt that can't be had is tried for before the URLs under it fail; 5m. It is asked for again after
    /// 30 s, 2 and 5 minutes, then each hour.
    #[arg(long, value_name = "TIME", value_parser = delay, env = "CRAWLER_ROBOTS_WAIT", help_heading = "Politeness")]
    pub(crate) robots_wait: Option<Duration>,
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
    /// Lets it connect to private, loopback and other special addresses that were not typed.
    #[arg(long, env = "CRAWLER_ALLOW_PRIVATE", value_parser = BoolishValueParser::new(), help_heading = "Safety")]
    pub(crate) allow_private: bool,
    /// Lets it connect to this network, such as 10.1.0.0/16; may be given several times.
    #[arg(
        long,
        value_name = "CIDR",
        value_parser = network,
        env = "CRAWLER_ALLOW_NET",
        help_heading = "Safety"
    )]
    pub(crate) allow_net: Vec<IpNet>,
}

impl MannersFlags {
    /// Returns what servers are told who asks.
    pub(crate) fn user_agent(&self) -> String {
        let product = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        let agent = self.user_agent.as_deref().unwrap_or(product);
        match &self.contact {
            Some(contact) => format!("{agent} (+{contact})"),
            None => agent.to_owned(),
        }
    }
}
