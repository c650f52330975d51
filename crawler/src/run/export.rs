//! `crawler export`: the records of a job once more, also while it runs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::copy::ArchiveCopy;
use super::home::DATABASE;
use crate::flags::ExportFlags;
use crate::frontier::{Frontier, PostgresFrontier, PostgresOptions, SqliteResults, Written};
use crate::pipeline::Format;
use crate::telling::{Counted, say};

/// Records that are read at once.
const READ_AT_ONCE: usize = 1_000;

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
                texts.push(Text::open(path, format, flags.fresh)?);
            }
        }
    }
    let mut records = 0;
    while !texts.is_empty() {
        let read = source.next().await?;
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
    source.close().await?;
    Ok(0)
}

fn tell(path: &Path, what: &dyn std::fmt::Display) {
    if path != Path::new("-") {
        say(format!("crawler: {what} exported to {}", path.display()));
    }
}

/// Where the records come from.
enum Source {
    Folder {
        folder: PathBuf,
        results: SqliteResults,
        written: Vec<Written>,
    },
    Shared {
        frontier: PostgresFrontier,
        last: i64,
    },
}

impl Source {
    async fn open(flags: &ExportFlags) -> anyhow::Result<Self> {
        if let Some(folder) = &flags.job {
            let results = SqliteResults::open(&folder.join(DATABASE))?;
            return Ok(Self::Folder {
                folder: folder.clone(),
                written: results.written()?,
                results,
            });
        }
        let shared = &flags.shared;
        let url = shared.frontier.as_deref();
        let url = url.context("export needs the folder of a job, or --frontier postgres://…")?;
        let options = PostgresOptions::new(url, &shared.crawl)?;
        Ok(Self::Shared {
            frontier: options.open().await?,
            last: 0,
        })
    }

    async fn next(&mut self) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Folder { results, .. } => Ok(results.next(READ_AT_ONCE)?),
            Self::Shared { frontier, last } => {
                let read = frontier.results(*last, READ_AT_ONCE).await?;
                *last = read.last().map_or(*last, |(id, _)| *id);
                Ok(read.into_iter().map(|(_, about)| about).collect())
            }
        }
    }

    /// Refuses a file that the job itself writes.
    fn refuse_own(&self, path: &Path) -> anyhow::Result<()> {
        let Self::Folder {
            folder, written, ..
        } = self
        else {
            return Ok(());
        };
        let whole = path.canonicalize().ok();
        let mut own = written.iter().map(|written| folder.join(&written.file));
        ensure!(
            whole.is_none() || !own.any(|own| own.canonicalize().ok() == whole),
            "{} is the job's own output: name another",
            path.display()
        );
        Ok(())
    }

    fn copy(&self, path: &Path, is_fresh: bool) -> anyhow::Result<ArchiveCopy> {
        match self {
            Self::Folder {
                folder, written, ..
            } => ArchiveCopy::of(folder, written, path, is_fresh),
            Self::Shared { .. } => bail!(
                "each node of a shared crawl has the archive of its own pages: copy it from there"
            ),
        }
    }

    async fn close(self) -> anyhow::Result<()> {
        if let Self::Shared { frontier, .. } = self {
            frontier.close().await?;
        }
        Ok(())
    }
}

/// A file of records that is written.
struct Text {
    path: PathBuf,
    format: Format,
    to: BufWriter<Box<dyn Write>>,
    /// What it is called until it is whole, if it is a file.
    open: Option<PathBuf>,
}

impl Text {
    fn open(path: &Path, format: Format, is_fresh: bool) -> anyhow::Result<Self> {
        let (to, open): (Box<dyn Write>, _) = if path == Path::new("-") {
            (Box::new(io::stdout()), None)
        } else {
            let about = fs::metadata(path);
            if about.as_ref().is_ok_and(|about| !about.is_file()) {
                let device = File::options().write(true).open(path);
                (Box::new(device.with_context(|| cannot_write(path))?), None)
            } else {
                ensure!(
                    is_fresh || about.map_or(0, |about| about.len()) == 0,
                    "{} holds something: name another, remove it, or give --fresh",
                    path.display()
                );
                let open = beside(path);
                let file = File::create(&open).with_context(|| cannot_write(path))?;
                (Box::new(file), Some(open))
            }
        };
        let mut text = Self {
            path: path.to_owned(),
            format,
            to: BufWriter::new(to),
            open,
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
        written.with_context(|| cannot_write(&self.path))
    }

    fn close(mut self) -> anyhow::Result<()> {
        let closed = self.to.flush();
        closed.with_context(|| cannot_write(&self.path))?;
        if let Some(open) = &self.open {
            let named = fs::rename(open, &self.path);
            named.with_context(|| cannot_write(&self.path))?;
        }
        Ok(())
    }
}

/// Returns what a file is called until it is whole.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut open = path.as_os_str().to_owned();
    open.push(".open");
    open.into()
}

pub(super) fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
