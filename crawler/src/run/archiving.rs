//! What an archive tells of the run that wrote it. Source: WARC 1.1 §6.2, and what is told there by other crawlers.

use super::{Kind, Plan};
use crate::flags::HowFlags;
use crate::pipeline::ArchiveOptions;

/// What the format is, and where it is laid down.
const FORMAT: &str = "WARC File Format 1.1";
const CONFORMS_TO: &str =
    "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/";

impl Plan {
    /// Returns how an archive of it is written. Nothing of it is a secret: neither seeds nor the frontier's address are
    /// told, and a user agent that holds a password is refused before.
    pub(super) fn archive(&self, how: &HowFlags) -> ArchiveOptions {
        let software = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        let robots = match (self.manners.ignore_robots, self.kind) {
            (true, _) => "ignore",
            (false, Kind::List) => "obey (RFC 9309), but for private hosts of the list",
            (false, Kind::Crawl) => "obey (RFC 9309)",
        };
        let scope = format!("{:?}", self.reach.scope).to_lowercase();
        let about = vec![
            ("software", software.to_owned()),
            ("format", FORMAT.to_owned()),
            ("conformsTo", CONFORMS_TO.to_owned()),
            ("http-header-user-agent", self.manners.user_agent()),
            ("robots", robots.to_owned()),
            ("scope", scope),
            ("depth", self.reach.depth.to_string()),
            ("max-body", how.max_body().to_string()),
        ];
        let options = ArchiveOptions::default();
        ArchiveOptions {
            bytes_max: how.warc_size.unwrap_or(options.bytes_max),
            about,
        }
    }
}
