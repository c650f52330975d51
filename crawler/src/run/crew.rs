//! Who does the work: the rules and the fetcher of a run, made of its plan and its flags.

use std::num::NonZeroUsize;

use anyhow::ensure;

use super::judge::Judge;
use super::typed::{is_private, private};
use super::{Kind, Plan};
use crate::fetch::{Fetcher, Limits, Memory, Names, UserAgent};
use crate::flags::HowFlags;
use crate::pipeline::Rules;
use crate::policy::limit;
use crate::telling::{Counted, names_user, say};
use crate::web_url::WebUrl;

/// Visits at once, where nothing is said.
const OF_LIST: usize = 100;
const OF_CRAWL: usize = 64;

/// What decides and fetches.
#[derive(Debug)]
pub(crate) struct Crew {
    judge: Judge,
    agent: UserAgent,
    names: Names,
    limits: Limits,
    memory_bytes: usize,
    concurrency: NonZeroUsize,
    kind: Kind,
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
        let text = plan.manners.user_agent();
        let agent = UserAgent::parse(&text)?;
        ensure!(
            !names_user(&text),
            "--user-agent or --contact holds a user name or a password, and would be sent to every server; leave it out"
        );
        let wanted = how.concurrency.map_or(
            match plan.kind {
                Kind::List => OF_LIST,
                Kind::Crawl => OF_CRAWL,
            },
            NonZeroUsize::get,
        );
        let concurrency = concurrency(wanted, has_own_api);
        let judge = Judge::new(plan, seeds, concurrency.get(), how.retries())?;
        let mut crew = Self {
            judge,
            agent,
            names: match how.dns {
                Some(server) => Names::of_server(server)?,
                None => Names::of_machine()?,
            },
            limits: Limits {
                total: how.timeout(),
                first_byte: Limits::default().first_byte.min(how.timeout()),
                body_bytes_max: usize::try_from(how.max_body()).unwrap_or(usize::MAX),
                ..Limits::default()
            },
            memory_bytes: usize::try_from(how.memory()).unwrap_or(usize::MAX),
            concurrency,
            kind: plan.kind,
        };
        if plan.kind == Kind::Crawl && plan.typed.is_empty() {
            for seed in private(seeds, &crew.names).await {
                crew.judge.own(&seed);
            }
        }
        Ok(crew)
    }

    /// Returns the rules as they are so far.
    pub(crate) const fn rules(&self) -> &Rules {
        &self.judge.rules
    }

    /// Returns what decides about URLs.
    pub(super) const fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Returns how many visits there are at once.
    pub(crate) const fn concurrency(&self) -> NonZeroUsize {
        self.concurrency
    }

    /// Returns the private URLs that were typed.
    pub(crate) fn typed(&self) -> Vec<String> {
        self.judge.typed()
    }

    /// Takes note of a first URL: one of a list that says by itself that it is private is one's own.
    pub(crate) fn meet(&mut self, url: &WebUrl) {
        if self.kind == Kind::List && is_private(url) {
            self.judge.own(url);
        }
    }

    /// Keeps what an archive needs of each body.
    #[must_use]
    pub(crate) fn archiving(mut self) -> Self {
        self.limits.wire_bytes_max = self.limits.body_bytes_max;
        self
    }

    /// Returns the rules and the fetcher, when all first URLs are met.
    ///
    /// # Errors
    ///
    /// When the HTTP client can't be set up.
    pub(crate) fn set_out(self) -> anyhow::Result<(Rules, Fetcher)> {
        let memory = Memory::new(self.memory_bytes);
        let (agent, names) = (&self.agent, &self.names);
        let Judge { rules, allowed, .. } = self.judge;
        let fetcher = Fetcher::new(agent, names, allowed, self.limits, memory)?;
        Ok((rules, fetcher))
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
