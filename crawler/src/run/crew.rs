//! Who does the work: the rules and the fetcher of a run, made of its plan and its flags.

use std::num::{NonZeroU16, NonZeroUsize};

use anyhow::bail;

use super::typed::{is_private, private};
use super::{Kind, Plan};
use crate::fetch::{Fetcher, Limits, Memory, Names, UserAgent};
use crate::flags::HowFlags;
use crate::pipeline::{Obeys, OwnHosts, Rules, lanes_for};
use crate::policy::address::AllowedAddresses;
use crate::policy::limit;
use crate::policy::politeness::Politeness;
use crate::policy::robots::{PATIENCE, Product, tries_within};
use crate::telling::{Counted, say};
use crate::web_url::{Grouping, WebUrl};

/// Visits at once, where nothing is said.
const OF_LIST: usize = 100;
const OF_CRAWL: usize = 64;

/// What decides and fetches.
#[derive(Debug)]
pub(crate) struct Crew {
    rules: Rules,
    allowed: AllowedAddresses,
    agent: UserAgent,
    names: Names,
    limits: Limits,
    memory_bytes: usize,
    concurrency: NonZeroUsize,
    kind: Kind,
    has_delay: bool,
    /// Private URLs that were typed, one for each host and port.
    typed: Vec<WebUrl>,
}

impl Crew {
    /// Makes the crew of a plan.
    ///
    /// # Errors
    ///
    /// What is wrong with the flags, in words.
    pub(crate) async fn new(
        plan: &Plan,
        seeds: &[WebUrl],
        how: &HowFlags,
        has_own_api: bool,
    ) -> anyhow::Result<Self> {
        let (manners, text) = (&plan.manners, plan.manners.user_agent());
        let agent = UserAgent::parse(&text)?;
        let Some(product) = Product::of(&text) else {
            bail!("--user-agent {text:?} begins with no name; write one such as ExampleBot/1.0");
        };
        let wanted = how.concurrency.map_or(
            match plan.kind {
                Kind::List => OF_LIST,
                Kind::Crawl => OF_CRAWL,
            },
            NonZeroUsize::get,
        );
        let concurrency = concurrency(wanted, has_own_api);
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
            retries: how.retries,
            strips_tracking: plan.reach.strip_tracking,
            every: plan.every,
            lanes: match plan.kind {
                // Two of the last URLs in one lane would be fetched one after the other.
                Kind::List => NonZeroU16::MAX,
                Kind::Crawl => lanes_for(concurrency.get()),
            },
        };
        let mut allowed = AllowedAddresses::default();
        for network in &manners.allow_net {
            allowed.allow_network(*network);
        }
        if manners.allow_private {
            allowed.allow_all();
        }
        let mut crew = Self {
            rules,
            allowed,
            agent,
            names: match how.dns {
                Some(server) => Names::of_server(server)?,
                None => Names::of_machine()?,
            },
            limits: Limits {
                total: how.timeout,
                first_byte: Limits::default().first_byte.min(how.timeout),
                body_bytes_max: usize::try_from(how.max_body).unwrap_or(usize::MAX),
                ..Limits::default()
            },
            memory_bytes: usize::try_from(how.memory).unwrap_or(usize::MAX),
            concurrency,
            kind: plan.kind,
            has_delay: manners.delay.is_some(),
            typed: Vec::new(),
        };
        for url in &plan.typed {
            crew.own(&WebUrl::parse(url)?);
        }
        if plan.kind == Kind::Crawl && plan.typed.is_empty() {
            for seed in private(seeds, &crew.names).await {
                crew.own(&seed);
            }
        }
        Ok(crew)
    }

    /// Returns the rules as they are so far.
    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns how many visits there are at once.
    pub(crate) const fn concurrency(&self) -> NonZeroUsize {
        self.concurrency
    }

    /// Returns the private URLs that were typed.
    pub(crate) fn typed(&self) -> Vec<String> {
        let typed = self.typed.iter();
        typed.map(|url| url.as_str().to_owned()).collect()
    }

    /// Takes note of a first URL: one of a list that says by itself that it is private is one's own.
    pub(crate) fn meet(&mut self, url: &WebUrl) {
        if self.kind == Kind::List && is_private(url) {
            self.own(url);
        }
    }

    /// Returns the rules and the fetcher, when all first URLs are met.
    ///
    /// # Errors
    ///
    /// When the HTTP client can't be set up.
    pub(crate) fn set_out(self) -> anyhow::Result<(Rules, Fetcher)> {
        let memory = Memory::new(self.memory_bytes);
        let (agent, names) = (&self.agent, &self.names);
        let fetcher = Fetcher::new(agent, names, self.allowed, self.limits, memory)?;
        Ok((self.rules, fetcher))
    }

    fn own(&mut self, url: &WebUrl) {
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
}

/// Raises the limit of open files and lowers the concurrency to what it allows.
fn concurrency(wanted: usize, has_own_api: bool) -> NonZeroUsize {
    let open_files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    // A server of our own holds the other end of each connection.
    let per_request = if has_own_api { 2 } else { 1 };
    let most = limit::concurrency(wanted, open_files, per_request);
    if most < wanted {
        say(format!(
            "crawler: {open_files} open files are allowed, so at most {} at once; raise it with ulimit -n",
            Counted(most as u64, "request")
        ));
    }
    NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)
}
