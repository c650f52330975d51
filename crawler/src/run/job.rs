//! A run at work: the frontier, the three stages, who watches them, how they end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use stage::{
    Demand, Directive, EdgeStats, Order, Stages, Subscribe, consumer, map_async, producer,
};
use tokio::sync::{oneshot, watch};

use super::Kind;
use super::beats::beat;
use super::end::{Allowed, End};
use super::interrupt::Interrupts;
use super::recorded::of_all_runs;
use super::report::{Report, troubles};
use super::{Crew, Home, progress};
use crate::flags::HowFlags;
use crate::frontier::{Frontier, FrontierError, Lease, Membership};
use crate::pipeline::{
    ClaimSource, Counts, CountsNow, Held, Outputs, SettleWindow, Store, Visitor, Writing,
};
use crate::policy::rate::Rate;
use crate::seeds::Seeded;
use crate::telling::say;

/// How long visits may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);
/// How long what is being stored may take after an abort.
const STORE_GRACE: Duration = Duration::from_secs(2);

/// A job that can run.
pub(crate) struct Job {
    pub(crate) home: Home,
    pub(crate) frontier: Arc<dyn Frontier>,
    /// Among those that share it.
    pub(crate) member: Option<Membership>,
    pub(crate) kind: Kind,
    /// Whether only Ctrl-C ends it.
    pub(crate) is_endless: bool,
    /// Whether an earlier run has done a part of it.
    pub(crate) goes_on: bool,
    /// What budgets it has for this run.
    pub(super) allowed: Allowed,
}

impl Job {
    /// Runs it to its end; returns the exit code.
    ///
    /// # Errors
    ///
    /// What keeps it from beginning, in words.
    pub(crate) async fn run(
        self,
        crew: Crew,
        outputs: Outputs,
        seeded: Seeded,
        (how, interrupts): (&HowFlags, Interrupts),
    ) -> anyhow::Result<u8> {
        let start = Instant::now();
        let counts = Counts::default();
        let (end, edges) = self.flow(crew, outputs, &counts, (how, interrupts)).await?;
        let stats = unless_away(self.frontier.stats().await)?;
        let report = Report {
            goes_on: self.goes_on,
            allowed: self.allowed,
            kind: self.kind,
            is_shared: self.member.is_some(),
            is_endless: self.is_endless,
            seeded,
            counts: self.counted(counts.now()).await,
            histories: counts.histories(),
            stats,
            edges,
            elapsed: start.elapsed(),
        };
        if let Some(member) = self.member {
            unless_away(member.leave().await)?;
        }
        self.frontier.close().await?;
        if !how.quiet {
            say(&report);
        }
        troubles(&report.counts).iter().for_each(say);
        if let Some(line) = end.told(&report, &self.home) {
            say(format!("crawler: {line}"));
        }
        Ok(end.code(&report))
    }

    /// Returns what the job came to by the end of this run, as far as its records can be read.
    async fn counted(&self, run: CountsNow) -> CountsNow {
        if !self.goes_on {
            return run;
        }
        let all = async { anyhow::Ok(of_all_runs(run.clone(), self.home.records().await?).await?) };
        all.await.unwrap_or_else(|error| {
            say(format!(
                "crawler: what earlier runs came to can't be told: {error:#}"
            ));
            run.clone()
        })
    }

