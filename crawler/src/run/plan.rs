//! What a job is to do, as it is kept with it for the day it is resumed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::flags::{
    CrawlFlags, FollowName, HowFlags, ListFlags, MannersFlags, ReachFlags, ScopeName,
};
use crate::parse::Follow;
use crate::policy::scope::{Reach, Scope};
use crate::seeds::{Roots, Seeded};
use crate::web_url::WebUrl;

/// The name of the output in a job's folder, if none is said.
pub(super) const PAGES: &str = "pages.jsonl";

/// What kind of job it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The URLs of a list, and nothing they link to.
    List,
    /// The web from its seeds.
    Crawl,
}

/// What a job is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// The pages that a crawl begins with; the URLs of a list are in the frontier alone.
    pub(crate) seeds: Vec<String>,
    /// The sitemaps that it begins with.
    pub(crate) sitemaps: Vec<String>,
    /// What tells a list from another one.
    pub(crate) list: String,
    /// Private URLs that were typed, one for each host and port.
    pub(crate) typed: Vec<String>,
    pub(crate) reach: ReachFlags,
    pub(crate) manners: MannersFlags,
    /// How long after its answer each URL is fetched again, if it is.
    pub(crate) every: Option<Duration>,
    /// What its records go to, as the frontier names files, if it was said; in a shared job each node has its own.
    pub(crate) outputs: Vec<String>,
    /// How the run that began it went about it, for those that go on and say nothing else.
    pub(crate) pace: Pace,
    /// What became of its first URLs, for the end that a later run tells.
    #[serde(default)]
    pub(crate) seeded: Seeded,
}

/// How fast a run goes, what it bears, and how it writes, as far as it was said.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pace {
    pub(crate) concurrency: Option<NonZeroUsize>,
    pub(crate) rate: Option<Duration>,
    pub(crate) warc_size: Option<u64>,
    pub(crate) retries: Option<u16>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_body: Option<u64>,
    pub(crate) memory: Option<u64>,
    pub(crate) min_free: Option<u64>,
}

impl Pace {
    pub(crate) const fn of(how: &HowFlags) -> Self {
        Self {
            concurrency: how.concurrency,
            rate: how.rate,
            warc_size: how.warc_size,
            retries: how.retries,
            timeout: how.timeout,
            max_body: how.max_body,
            memory: how.memory,
            min_free: how.min_free,
        }
    }

    /// Goes by this pace where the flags say nothing of it.
    pub(crate) fn apply(self, how: &mut HowFlags) {
        how.concurrency = how.concurrency.or(self.concurrency);
        how.rate = how.rate.or(self.rate);
        how.warc_size = how.warc_size.or(self.warc_size);
        how.retries = how.retries.or(self.retries);
        how.timeout = how.timeout.or(self.timeout);
        how.max_body = how.max_body.or(self.max_body);
        how.memory = how.memory.or(self.memory);
        how.min_free = how.min_free.or(self.min_free);
    }
}

impl Plan {
    pub(crate) fn of_list(
        list: &ListFlags,
        name: String,
        manners: &MannersFlags,
        how: &HowFlags,
    ) -> Self {
        Self {
            kind: Kind::List,
            seeds: Vec::new(),
            sitemaps: Vec::new(),
            typed: Vec::new(),
            reach: ReachFlags::of_list(),
            manners: manners.clone(),
            every: list.every,
            list: name,
            outputs: Vec::new(),
            pace: Pace::of(how),
            seeded: Seeded::default(),
        }
    }

    pub(crate) fn of_crawl(roots: &Roots, flags: &CrawlFlags) -> Self {
        let texts = |urls: &[WebUrl]| urls.iter().map(|url| url.as_str().to_owned()).collect();
        let mut reach = flags.reach.clone();
        // In whatever order they are given, they are the same plan.
        reach.follow.sort_unstable();
        reach.follow.dedup();
        Self {
            kind: Kind::Crawl,
            seeds: texts(&roots.pages),
            sitemaps: texts(&roots.sitemaps),
            typed: Vec::new(),
            reach,
            manners: flags.manners.clone(),
            every: None,
            list: String::new(),
            outputs: Vec::new(),
            pace: Pace::of(&flags.how),
            seeded: Seeded::default(),
        }
    }

    /// Writes it as it is kept.
    ///
    /// # Errors
    ///
    /// None that is known: all of it can be written.
    pub(crate) fn to_config(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("cannot write down what the job is to do")
    }

