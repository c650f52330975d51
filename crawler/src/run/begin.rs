//! The three ways to begin a run: with a list, with the seeds of a crawl, or where another run ended.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use thiserror::Error;

use super::dry::dry_run;
use super::end::{Allowed, finished};
use super::home::{DATABASE, Opened};
use super::interrupt::Interrupts;
use super::looking::only_job;
use super::plan::PAGES;
use super::recorded::of_all_runs;
use super::reopen::{follow, reopen};
use super::report::troubles;
use super::suspected::suspected;
use super::{Crew, Home, Job, Kind, Plan};
use crate::flags::{CrawlFlags, Flags, HowFlags, ResumeFlags, SharedFlags};
use crate::frontier::{Frontier, State, Stats, file_in, is_no_folder};
use crate::pipeline::{CountsNow, Outputs, Overwritten};
use crate::seeds::{self, Line, Roots, Seeded, Seeds, UrlList};
use crate::telling::{Counted, say};
use crate::web_url::WebUrl;

const NOT_HEARD: &str = "cannot listen for Ctrl-C";

/// Fetches a list; returns the exit code.
///
/// # Errors
///
/// What keeps it from beginning, in words.
pub(crate) async fn list(flags: &Flags) -> anyhow::Result<u8> {
    let (list, how) = (&flags.list, &flags.how);
    let home = home(list.job.clone(), &list.shared);
    let named = list.api_url()?;
    if let Some(urls) = &list.urls {
        refuse_overwriting(urls, how)?;
    }
    let urls = list.urls.as_deref().map(UrlList::open).transpose()?;
    let api = match &urls {
        None => Some(seeds::find(named, matches!(home, Home::Memory)).await?),
        Some(_) => None,
    };
    if let Some(api) = api.as_ref().filter(|_| !how.quiet) {
        say(&api.line);
    }
    let has_own_api = api.as_ref().is_some_and(|api| api.own.is_some());
    let how = HowFlags {
        rate: how.rate.or(list.pace),
        ..how.clone()
    };
    let name = match (&list.urls, &api) {
        (Some(urls), _) => UrlList::identity(urls)?,
        (None, api) => {
            let url = api.as_ref().map(|api| api.url.as_str());
            format!("of {} pages of {}", list.count, url.unwrap_or_default())
        }
    };
    let plan = Plan::of_list(list, name, &flags.manners, &how);
    let crew = Crew::new(&plan, &[], &how, has_own_api).await?;
    let mut seeds = match (urls, &api) {
        (Some(urls), _) => Seeds::listed(urls),
        (None, Some(api)) => Seeds::pages(api, list.count),
        (None, None) => Seeds::typed(Roots::default()),
    };
    let code = begin(plan, crew, &mut seeds, (home, list.fresh), &how).await?;
    if let Some(server) = api.as_ref().and_then(|api| api.own.as_ref())
        && !how.quiet
    {
        let stats = server.stats();
        say(format!(
            "the API saw {} of {}, at most {} at once",
            Counted(stats.requests, "request"),
            Counted(stats.distinct as u64, "distinct URL"),
            stats.max_in_flight
        ));
    }
    Ok(code)
}

/// Crawls from seeds; returns the exit code.
///
/// # Errors
///
/// What keeps it from beginning, in words.
pub(crate) async fn crawl(flags: &CrawlFlags) -> anyhow::Result<u8> {
    let mut roots = Roots::read(&flags.seeds, &flags.sitemap)?;
    if let Some(urls) = &flags.urls {
        refuse_overwriting(urls, &flags.how)?;
        roots.pages.extend(listed(urls)?);
    }
    let all = roots.all();
    let folder = flags.job.clone().unwrap_or_else(|| {
        let host = all[0].host_str().replace([':', '[', ']'], "_");
        // Two servers on one machine are two crawls.
        let port = all[0].written_port();
        let port = port.map(|port| format!("-{port}")).unwrap_or_default();
        PathBuf::from(format!("crawl-{host}{port}"))
    });
    let home = home(Some(folder), &flags.shared);
    let mut plan = Plan::of_crawl(&roots, flags);
    let crew = Crew::new(&plan, &all, &flags.how, false).await?;
    plan.typed = crew.typed();
    let mut seeds = Seeds::typed(roots);
    begin(plan, crew, &mut seeds, (home, flags.fresh), &flags.how).await
}

