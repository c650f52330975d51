//! The wiring of `crawler crawl` and `crawler resume`: the frontier, the three stages, who watches them, how they end.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use stage::{Demand, Directive, Exit, Order, Stages, consumer, map_async, producer};

use crate::crawl_flags::{CrawlFlags, HowFlags, Plan, ResumeFlags, ScopeName, WhatFlags};
use crate::fetch::{Fetcher, Limits, Memory, Names};
use crate::frontier::{Frontier, Job, Lease, SqliteFrontier, SqliteOptions, State};
use crate::interrupt::Interrupts;
use crate::pipeline::{ClaimSource, Counts, Held, Output, Rules, Store, Visitor};
use crate::policy::address::{AllowedAddresses, Block, literal};
use crate::policy::politeness::Politeness;
use crate::policy::robots::Product;
use crate::policy::scope::{Reach, Scope};
use crate::say::say;
use crate::setup;
use crate::site_report::{self, Report};
use crate::web_url::{Grouping, WebUrl};

/// How long visits may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);
/// How long what is being stored may take after an abort.
const STORE_GRACE: Duration = Duration::from_secs(2);
/// Outcomes that are settled together at most, beside those of the places.
const SETTLED_MAX: usize = 64;
/// The name of the database in the crawl's folder.
const DATABASE: &str = "crawl.db";
/// The name of the output in it.
const PAGES: &str = "pages.jsonl";

const MIB: usize = 1024 * 1024;

/// Begins a crawl; returns the exit code.
pub(crate) async fn begin(flags: &CrawlFlags) -> anyhow::Result<u8> {
    let seeds = seeds(&flags.seeds)?;
    let folder = match &flags.job {
        Some(folder) => folder.clone(),
        None => PathBuf::from(format!(
            "crawl-{}",
            seeds[0].host_str().replace([':', '[', ']'], "_")
        )),
    };
    let plan = Plan {
        seeds: seeds.iter().map(|seed| seed.as_str().to_owned()).collect(),
        what: flags.what.clone(),
    };
    let job = Job {
        config: serde_json::to_string(&plan)?,
        pages: flags.what.pages,
    };
    // What is wrong with the flags or the output is told before a crawl is made or thrown away.
    let crew = Crew::new(&plan, &seeds, &flags.how).await?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let output = Output::open(&output_path(&folder, &flags.how))?;
    let (options, path) = (SqliteOptions::default(), folder.join(DATABASE));
    let frontier = if flags.fresh {
        options.replace(&path, job).await?
    } else {
        options.create(&path, job).await?
    };
    let crawl = Crawl {
        folder,
        frontier: Arc::new(frontier),
    };
    crawl.run(crew, output, &seeds, &flags.how).await
}

/// Goes on with a crawl; returns the exit code.
pub(crate) async fn resume(flags: &ResumeFlags) -> anyhow::Result<u8> {
    let frontier = SqliteOptions::default()
        .open(&flags.job.join(DATABASE))
        .await?;
    let config = frontier.job().await?.config;
    let plan: Plan = serde_json::from_str(&config).with_context(|| {
        format!(
            "{} was begun by another version of this program",
            flags.job.display()
        )
    })?;
    let seeds = seeds(&plan.seeds)?;
    let crew = Crew::new(&plan, &seeds, &flags.how).await?;
    let output = Output::open(&output_path(&flags.job, &flags.how))?;
    let crawl = Crawl {
        folder: flags.job.clone(),
        frontier: Arc::new(frontier),
    };
    crawl.run(crew, output, &seeds, &flags.how).await
}

fn output_path(folder: &Path, how: &HowFlags) -> PathBuf {
    how.output.clone().unwrap_or_else(|| folder.join(PAGES))
}

/// Reads the seeds; an error tells which one is none, and never repeats it, as it may hold a password.
fn seeds(texts: &[String]) -> anyhow::Result<Vec<WebUrl>> {
    let read = |(at, text): (usize, &String)| {
        WebUrl::parse(text).or_else(|refused| {
            bail!(
                "seed {} is no URL to crawl: {refused}; write one such as https://example.com/",
                at + 1
            )
        })
    };
    texts.iter().enumerate().map(read).collect()
}

/// What decides and fetches, made of the flags.
struct Crew {
    rules: Rules,
    fetcher: Fetcher,
    concurrency: NonZeroUsize,
}

