//! The outputs of a job that goes on: found where they are now, and made to hold what is settled. A text that lacks some
//! of that, as after a power cut, is written again of what the frontier has recorded; an archive can't be.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::Home;
use crate::frontier::{Frontier, Written};
use crate::pipeline::{Format, Lost, Moved, Outputs, Overwritten, begins_as};
use crate::telling::{Counted, say};

/// Opens outputs and cuts them back to what is settled.
///
/// # Errors
///
/// When what one lacks can't be written again, or it holds what this job has not written.
pub(super) async fn reopen(
    home: &Home,
    frontier: &dyn Frontier,
    paths: &[PathBuf],
    open: impl Future<Output = anyhow::Result<Outputs>>,
) -> anyhow::Result<Outputs> {
    let lost = Lost::of(paths, home.folder(), &frontier.written().await?)?;
    for lost in &lost {
        refuse_beyond_help(lost)?;
    }
    let mut outputs = open.await?;
    for text in &lost {
        write_again(text, home, frontier, &mut outputs).await?;
    }
    outputs.cut_back(&frontier.written().await?, Overwritten::Never)?;
    Ok(outputs)
}

fn refuse_beyond_help(lost: &Lost) -> anyhow::Result<()> {
    if !begins_as(lost.format, &lost.file) {
        let file = lost.file.display();
        bail!(
            "{file} holds what this job has not written: remove it, and it is written again, or name another with -o"
        );
    }
    if lost.format == Format::Warc {
        bail!(
            "{lost}; an archive can't be written again: put the file back as it was, say with -o NAME.warc.gz where the archive is now, or go on with other outputs, named by -o"
        );
    }
    let folder = lost
        .file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.exists()) {
        bail!(
            "{lost}; its folder is gone too: say with -o FILE where the output is now, or is to be"
        );
    }
    Ok(())
}

/// Writes a text again. Whatever ends it meanwhile leaves the text shorter than it is known to be, so that it is written
/// again the next time.
async fn write_again(
    lost: &Lost,
    home: &Home,
    frontier: &dyn Frontier,
    outputs: &mut Outputs,
) -> anyhow::Result<()> {
    let bytes = whole_length(lost.format, home).await?;
    outputs.empty(&lost.output)?;
    if bytes != lost.settled.bytes {
        // What it held was a part of all there is, where the job has gone on with other outputs for a while.
        let file = lost.settled.file.clone();
        frontier
            .settle(Vec::new(), vec![Written { file, bytes }])
            .await?;
    }
    let (mut records, mut count) = (home.records().await?, 0);
    loop {
        let read = records.next().await?;
        if read.is_empty() {
            break;
        }
        count += read.len() as u64;
        outputs.refill(&lost.output, &read)?;
    }
    records.close().await?;
    outputs.sync(&lost.output)?;
    say(format!(
        "crawler: {lost}; it was written again, with {}",
        Counted(count, "record")
    ));
    Ok(())
}

/// Returns how many bytes all records of a job take.
async fn whole_length(format: Format, home: &Home) -> anyhow::Result<u64> {
    let (mut records, mut bytes) = (home.records().await?, format.head().len() as u64);
    loop {
        let read = records.next().await?;
        if read.is_empty() {
            break;
        }
        bytes += read.iter().map(|record| format.bytes(record)).sum::<u64>();
    }
    records.close().await?;
    Ok(bytes)
}

/// Takes outputs that are named for those that are gone, where they hold what those held, or nothing. What else stands
/// there stays another's. Tells what the job had written to and is not named, and what is named and lacks a part.
///
/// # Errors
///
/// When one can't be read.
pub(super) async fn follow(
    home: &Home,
    frontier: &dyn Frontier,
    known: &[PathBuf],
    named: &[PathBuf],
) -> anyhow::Result<()> {
    let written = frontier.written().await?;
    let (mut left, mut joining) = (known.to_vec(), named.to_vec());
    left.retain(|path| !named.contains(path));
    joining.retain(|path| !known.contains(path));
    for moved in Moved::of(known, named, home.folder(), &written)? {
        let (from, to) = (moved.from.display(), moved.to.display());
        let is_absent = moved.is_absent();
        left.retain(|path| *path != moved.from);
        joining.retain(|path| *path != moved.to);
        if moved.is_archive() && is_absent {
            say(format!(
                "crawler: {from} is gone; {to} begins with what is fetched from now on"
            ));
            continue;
        }
        if is_absent || is_own(&moved, home).await? {
            say(format!("crawler: {from} is gone; {to} takes its place"));
            frontier.settle(Vec::new(), moved.written).await?;
        }
    }
    for path in left {
        say(format!(
            "crawler: {} gets no more records, as -o names other outputs",
            path.display()
        ));
    }
    for path in joining {
        say(format!(
            "crawler: {} lacks what the job has written to others; `crawler export` writes all",
            path.display()
        ));
    }
    Ok(())
}

/// Returns whether an output holds what this job has written to another.
async fn is_own(moved: &Moved, home: &Home) -> anyhow::Result<bool> {
    let cannot_read = || format!("cannot read {}", moved.to.display());
    if moved.is_archive() {
        return moved.holds_members().with_context(cannot_read);
    }
    let begin = moved.begin().with_context(cannot_read)?;
    let mut records = home.records().await?;
    loop {
        let read = records.next().await?;
        let is_own = read.iter().any(|record| begin.is_of(record));
        if is_own || read.is_empty() {
            records.close().await?;
            return Ok(is_own);
        }
    }
}