    /// Runs the stages to their end.
    async fn flow(
        &self,
        crew: Crew,
        outputs: Outputs,
        counts: &Counts,
        (how, mut interrupts): (&HowFlags, Interrupts),
    ) -> anyhow::Result<(End, Vec<EdgeStats>)> {
        let (stages, held, n) = (Stages::new(), Held::default(), crew.concurrency());
        let (is_archiving, writing) = (outputs.has_archive(), outputs.writing());
        let crew = if is_archiving { crew.archiving() } else { crew };
        let (rules, fetcher) = crew.set_out()?;
        let rate = how.rate.map(|period| Rate::new(period, Instant::now()));
        // Nothing is claimed before all are there: a crawl of which nothing is left ends at once, and visits would end
        // before anybody hears of it.
        let (tell, subscribed) = oneshot::channel();
        let source = ClaimSource::new(Arc::clone(&self.frontier), held.clone(), rate);
        let source = source.after(subscribed.map(|_or_it_has_failed| ()));
        // What others could fetch is left to them.
        let source = match self.member {
            None => source.ahead_of(n),
            Some(_) => source,
        };
        let claims = producer(source).named("claims").within(&stages).spawn()?;
        let visitor = Visitor::new(rules, fetcher, Arc::clone(&self.frontier), counts.clone());
        let visitor = visitor.within(held.clone());
        let visitor = if is_archiving {
            visitor.archiving()
        } else {
            visitor
        };
        // In a shared crawl others find the same links at the same time.
        let visitor = if self.member.is_none() && outputs.can_take_back() {
            visitor.refusing_links()
        } else {
            visitor
        };
        let visitor = Arc::new(visitor);
        let visits = map_async(n, Order::Unordered, move |lease: Lease| {
            let visitor = Arc::clone(&visitor);
            // Boxed, as it is large, and a task is moved some times before it runs.
            Box::pin(async move { Ok(visitor.visit(lease).await?) })
        })
        .on_failure(|_| Directive::Stop)
        .named("visits")
        .within(&stages)
        .subscribe_to(&claims, Demand::one_by_one(n.get())?)
        .spawn()?;
        let frontier = Arc::clone(&self.frontier);
        let (held_on, counted) = (held.clone(), counts.clone());
        let store = Store::new(frontier, outputs, held_on, counted, SettleWindow::of(n));
        let store = store.telling(tell);
        let store = consumer(store)
            .named("store")
            .within(&stages)
            .subscribe_to(&visits, Subscribe::default().manual())
            .spawn()?;
        let abort = || {
            claims.abort();
            visits.abort();
        };
        let ended = async {
            let stored = async {
                let exit = store.join().await;
                // What is not done then has nobody to hand it to: the claims would wait for outcomes that do not come.
                abort();
                exit
            };
            // All are joined from the begin, so that no abort is logged as one that nobody sees.
            tokio::join!(stored, claims.join(), visits.join()).0
        };
        tokio::pin!(ended);
        let (drains, draining) = watch::channel(false);
        let progress = progress::show(counts, &*self.frontier, self.kind, how.quiet);
        let kept = async {
            tokio::select! {
                error = held.renew(&*self.frontier) => error,
                error = beat(self.member.as_ref(), n.get(), counts, draining) => error,
            }
        };
        tokio::pin!(progress, kept);
        let end = tokio::select! {
            biased;
            exit = &mut ended => exit.into(),
            error = &mut kept => {
                abort();
                ended.await;
                error.into()
            }
            () = &mut progress => End::Interrupted,
            () = interrupts.next() => {
                drains.send_replace(true);
                say(format!(
                    "crawler: finishing the {} in flight, for {} s at most; Ctrl-C again to abort",
                    counts.now().in_flight,
                    GRACE.as_secs()
                ));
                tokio::select! {
                    _ = stages.drain(GRACE) => {}
                    () = tell_of_slow(&writing) => {}
                    () = &mut progress => {}
                    _ = &mut kept => abort(),
                    () = interrupts.next() => {
                        abort();
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
}

/// Tells which output takes nothing of what was fetched, once; never returns.
async fn tell_of_slow(writing: &Writing) {
    let path = writing.slow().await;
    let output = match path == Path::new("-") {
        true => "standard output".into(),
        false => path.display().to_string(),
    };
    say(format!(
        "crawler: waiting for {output} to take what was fetched, within those {} s",
        GRACE.as_secs()
    ));
    std::future::pending::<()>().await;
}

/// Returns what the frontier answered, unless it can't be reached: that takes nothing from a run that has ended.
fn unless_away<T>(answer: Result<T, FrontierError>) -> Result<Option<T>, FrontierError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_temporary() => Ok(None),
        Err(error) => Err(error),
    }
}
