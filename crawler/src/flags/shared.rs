//! The flags of a crawl that several processes share.

use clap::Args;

/// Where a crawl is that several processes share, and who of them this one is.
#[derive(Debug, Clone, Args)]
pub(crate) struct SharedFlags {
    /// Shares the crawl with other processes through this database: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Whoever
    /// runs the same command on any machine joins; it also resumes.
    #[arg(
        long,
        value_name = "URL",
        env = "CRAWLER_FRONTIER",
        hide_env_values = true,
        help_heading = "Several machines"
    )]
    pub(crate) frontier: Option<String>,
    /// The name of the crawl in the database, which holds any number of them.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        env = "CRAWLER_CRAWL",
        help_heading = "Several machines"
    )]
    pub(crate) crawl: String,
    /// The name of this process among those that share the crawl; that of the machine without it.
    #[arg(
        long,
        value_name = "NAME",
        env = "CRAWLER_NODE",
        help_heading = "Several machines"
    )]
    pub(crate) node: Option<String>,
}

impl SharedFlags {
    /// Returns the name of this process.
    pub(crate) fn node(&self) -> String {
        self.node.clone().unwrap_or_else(machine)
    }
}

/// Returns the name of this machine, as far as it is one for a node.
pub(crate) fn machine() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = std::env::var("HOSTNAME").unwrap_or(name);
    let name: String = name
        .trim()
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter))
        .take(40)
        .collect();
    if name.is_empty() {
        "node".to_owned()
    } else {
        name
    }
}