    /// Reads it as it was kept.
    ///
    /// # Errors
    ///
    /// When another version of the program kept it.
    pub(crate) fn of_config(config: &str) -> anyhow::Result<Self> {
        serde_json::from_str(config)
            .context("the job was begun by another version of this program; use that one, or begin anew with --fresh")
    }

    /// Returns what another plan says otherwise than this one, if it does: a crawl that is shared has one plan.
    ///
    /// # Errors
    ///
    /// None that is known: all of it can be compared.
    pub(crate) fn difference(&self, theirs: &Self) -> anyhow::Result<Option<String>> {
        let ours = serde_json::to_value(Self {
            typed: Vec::new(),
            ..self.clone()
        })?;
        let theirs = serde_json::to_value(Self {
            typed: Vec::new(),
            ..theirs.clone()
        })?;
        let parts = ["kind", "list", "seeds", "sitemaps", "every"]
            .map(|part| (part, &ours[part], &theirs[part]));
        let flags = ["reach", "manners"].into_iter().flat_map(|part| {
            let ours = ours[part].as_object().into_iter().flatten();
            ours.map(|(name, ours)| (name.as_str(), ours, &theirs[part][name.as_str()]))
                .collect::<Vec<_>>()
        });
        let mut all = parts.into_iter().chain(flags);
        let different = all.find(|(_, ours, theirs)| ours != theirs);
        Ok(different.map(|(name, ours, theirs)| {
            let [theirs, ours] = [theirs, ours].map(words);
            format!("{name} is {theirs} there, and {ours} here")
        }))
    }

    /// Returns the URLs that a crawl begins with.
    ///
    /// # Errors
    ///
    /// None that is known: they were read before they were kept.
    pub(crate) fn roots(&self) -> anyhow::Result<Roots> {
        Roots::read(&self.seeds, &self.sitemaps)
    }

    /// Returns what the records of the job in a folder go to, but for a standard output that was not said.
    pub(super) fn said_outputs(&self, folder: &Path) -> Vec<PathBuf> {
        if self.outputs.is_empty() {
            return vec![folder.join(PAGES)];
        }
        let paths = self.outputs.iter().map(|name| match name.as_str() {
            "-" => PathBuf::from(name),
            name => folder.join(name),
        });
        paths.collect()
    }

    /// Returns what is followed of a page besides its links.
    pub(crate) fn follow(&self) -> Follow {
        let mut follow = Follow::LINKS;
        for name in &self.reach.follow {
            match name {
                FollowName::Assets => follow.assets = true,
                FollowName::Forms => follow.forms = true,
                FollowName::Css => follow.css = true,
            }
        }
        follow
    }

    /// Returns which URLs belong to it.
    ///
    /// # Errors
    ///
    /// When a regular expression of the flags is none.
    pub(crate) fn scope(&self, seeds: &[WebUrl]) -> anyhow::Result<Scope> {
        let reach = match self.reach.scope {
            ScopeName::Site => Reach::Site,
            ScopeName::Host => Reach::Host,
            ScopeName::Origin => Reach::Origin,
            ScopeName::Any => Reach::Any,
        };
        let scope = Scope::new(reach, seeds).depth_max(self.reach.depth);
        let scope = scope.include(&self.reach.include)?;
        Ok(scope.exclude(&self.reach.exclude)?)
    }
}

/// Returns the value of a flag as it is written on a command line.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "not given".to_owned(),
        Value::Object(_) => match Duration::deserialize(value) {
            Ok(time) => humantime::format_duration(time).to_string(),
            Err(_) => value.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn plan(flags: &[&str]) -> Plan {
        let args = [&["crawl", "http://h/"], flags].concat();
        let matches = CrawlFlags::augment_args(Command::new("crawl")).get_matches_from(args);
        let flags = CrawlFlags::from_arg_matches(&matches).unwrap();
        let roots = Roots::read(&flags.seeds, &flags.sitemap).unwrap();
        Plan::of_crawl(&roots, &flags)
    }

    #[test]
    fn what_is_followed_is_the_same_plan_in_any_order_and_another_is_told() {
        let ours = plan(&["--follow", "css,assets"]);
        let same = plan(&["--follow", "assets", "--follow", "css,css"]);
        assert_eq!(ours.difference(&same).unwrap(), None);
        let told = ours.difference(&plan(&[])).unwrap().unwrap();
        assert_eq!(told, "follow is [] there, and [\"assets\",\"css\"] here");
        let kept = Plan::of_config(&ours.to_config().unwrap()).unwrap();
        assert_eq!(ours.difference(&kept).unwrap(), None);
        assert!(kept.follow().css && kept.follow().assets && !kept.follow().forms);
    }
}
