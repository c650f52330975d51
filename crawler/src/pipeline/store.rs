//! The end of the flow: a record is written first, then its URL is settled, so that the output holds each settled URL once.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stage::{Batch, Consumer, Context, Directive, Failure, Result};
use thiserror::Error;

use super::{Counts, Held, Visited};
use crate::frontier::{Frontier, Written};

/// Why a record could not be written.
#[derive(Debug, Error)]
#[error("cannot write {}: make room, or see that it may be written to, and resume", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// The output file, cut back to what is settled.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    /// Its name in the frontier.
    name: String,
    file: Option<File>,
    bytes: u64,
}

impl Output {
    /// Returns the name of an output in the frontier.
    #[must_use]
    pub fn name_of(path: &Path) -> String {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Opens the file, and cuts off what is behind its first `bytes`: records of URLs that are not settled.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when it can't be written.
    pub fn open(path: &Path, bytes: u64) -> std::result::Result<Self, WriteError> {
        let failed = |source| WriteError {
            path: path.to_owned(),
            source,
        };
        let mut options = File::options();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let found = file.metadata().map_err(failed)?.len();
        if found < bytes {
            let short = format!("it holds {found} bytes, and {bytes} were written");
            return Err(failed(io::Error::other(short)));
        }
        file.set_len(bytes).map_err(failed)?;
        let mut file = file;
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            name: Self::name_of(path),
            file: Some(file),
            bytes,
        })
    }

    /// Appends lines, off the executor.
    async fn append(&mut self, lines: String) -> std::result::Result<(), WriteError> {
        let failed = |source| WriteError {
            path: self.path.clone(),
            source,
        };
        let Some(mut file) = self.file.take() else {
            return Err(failed(io::Error::other("an earlier write did not end")));
        };
        let added = lines.len() as u64;
        let write = tokio::task::spawn_blocking(move || {
            let written = file.write_all(lines.as_bytes());
            (file, written)
        });
        let (file, written) = write
            .await
            .map_err(|error| failed(io::Error::other(error)))?;
        self.file = Some(file);
        written.map_err(failed)?;
        self.bytes += added;
        Ok(())
    }
}

/// Writes and settles outcomes, a batch in one step.
#[derive(Debug)]
pub struct Store {
    frontier: Arc<dyn Frontier>,
    output: Output,
    held: Held,
    counts: Counts,
}

impl Store {
    pub(crate) const fn new(
        frontier: Arc<dyn Frontier>,
        output: Output,
        held: Held,
        counts: Counts,
    ) -> Self {
        Self {
            frontier,
            output,
            held,
            counts,
        }
    }
}

impl Consumer for Store {
    type In = Visited;

    async fn handle_events(&mut self, events: &mut Batch<'_, Visited>, _: &mut Context) -> Result {
        let (mut lines, mut outcomes, mut keys) = (String::new(), Vec::new(), Vec::new());
        for visited in events {
            lines.extend(visited.line);
            keys.push(visited.outcome.lease.key());
            outcomes.push(visited.outcome.aged(visited.ended.elapsed()));
        }
        if !lines.is_empty() {
            self.output.append(lines).await?;
        }
        let written = Written {
            file: self.output.name.clone(),
            bytes: self.output.bytes,
        };
        let settled = self.frontier.settle(outcomes, vec![written]).await?;
        for key in keys {
            self.held.give_back(key);
        }
        self.counts.links(settled.links);
        if settled.late > 0 {
            tracing::warn!(
                outcomes = settled.late,
                "outcomes came after their lease was lost"
            );
        }
        Ok(())
    }

    /// What can't be written or settled can't be skipped: the crawl ends, and is resumed.
    fn handle_failure(&mut self, _: &Failure) -> Directive {
        Directive::Stop
    }
}
