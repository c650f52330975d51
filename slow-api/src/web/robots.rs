//! What a host answers for `/robots.txt`: the same rules each time, or the trouble that a crawler meets there.

use std::fmt::Write as _;
use std::str::FromStr;

use thiserror::Error;

/// How a host answers for `/robots.txt`.
///
/// # Examples
///
/// ```
/// use slow_api::RobotsMode;
///
/// assert_eq!("server-error".parse::<RobotsMode>()?, RobotsMode::ServerError);
/// # Ok::<(), slow_api::RobotsModeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RobotsMode {
    /// The rules: all is allowed but `/site/private`; the default.
    #[default]
    Ok,
    /// All is disallowed.
    Closed,
    /// 404, which allows all.
    Missing,
    /// 500, which disallows all.
    ServerError,
    /// The rules, after the delay of the answers of `/api/crawl`.
    Slow,
    /// Five redirects, as many as have to be followed, and then the rules.
    Redirect,
    /// Redirects without an end.
    Loop,
    /// 2 MiB of comments; the rules stand as far in as a reader has to read, 500 KiB.
    Huge,
}

impl RobotsMode {
    /// Every mode, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Closed,
        Self::Missing,
        Self::ServerError,
        Self::Slow,
        Self::Redirect,
        Self::Loop,
        Self::Huge,
    ];

    /// Returns the mode's name, which is what is parsed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Closed => "closed",
            Self::Missing => "missing",
            Self::ServerError => "server-error",
            Self::Slow => "slow",
            Self::Redirect => "redirect",
            Self::Loop => "loop",
            Self::Huge => "huge",
        }
    }
}

impl FromStr for RobotsMode {
    type Err = RobotsModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut modes = Self::ALL.into_iter();
        modes
            .find(|mode| mode.name() == text)
            .ok_or_else(|| RobotsModeError(text.to_owned()))
    }
}

/// What was given is no mode of robots.txt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is none of ok, closed, missing, server-error, slow, redirect, loop and huge")]
pub struct RobotsModeError(String);

/// What stands in the rules beside the disallowed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) crawl_delay_seconds: Option<u64>,
    /// The URL of the sitemap, where it is to be told.
    pub(crate) sitemap: Option<String>,
}

/// The path that the rules disallow, with all below it.
pub(crate) const PRIVATE: &str = "/site/private";
/// Redirects before the rules in [`RobotsMode::Redirect`]. Source: RFC 9309 §2.3.1.2, "at least five".
pub(crate) const HOPS: u64 = 5;
/// How far in the rules stand in [`RobotsMode::Huge`]. Source: RFC 9309 §2.5, "at least 500 kibibytes".
const READ_BYTES: usize = 500 << 10;
/// How long the whole is in [`RobotsMode::Huge`].
const HUGE_BYTES: usize = 2 << 20;
const COMMENT: &str = "# This line says nothing, and there are many of its kind.\n";

impl Rules {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("User-agent: *\nAllow: /\nDisallow: {PRIVATE}\n");
        if let Some(seconds) = self.crawl_delay_seconds {
            let _ = writeln!(text, "Crawl-delay: {seconds}");
        }
        if let Some(sitemap) = &self.sitemap {
            let _ = writeln!(text, "\nSitemap: {sitemap}");
        }
        text
    }

    pub(crate) fn huge(&self) -> String {
        let rules = self.text();
        let mut text = String::with_capacity(HUGE_BYTES + COMMENT.len());
        while text.len() + COMMENT.len() + rules.len() <= READ_BYTES {
            text.push_str(COMMENT);
        }
        text.push_str(&rules);
        while text.len() < HUGE_BYTES {
            text.push_str(COMMENT);
        }
        text
    }
}

/// The rules of [`RobotsMode::Closed`].
pub(crate) const CLOSED: &str = "User-agent: *\nDisallow: /\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_parsed_by_its_name_and_nothing_else_is() {
        for mode in RobotsMode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        let error = "OK".parse::<RobotsMode>().unwrap_err().to_string();
        for mode in RobotsMode::ALL {
            assert!(error.contains(mode.name()), "{error}");
        }
    }

    #[test]
    fn the_rules_say_what_is_asked_of_them() {
        let silent = Rules {
            crawl_delay_seconds: None,
            sitemap: None,
        };
        assert_eq!(
            silent.text(),
            "User-agent: *\nAllow: /\nDisallow: /site/private\n"
        );
        let talking = Rules {
            crawl_delay_seconds: Some(3),
            sitemap: Some("http://h/sitemap.xml".to_owned()),
        };
        let text = talking.text();
        assert!(text.contains("Crawl-delay: 3\n"), "{text}");
        assert!(text.contains("Sitemap: http://h/sitemap.xml\n"), "{text}");
    }

    #[test]
    fn the_huge_file_has_its_rules_at_the_end_of_what_has_to_be_read() {
        let rules = Rules {
            crawl_delay_seconds: None,
            sitemap: None,
        };
        let text = rules.huge();
        assert!(text.len() >= HUGE_BYTES);
        let end = text.find(&rules.text()).expect("they are there") + rules.text().len();
        assert!(
            (READ_BYTES - COMMENT.len()..=READ_BYTES).contains(&end),
            "{end}"
        );
    }
}