/// Goes on with a job; returns the exit code.
///
/// # Errors
///
/// What keeps it from going on, in words.
pub(crate) async fn resume(flags: &ResumeFlags) -> anyhow::Result<u8> {
    ensure!(
        !flags.how.dry_run,
        "what a job would go on with is told by crawler status and crawler explain; --dry-run is for one that begins"
    );
    let folder = match &flags.job {
        Some(folder) => folder.clone(),
        None => only_job("crawler resume")?,
    };
    let (frontier, mut plan) = Home::resume(&folder).await?;
    let stats = frontier.stats().await?;
    ensure!(
        plan.kind == Kind::Crawl || stats.state != State::Seeding,
        "the list of the job in {} was not read to its end, and nothing of it was fetched: run the command that began it again",
        folder.display()
    );
    let mut how = flags.how.clone();
    plan.pace.apply(&mut how);
    let roots = plan.roots()?;
    let mut crew = Crew::new(&plan, &roots.all(), &how, false).await?;
    let home = Home::Folder(folder.clone());
    let mut interrupts = Interrupts::listen().context(NOT_HEARD)?;
    let heard = (&how, &mut interrupts);
    let outputs = resumed_outputs(&home, &*frontier, &mut plan, heard).await?;
    tell_of_size(&flags.how, &outputs);
    if let Some(suspected) = suspected(&stats).filter(|_| !how.quiet) {
        say(format!("crawler: {suspected}"));
    }
    if stats.state == State::Done {
        // Also of a job that is done the outputs are to hold what is settled.
        drop(outputs);
        frontier.close().await?;
        say(format!(
            "crawler: the job in {} is done; the command that began it begins it anew with --fresh",
            folder.display()
        ));
        return done_before(&home, &plan.seeded, &stats).await;
    }
    if flags.pages.is_some() {
        frontier.allow(flags.pages).await?;
    }
    if flags.bytes.is_some() {
        frontier.allow_bytes(flags.bytes).await?;
    }
    // A run that was killed may not have come to its last seed.
    let mut seeds = Seeds::typed(roots);
    seeds::seed(&mut seeds, &mut crew, &*frontier).await?;
    frontier.seeded().await?;
    let job = Job {
        home,
        frontier,
        member: None,
        kind: plan.kind,
        is_endless: plan.every.is_some(),
        goes_on: true,
        allowed: Allowed {
            pages: flags.pages.is_some(),
            bytes: flags.bytes.is_some(),
        },
    };
    job.run(crew, outputs, plan.seeded, (&how, interrupts))
        .await
}

/// Tells what failed of a job that was done before, and returns its exit code, both as the run that ended it.
async fn done_before(home: &Home, seeded: &Seeded, stats: &Stats) -> anyhow::Result<u8> {
    let mut seeds_failed = 0;
    if stats.failed > 0 {
        let all = of_all_runs(CountsNow::default(), home.records().await?).await?;
        troubles(&all).iter().for_each(say);
        seeds_failed = all.seeds_failed;
    }
    Ok(finished(seeds_failed, seeded))
}

/// Opens what the records of a job go to that is resumed: as it is said now, or else as it was.
async fn resumed_outputs(
    home: &Home,
    frontier: &dyn Frontier,
    plan: &mut Plan,
    (how, interrupts): (&HowFlags, &mut Interrupts),
) -> anyhow::Result<Outputs> {
    let folder = home.folder();
    let mut known = folder.map_or_else(Vec::new, |folder| plan.said_outputs(folder));
    if plan.outputs.is_empty() {
        known.extend(piped());
    }
    if how.output.is_empty() {
        let open = open_outputs(&known, folder, plan, (how, interrupts));
        return reopen(home, frontier, &known, open).await;
    }
    follow(home, frontier, &known, &how.output).await?;
    let open = open_outputs(&how.output, folder, plan, (how, interrupts));
    let outputs = reopen(home, frontier, &how.output, open).await?;
    plan.outputs = Outputs::names(&how.output, folder)?;
    frontier.describe(plan.to_config()?).await?;
    Ok(outputs)
}

