//! `crawler export`: the records of a job once more, also while it runs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use thiserror::Error;

use super::Plan;
use super::begin::tell_of_wait;
use super::copy::ArchiveCopy;
use super::home::DATABASE;
use super::looking::only_job;
use super::records::Records;
use super::unfinished::Unfinished;
use crate::flags::ExportFlags;
use crate::frontier::{PostgresOptions, SqliteResults, Written};
use crate::pipeline::{Format, closed, open_pipe};
use crate::telling::{Counted, say};

/// Exports a job; returns the exit code.
///
/// # Errors
///
/// What can't be read or written, in words.
pub(crate) async fn export(flags: &ExportFlags) -> anyhow::Result<u8> {
    let mut outputs = flags.output.clone();
    if outputs.is_empty() {
        outputs.push("-".into());
    }
    let mut source = Source::open(flags).await?;
    let (mut texts, mut copies) = (Vec::new(), Vec::new());
    for (at, path) in outputs.iter().enumerate() {
        ensure!(
            !outputs[..at].contains(path),
            "-o names {} twice: leave one of them out",
            path.display()
        );
        match Format::of(path)? {
            Format::Warc => copies.push(source.copy(path, flags.fresh)?),
            format => {
                source.refuse_own(path)?;
                texts.push(Text::open(path, format, flags.fresh).await?);
            }
        }
    }
    let written = write(&mut source, texts, copies).await;
    source.records.close().await?;
    match written {
        Err(error) if error.is::<NotWritten>() => {
            say(format!("crawler: {error:#}"));
            Ok(NOT_WRITTEN)
        }
        written => written.map(|()| 0),
    }
}

/// Writes all there is.
async fn write(
    source: &mut Source,
    mut texts: Vec<Text>,
    copies: Vec<ArchiveCopy>,
) -> anyhow::Result<()> {
    let mut records = 0;
    while !texts.is_empty() {
        let read = source.records.next().await?;
        if read.is_empty() {
            break;
        }
        records += read.len() as u64;
        for text in &mut texts {
            text.write(&read)?;
        }
    }
    for text in texts {
        let path = text.path.clone();
        text.close()?;
        tell(&path, &Counted(records, "record"));
    }
    for copy in copies {
        let files = copy.run()?;
        tell(&copy.path, &Counted(files, "file"));
    }
    Ok(())
}

/// Why an export ended before its end.
#[derive(Debug, Error)]
pub(super) enum NotWritten {
    #[error("cannot write {}: make room, or name another -o", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} before all records were written", closed(path))]
    Closed { path: PathBuf },
}

impl NotWritten {
    pub(super) fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed { path };
        }
        Self::File { path, source }
    }
}

/// The exit code when it was begun, and not all could be written.
const NOT_WRITTEN: u8 = 3;

fn tell(path: &Path, what: &dyn std::fmt::Display) {
    if path != Path::new("-") {
        say(format!("crawler: {what} exported to {}", path.display()));
    }
}

/// Where the records come from.
struct Source {
    records: Records,
    /// Of a job that has one.
    folder: Option<Folder>,
}

/// A job's folder, and how far its outputs are settled.
struct Folder {
    path: PathBuf,
    written: Vec<Written>,
    /// What it writes to now.
    outputs: Vec<PathBuf>,
}

impl Source {
    async fn open(flags: &ExportFlags) -> anyhow::Result<Self> {
        let shared = &flags.shared;
        let path = match (&flags.job, &shared.frontier) {
            (Some(folder), _) => folder.clone(),
            (None, Some(url)) => {
                let options = PostgresOptions::new(url, &shared.crawl)?;
                return Ok(Self {
                    records: Records::Shared(options.open().await?, 0),
                    folder: None,
                });
            }
            (None, None) => only_job("crawler export")?,
        };
        let results = SqliteResults::open(&path.join(DATABASE))?;
        let folder = Folder {
            written: results.written()?,
            outputs: Plan::of_config(&results.config()?)?.said_outputs(&path),
            path,
        };
        Ok(Self {
            records: Records::File(results),
            folder: Some(folder),
        })
    }

    /// Refuses a file that the job itself writes.
    fn refuse_own(&self, path: &Path) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let whole = path.canonicalize().ok();
        let mut own = folder
            .written
            .iter()
            .map(|written| folder.path.join(&written.file));
        ensure!(
            whole.is_none() || !own.any(|own| own.canonicalize().ok() == whole),
            "{} is the job's own output: name another",
            path.display()
        );
        Ok(())
    }

    fn copy(&self, path: &Path, is_fresh: bool) -> anyhow::Result<ArchiveCopy> {
        let folder = self.folder.as_ref();
        let folder = folder.context(
            "each node of a shared crawl has the archive of its own pages: copy it from there",
        )?;
        let is_archive = |output: &&PathBuf| matches!(Format::of(output), Ok(Format::Warc));
        let archives = folder.outputs.iter().filter(is_archive).cloned();
        let archives: Vec<_> = archives.collect();
        ArchiveCopy::of((&folder.path, &archives), &folder.written, path, is_fresh)
    }
}

/// A file of records that is written.
struct Text {
    path: PathBuf,
    format: Format,
    to: BufWriter<Box<dyn Write>>,
    /// What becomes the file, if it is one.
    unfinished: Option<Unfinished>,
}

impl Text {
    async fn open(path: &Path, format: Format, is_fresh: bool) -> anyhow::Result<Self> {
        let about = fs::metadata(path);
        let pipe = open_pipe(path, tell_of_wait).await;
        let (to, unfinished): (Box<dyn Write>, _) = if path == Path::new("-") {
            (Box::new(io::stdout()), None)
        } else if let Some(pipe) = pipe.with_context(|| cannot_write(path))? {
            (Box::new(pipe), None)
        } else if about.as_ref().is_ok_and(|about| !about.is_file()) {
            let device = File::options().write(true).open(path);
            (Box::new(device.with_context(|| cannot_write(path))?), None)
        } else {
            ensure!(
                is_fresh || about.map_or(0, |about| about.len()) == 0,
                "{} holds something: name another, remove it, or give --fresh",
                path.display()
            );
            let unfinished = Unfinished::create(path);
            let mut unfinished = unfinished.with_context(|| cannot_write(path))?;
            let file = unfinished.file().try_clone();
            let file = file.with_context(|| cannot_write(path))?;
            (Box::new(file), Some(unfinished))
        };
        let mut text = Self {
            path: path.to_owned(),
            format,
            to: BufWriter::new(to),
            unfinished,
        };
        text.to.write_all(format.head().as_bytes())?;
        Ok(text)
    }

    fn write(&mut self, records: &[String]) -> anyhow::Result<()> {
        let mut all = String::new();
        for record in records {
            all.push_str(&self.format.line(record));
            all.push_str(self.format.end());
        }
        let written = self.to.write_all(all.as_bytes());
        Ok(written.map_err(|source| NotWritten::of(&self.path, source))?)
    }

    fn close(mut self) -> anyhow::Result<()> {
        let closed = self.to.flush().and_then(|()| match self.unfinished {
            Some(file) => file.sync().and_then(|()| file.finish()),
            None => Ok(()),
        });
        Ok(closed.map_err(|source| NotWritten::of(&self.path, source))?)
    }
}

/// Returns what is said of a file that can't be begun.
pub(super) fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
