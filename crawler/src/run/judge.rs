//! What decides about URLs, before anything is asked of a server: the rules of a plan, and the addresses it allows.

use std::num::NonZeroU16;

use anyhow::bail;

use super::{Kind, Plan};
use crate::pipeline::{Obeys, OwnHosts, Rules, lanes_for};
use crate::policy::address::AllowedAddresses;
use crate::policy::politeness::Politeness;
use crate::policy::refusal::Refusal;
use crate::policy::robots::{self, PATIENCE, Product, tries_within};
use crate::policy::traps;
use crate::web_url::{Grouping, WebUrl};

/// What decides about URLs.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(super) rules: Rules,
    pub(super) allowed: AllowedAddresses,
    has_delay: bool,
    /// Private URLs that were typed, one for each host and port.
    typed: Vec<WebUrl>,
}

/// What one rule says of a URL.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) rule: &'static str,
    pub(super) refusal: Option<Refusal>,
    /// What it is about, where it refuses nothing.
    pub(super) remark: &'static str,
}

impl Judge {
    /// Makes the judge of a plan for so many visits at once.
    ///
    /// # Errors
    ///
    /// What is wrong with the plan, in words.
    pub(super) fn new(
        plan: &Plan,
        seeds: &[WebUrl],
        concurrency: usize,
        retries: u16,
    ) -> anyhow::Result<Self> {
        let (manners, text) = (&plan.manners, plan.manners.user_agent());
        let Some(product) = Product::of(&text) else {
            bail!("--user-agent {text:?} begins with no name; write one such as ExampleBot/1.0");
        };
        let rules = Rules {
            scope: plan.scope(seeds)?,
            politeness: Politeness {
                min_delay: manners.delay.unwrap_or(Politeness::default().min_delay),
                ..Politeness::default()
            },
            grouping: Grouping::RegistrableDomain,
            own_hosts: OwnHosts::default(),
            product,
            obeys: match (manners.ignore_robots, plan.kind) {
                (true, _) => Obeys::Nobody,
                (false, Kind::List) => Obeys::Others,
                (false, Kind::Crawl) => Obeys::All,
            },
            robots_tries: tries_within(manners.robots_wait.unwrap_or(PATIENCE)),
            retries,
            reads_sitemaps: !plan.reach.no_sitemaps,
            follow: plan.follow(),
            strips_tracking: plan.reach.strip_tracking,
            every: plan.every,
            lanes: match plan.kind {
                // Two of the last URLs in one lane would be fetched one after the other.
                Kind::List => NonZeroU16::MAX,
                Kind::Crawl => lanes_for(concurrency),
            },
        };
        let mut allowed = AllowedAddresses::default();
        for network in &manners.allow_net {
            allowed.allow_network(*network);
        }
        if manners.allow_private {
            allowed.allow_all();
        }
        let mut judge = Self {
            rules,
            allowed,
            // None is what they have anyway.
            has_delay: manners.delay.is_some_and(|delay| !delay.is_zero()),
            typed: Vec::new(),
        };
        for url in &plan.typed {
            judge.own(&WebUrl::parse(url)?);
        }
        Ok(judge)
    }

    /// Takes the host and port of a private URL that was typed for one's own.
    pub(super) fn own(&mut self, url: &WebUrl) {
        if self.allowed.is_typed(url) {
            return;
        }
        self.allowed.allow_typed(url);
        self.typed.push(url.clone());
        // A delay that was asked for holds for all.
        if !self.has_delay {
            self.rules.own_hosts.add(url);
        }
    }

    /// Returns the private URLs that were typed.
    pub(super) fn typed(&self) -> Vec<String> {
        let typed = self.typed.iter();
        typed.map(|url| url.as_str().to_owned()).collect()
    }

    /// Returns what each rule says of a URL so many links away from a seed, in the order in which they are asked;
    /// `robots` is what is known of its robots.txt.
    pub(super) fn rulings(
        &self,
        url: &WebUrl,
        depth: u16,
        robots: Option<&robots::Rules>,
    ) -> Vec<Ruling> {
        let rules = &self.rules;
        let scope = rules.scope.check(url, u32::from(depth));
        // What was given by hand is meant, whatever it looks like.
        let trap = if depth > 0 { traps::check(url) } else { Ok(()) };
        let (robots, remark) = match robots {
            _ if !rules.asks_robots(url) => (None, "not asked"),
            None => (None, "not fetched yet"),
            Some(robots) => (robots.check(url).err(), "allowed"),
        };
        vec![
            Ruling::new("scope", scope.err(), "within"),
            Ruling::new("traps", trap.err(), "none"),
            Ruling::new("robots", robots, remark),
            Ruling::new(
                "address",
                self.allowed.check_literal(url).err(),
                "allowed, as far as the name tells",
            ),
        ]
    }

    /// Returns what keeps a seed that is a sitemap from being fetched, if anything does.
    pub(super) fn refusal_of_sitemap(&self, url: &WebUrl) -> Option<Refusal> {
        let scope = self.rules.scope.check_sitemap(url).err();
        let address = || self.allowed.check_literal(url).err();
        scope
            .map(Refusal::from)
            .or_else(|| address().map(Refusal::from))
    }
}

impl Ruling {
    /// Makes that of a rule that refuses.
    pub(super) fn refused(rule: &'static str, refusal: impl Into<Refusal>) -> Self {
        Self::new(rule, Some(refusal), "")
    }

    fn new(rule: &'static str, refusal: Option<impl Into<Refusal>>, remark: &'static str) -> Self {
        Self {
            rule,
            refusal: refusal.map(Into::into),
            remark,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;
    use crate::flags::CrawlFlags;
    use crate::seeds::Roots;

    #[test]
    fn a_typed_private_host_has_a_delay_where_one_is_given_that_is_not_0() {
        fn check(flags: &[&str], is_own: bool) {
            let seed = "http://127.0.0.1:8080/";
            let args = [&["crawl", seed], flags].concat();
            let matches = CrawlFlags::augment_args(Command::new("crawl")).get_matches_from(args);
            let flags = CrawlFlags::from_arg_matches(&matches).unwrap();
            let roots = Roots::read(&flags.seeds, &flags.sitemap).unwrap();
            let plan = Plan::of_crawl(&roots, &flags);
            let mut judge = Judge::new(&plan, &roots.all(), 1, 0).unwrap();
            judge.own(&roots.pages[0]);
            assert_eq!(judge.rules.is_own(&roots.pages[0]), is_own);
        }
        check(&[], true);
        check(&["--delay", "0"], true);
        check(&["--delay", "1ms"], false);
    }
}