impl Crew {
    async fn new(plan: &Plan, seeds: &[WebUrl], how: &HowFlags) -> anyhow::Result<Self> {
        let what = &plan.what;
        let names = match how.dns {
            Some(server) => Names::of_server(server)?,
            None => Names::of_machine()?,
        };
        let private = private_seeds(seeds, &names).await;
        let agent = user_agent(what);
        let Some(product) = Product::of(&agent) else {
            bail!("--user-agent {agent:?} begins with no name; write one such as ExampleBot/1.0");
        };
        let rules = Rules {
            scope: scope(what, seeds)?,
            politeness: Politeness {
                min_delay: what.delay.unwrap_or(Politeness::default().min_delay),
                ..Politeness::default()
            },
            grouping: Grouping::RegistrableDomain,
            own_hosts: match what.delay {
                Some(_) => HashSet::new(),
                None => private
                    .iter()
                    .map(|seed| seed.host_str().to_owned())
                    .collect(),
            },
            product,
            obeys_robots: !what.ignore_robots,
            retries: how.retries,
            strips_tracking: what.strip_tracking,
        };
        let mut allowed = AllowedAddresses::default();
        private.iter().for_each(|seed| allowed.allow_typed(seed));
        what.allow_net
            .iter()
            .for_each(|network| allowed.allow_network(*network));
        if what.allow_private {
            allowed.allow_all();
        }
        let limits = Limits {
            total: how.timeout,
            first_byte: Limits::default().first_byte.min(how.timeout),
            body_bytes_max: how.max_body.get().saturating_mul(MIB),
            ..Limits::default()
        };
        let memory = Memory::new(how.memory.get().saturating_mul(MIB));
        let concurrency = setup::concurrency(how.concurrency.get(), false);
        Ok(Self {
            rules,
            fetcher: Fetcher::new(&agent, &names, allowed, limits, memory)?,
            concurrency: NonZeroUsize::new(concurrency).unwrap_or(NonZeroUsize::MIN),
        })
    }
}

fn user_agent(what: &WhatFlags) -> String {
    let product = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let agent = what.user_agent.as_deref().unwrap_or(product);
    match &what.contact {
        Some(contact) => format!("{agent} (+{contact})"),
        None => agent.to_owned(),
    }
}

fn scope(what: &WhatFlags, seeds: &[WebUrl]) -> anyhow::Result<Scope> {
    let reach = match what.scope {
        ScopeName::Site => Reach::Site,
        ScopeName::Host => Reach::Host,
        ScopeName::Origin => Reach::Origin,
        ScopeName::Any => Reach::Any,
    };
    let scope = Scope::new(reach, seeds).depth_max(what.depth);
    Ok(scope.include(&what.include)?.exclude(&what.exclude)?)
}

/// The seeds that are on this machine or in a private network now: being typed, they may be fetched. A public one is not
/// among them, for its name could lead to a private address later.
async fn private_seeds(seeds: &[WebUrl], names: &Names) -> Vec<WebUrl> {
    let mut private = Vec::new();
    for seed in seeds {
        let addresses = match literal(seed) {
            Some(address) => vec![address],
            None => names.look_up(seed.host_str()).await.unwrap_or_default(),
        };
        if !addresses.is_empty()
            && addresses
                .iter()
                .all(|address| Block::of(*address).is_some())
        {
            private.push(seed.clone());
        }
    }
    private
}

struct Crawl {
    folder: PathBuf,
    frontier: Arc<SqliteFrontier>,
}

/// How a run ended.
enum End {
    Done,
    Interrupted,
    Failed(Exit),
}

impl Crawl {
    async fn run(
        &self,
        crew: Crew,
        mut output: Output,
        seeds: &[WebUrl],
        how: &HowFlags,
    ) -> anyhow::Result<u8> {
        let start = Instant::now();
        let frontier: Arc<dyn Frontier> = self.frontier.clone();
        if frontier.stats().await?.state == State::Done {
            say(format!(
                "crawler: the crawl in {} is done; --fresh begins anew",
                self.folder.display()
            ));
            return Ok(0);
        }
        output.cut_back(&frontier.written().await?)?;
        let mut admitted = Vec::new();
        for seed in seeds {
            match crew.rules.admit(seed, 0) {
                Ok(url) => admitted.push(url),
                Err(code) => say(format!("crawler: a seed is left out: {code}")),
            }
        }
        frontier.add(admitted).await?;
        frontier.seeded().await?;
        let counts = Counts::default();
        let (end, edges) = self
            .stages(crew, &frontier, output, &counts, how.quiet)
            .await?;
        let report = Report {
            counts: counts.now(),
            stats: frontier.stats().await?,
            edges,
            elapsed: start.elapsed(),
        };
        frontier.close().await?;
        if !how.quiet {
            say(&report);
        }
        Ok(self.exit_code(&end, &report))
    }