/// Returns where a job is kept.
fn home(folder: Option<PathBuf>, shared: &SharedFlags) -> Home {
    match (folder, &shared.frontier) {
        (_, Some(_)) => Home::Shared(shared.clone()),
        (Some(folder), None) => Home::Folder(folder),
        (None, None) => Home::Memory,
    }
}

/// Makes a job of a plan, and runs it.
async fn begin(
    mut plan: Plan,
    mut crew: Crew,
    seeds: &mut Seeds<'_>,
    (home, is_fresh): (Home, bool),
    how: &HowFlags,
) -> anyhow::Result<u8> {
    if how.dry_run {
        return dry_run(seeds, &mut crew).await;
    }
    let mut interrupts = Interrupts::listen().context(NOT_HEARD)?;
    let (opened, outputs) = open(&home, &mut plan, is_fresh, (how, &mut interrupts)).await?;
    tell_of_size(how, &outputs);
    let frontier = opened.frontier;
    let stats = frontier.stats().await?;
    if opened.is_old && stats.state == State::Done {
        if let Some(member) = opened.member {
            member.leave().await?;
        }
        say("crawler: the crawl is done; --fresh begins anew");
        return done_before(&home, &Seeded::default(), &stats).await;
    }
    // Who joins adds the seeds too: the one who began may have ended before its last.
    let mut seeded = tokio::select! {
        seeded = seeds::seed(seeds, &mut crew, &*frontier) => seeded?,
        () = interrupts.next() => {
            let again = match (&home, plan.kind) {
                // Where the list was left is not known.
                (Home::Folder(_), Kind::List) => "run the same command again".to_owned(),
                _ => format!("to go on: {home}"),
            };
            say(format!("crawler: interrupted before all URLs were read; {again}"));
            return Ok(3);
        }
    };
    if opened.is_old {
        // They are there because of another node, not because the list repeats them.
        seeded.repeated = 0;
    }
    if plan.typed != crew.typed() || !opened.is_old {
        plan.typed = crew.typed();
        plan.seeded = seeded.clone();
        frontier.describe(plan.to_config()?).await?;
    }
    frontier.seeded().await?;
    // A node that comes back has written something, unless it writes nowhere; one that is new has recorded nothing that is
    // worth a look.
    let written = frontier.written().await?;
    let has_written = outputs.is_empty() || written.iter().any(|file| file.bytes > 0);
    let goes_on = opened.is_old && has_written;
    let job = Job {
        home,
        frontier,
        member: opened.member,
        kind: plan.kind,
        is_endless: plan.every.is_some(),
        goes_on,
        allowed: Allowed::default(),
    };
    job.run(crew, outputs, seeded, (how, interrupts)).await
}

/// Begins a job or joins one, with what its records go to. What is wrong with the output is told before a job is made or
/// thrown away.
async fn open(
    home: &Home,
    plan: &mut Plan,
    is_fresh: bool,
    heard: (&HowFlags, &mut Interrupts),
) -> anyhow::Result<(Opened, Outputs)> {
    let made = home.folder().map_or(Ok(Vec::new()), make_folder)?;
    let opened = open_there(home, plan, is_fresh, heard).await;
    if opened.is_err() {
        for folder in made {
            // One that holds something stays.
            let _holds_something = std::fs::remove_dir(folder);
        }
    }
    opened
}

/// Makes a folder, and returns those that were not there, the innermost first.
fn make_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(file) = file_in(&folder.join(DATABASE)) {
        let what = is_no_folder(file);
        bail!("cannot make the folder {}: {what}", folder.display());
    }
    let missing = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let missing = missing.map(Path::to_owned).collect();
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(missing)
}

