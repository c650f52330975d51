//! The archive of a job, copied as far as it is settled.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::export::{NotWritten, cannot_write};
use super::unfinished::Unfinished;
use crate::frontier::Written;
use crate::pipeline::Segments;

/// A copy that is to be made.
#[derive(Debug)]
pub(super) struct ArchiveCopy {
    /// The name of the copy.
    pub(super) path: PathBuf,
    to: Segments,
    /// The files, each with how far it is settled, in their order.
    from: Vec<(PathBuf, u64)>,
    /// The files of another that has the name now.
    replaced: Vec<u32>,
}

impl ArchiveCopy {
    /// Plans to copy one of the archives of the job in a folder.
    ///
    /// # Errors
    ///
    /// When there is none, or the copy would overwrite something.
    pub(super) fn of(
        (folder, archives): (&Path, &[PathBuf]),
        written: &[Written],
        path: &Path,
        is_fresh: bool,
    ) -> anyhow::Result<Self> {
        // With several archives all hold the same.
        let own = archives.first().context(
            "the job has no archive that could be copied: bodies are kept only where it is run with -o NAME.warc.gz",
        )?;
        let (own, to) = (Segments::of(own), Segments::of(path));
        let files = own.settled(Some(folder), written).into_iter();
        let files = files.filter(|(_, written)| written.bytes > 0);
        let from = files.map(|(number, written)| (own.closed(number), written.bytes));
        let from = from.collect();
        let found = to.found().with_context(|| cannot_write(path))?;
        ensure!(
            !own.is_same(&to),
            "{} is the job's own archive: name another",
            path.display()
        );
        ensure!(
            is_fresh || found.is_empty(),
            "there are files of {} already: name another, remove them, or give --fresh",
            path.display()
        );
        Ok(Self {
            path: path.to_owned(),
            to,
            from,
            replaced: found,
        })
    }

    /// Makes it; returns how many files it has.
    ///
    /// # Errors
    ///
    /// When a file can't be read as far as it is settled, or the copy can't be written.
    pub(super) fn run(&self) -> anyhow::Result<u64> {
        let mut copies = Vec::with_capacity(self.from.len());
        for (number, (from, bytes)) in (0..).zip(&self.from) {
            let to = self.to.closed(number);
            let read = Segments::read(from);
            let read = read.with_context(|| format!("cannot read {}", from.display()))?;
            let mut copy = Unfinished::create(&to).with_context(|| cannot_write(&to))?;
            let copied = io::copy(&mut read.take(*bytes), copy.file());
            let copied = copied.map_err(|source| NotWritten::of(&to, source))?;
            ensure!(
                copied == *bytes,
                "{} holds {copied} bytes, and {bytes} were written",
                from.display()
            );
            let synced = copy.sync();
            synced.map_err(|source| NotWritten::of(&to, source))?;
            copies.push(copy);
        }
        // What was there goes when all that takes its place is whole.
        for number in &self.replaced {
            let closed = self.to.closed(*number);
            fs::remove_file(Segments::standing(&closed)).with_context(|| cannot_write(&closed))?;
        }
        for copy in copies {
            copy.finish().with_context(|| cannot_write(&self.path))?;
        }
        Ok(self.from.len() as u64)
    }
}