    /// Runs the stages to their end.
    async fn stages(
        &self,
        crew: Crew,
        frontier: &Arc<dyn Frontier>,
        output: Output,
        counts: &Counts,
        is_quiet: bool,
    ) -> anyhow::Result<(End, Vec<stage::EdgeStats>)> {
        let mut interrupts = Interrupts::listen().context("cannot listen for Ctrl-C")?;
        let (stages, held) = (Stages::new(), Held::default());
        let n = crew.concurrency;
        let claims = producer(ClaimSource::new(Arc::clone(frontier), held.clone()))
            .named("claims")
            .within(&stages)
            .spawn()?;
        let visitor = Visitor::new(
            crew.rules,
            crew.fetcher,
            Arc::clone(frontier),
            counts.clone(),
        );
        let visitor = Arc::new(visitor);
        let visits = map_async(n, Order::Unordered, move |lease: Lease| {
            let visitor = Arc::clone(&visitor);
            async move { Ok(visitor.visit(lease).await?) }
        })
        .on_failure(|_| Directive::Stop)
        .named("visits")
        .within(&stages)
        .subscribe_to(&claims, Demand::one_by_one(n.get())?)
        .spawn()?;
        // While a batch is settled, as many visits as there are places go on.
        let window = Demand::new(n.get() + SETTLED_MAX.min(n.get()), n.get())?;
        let store = Store::new(Arc::clone(frontier), output, held.clone(), counts.clone());
        let store = consumer(store)
            .named("store")
            .within(&stages)
            .subscribe_to(&visits, window)
            .spawn()?;
        let ended = async {
            let exit = store.join().await;
            // What is not done then has nobody to hand it to: the claims would wait for outcomes that do not come.
            claims.abort();
            visits.abort();
            tokio::join!(claims.join(), visits.join());
            exit
        };
        tokio::pin!(ended);
        let end = tokio::select! {
            biased;
            exit = &mut ended => exit.into(),
            error = held.renew(&**frontier) => {
                visits.abort();
                ended.await;
                End::Failed(Exit::Failed(Arc::new(error.into())))
            }
            () = site_report::show(counts.clone(), Arc::clone(frontier), is_quiet) => End::Interrupted,
            () = interrupts.next() => {
                say(format!(
                    "crawler: finishing the {} in flight, for {} s at most; Ctrl-C again to abort",
                    counts.now().in_flight,
                    GRACE.as_secs()
                ));
                tokio::select! {
                    _ = stages.drain(GRACE) => {}
                    () = interrupts.next() => {
                        claims.abort();
                        visits.abort();
                        if tokio::time::timeout(STORE_GRACE, store.stop()).await.is_err() {
                            store.abort();
                        }
                    }
                }
                ended.await;
                End::Interrupted
            }
        };
        let edges = visits.edges().into_iter().chain(store.edges()).collect();
        Ok((end, edges))
    }

    fn exit_code(&self, end: &End, report: &Report) -> u8 {
        let resume = format!("crawler resume {}", self.folder.display());
        match end {
            End::Failed(exit) => {
                say(format!(
                    "crawler: the crawl ended early: {}; then: {resume}",
                    explain(exit)
                ));
                3
            }
            End::Interrupted => {
                say(format!("crawler: interrupted; to go on: {resume}"));
                3
            }
            End::Done if report.stats.queued + report.stats.delayed > 0 => {
                say(format!(
                    "crawler: its budget of pages is spent, and {} URLs are left",
                    report.stats.queued + report.stats.delayed
                ));
                0
            }
            End::Done => u8::from(report.counts.seeds_failed > 0),
        }
    }
}

impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        if exit.is_failure() {
            Self::Failed(exit)
        } else {
            Self::Done
        }
    }
}

/// Returns the failure with its causes, in a line.
fn explain(exit: &Exit) -> String {
    let Exit::Failed(error) = exit else {
        return exit.to_string();
    };
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error.source());
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