async fn open_there(
    home: &Home,
    plan: &mut Plan,
    is_fresh: bool,
    (how, interrupts): (&HowFlags, &mut Interrupts),
) -> anyhow::Result<(Opened, Outputs)> {
    let folder = home.folder();
    let paths = output_paths(folder, how.output.clone());
    if folder.is_some() {
        plan.outputs = Outputs::names(&how.output, folder)?;
    }
    let plan = &*plan;
    if !is_fresh {
        home.refuse_damaged()?;
    }
    let outputs = open_outputs(&paths, folder, plan, (how, interrupts));
    let is_unread = !is_fresh && home.holds_unread_list();
    if !is_fresh && !is_unread && home.may_be_there() {
        // It is refused, or joined: only then it is known what was written of it.
        let joined = home.begin(plan, false).await?;
        let outputs = reopen(home, &*joined.frontier, &paths, outputs).await?;
        return Ok((joined, outputs));
    }
    if is_fresh {
        home.refuse_held().await?;
        let mut outputs = outputs.await?;
        // What was fetched before goes only when it is sure that it may: others may be at work on it.
        let begun = home.begin(plan, is_fresh).await?;
        outputs.cut_back(&[], Overwritten::Anew)?;
        return Ok((begun, outputs));
    }
    let mut outputs = outputs.await?;
    outputs.cut_back(&[], Overwritten::Never)?;
    Ok((home.begin(plan, is_unread).await?, outputs))
}

/// Returns what the records go to: as it was said, or else the job's folder and a standard output that is piped.
fn output_paths(folder: Option<&Path>, said: Vec<PathBuf>) -> Vec<PathBuf> {
    if !said.is_empty() {
        return said;
    }
    let pages = folder.map(|folder| folder.join(PAGES));
    pages.into_iter().chain(piped()).collect()
}

/// Returns standard output, where it is piped.
fn piped() -> Option<PathBuf> {
    Outputs::is_standard_taken().then(|| PathBuf::from("-"))
}

/// Opens what the records go to, unless Ctrl-C comes before somebody reads it.
async fn open_outputs(
    paths: &[PathBuf],
    folder: Option<&Path>,
    plan: &Plan,
    (how, interrupts): (&HowFlags, &mut Interrupts),
) -> anyhow::Result<Outputs> {
    let opened = Outputs::open_when_read(paths, folder, how.min_free(), tell_of_wait);
    let outputs = tokio::select! {
        outputs = opened => outputs?,
        () = interrupts.next() => return Err(Unread.into()),
    };
    Ok(outputs.archives(&plan.archive(how)))
}

/// Tells that a named pipe has no reader yet.
pub(super) fn tell_of_wait(pipe: &Path) {
    let pipe = pipe.display();
    say(format!("crawler: waiting for a reader of {pipe}"));
}

/// Ctrl-C came while an output had no reader.
#[derive(Debug, Error)]
#[error("interrupted before somebody read what -o names; run the same command again")]
pub(crate) struct Unread;

/// Tells of a size of archives that is of no use.
fn tell_of_size(how: &HowFlags, outputs: &Outputs) {
    if how.warc_size.is_some() && !outputs.has_archive() {
        say("crawler: --warc-size is of no use without an archive; name one with -o NAME.warc.gz");
    }
}

/// Refuses to overwrite a list of URLs with what comes of them.
fn refuse_overwriting(list: &Path, how: &HowFlags) -> anyhow::Result<()> {
    for output in how.output_files() {
        ensure!(
            !seeds::is_list(output, list),
            "{} holds the URLs and would be overwritten; choose another -o",
            output.display()
        );
    }
    Ok(())
}

/// Reads the whole list of a crawl's seeds; each of them must be one.
fn listed(path: &Path) -> anyhow::Result<Vec<WebUrl>> {
    let (mut list, mut seeds) = (UrlList::open(path)?, Vec::new());
    loop {
        let part: Vec<Line> = list.next_part()?;
        if part.is_empty() {
            return Ok(seeds);
        }
        for line in part {
            let seed =
                line.map_err(|rejected| anyhow::anyhow!("{}: {rejected}", path.display()))?;
            seeds.push(seed);
        }
    }
}
