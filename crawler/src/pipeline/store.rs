//! The end of the flow: a record is written first, then its URL is settled, so that the output holds each settled URL once.

use std::fs::File;
use std::io::{self, Seek, Write};
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
    /// Opens the file as it is; what is no file, such as a pipe, is only written to.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when it can't be written.
    pub fn open(path: &Path) -> std::result::Result<Self, WriteError> {
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).open(path);
        let file = file.map_err(|source| WriteError {
            path: path.to_owned(),
            source,
        })?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            path: path.to_owned(),
            name: name.to_string_lossy().into_owned(),
            file: Some(file),
            bytes: 0,
        })
    }

    /// Cuts off what is behind its settled bytes: records of URLs that are not settled.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when it can't be cut, or holds less than was settled.
    pub fn cut_back(&mut self, written: &[Written]) -> std::result::Result<(), WriteError> {
        let settled = written.iter().find(|written| written.file == self.name);
        self.bytes = settled.map_or(0, |written| written.bytes);
        self.cut().map_err(|source| WriteError {
            path: self.path.clone(),
            source,
        })
    }

    fn cut(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let (found, bytes) = (file.metadata()?, self.bytes);
        // A pipe or a device keeps nothing that could be cut off.
        if !found.is_file() {
            return Ok(());
        }
        let found = found.len();
        if found < bytes {
            let short = format!("it holds {found} bytes, and {bytes} were written");
            return Err(io::Error::other(short));
        }
        file.set_len(bytes)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a file that holds `text`, of which so many bytes are settled; returns what it holds then.
    fn cut_back(text: &str, bytes: u64) -> (std::result::Result<(), String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        std::fs::write(&path, text).unwrap();
        let file = "pages.jsonl".to_owned();
        let cut = Output::open(&path)
            .unwrap()
            .cut_back(&[Written { file, bytes }]);
        let cut = cut.map_err(|error| error.source.to_string());
        (cut, std::fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn a_file_is_cut_back_to_what_is_settled() {
        assert_eq!(cut_back("settled\nnot", 8), (Ok(()), "settled\n".into()));
    }

    #[test]
    fn a_file_that_lost_settled_records_is_refused_and_left() {
        let why = "it holds 3 bytes, and 8 were written".to_owned();
        assert_eq!(cut_back("set", 8), (Err(why), "set".into()));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_though_it_cannot_be_cut_back() {
        let mut output = Output::open(Path::new("/dev/null")).unwrap();
        let file = "null".to_owned();
        output.cut_back(&[Written { file, bytes: 8 }]).unwrap();
        assert_eq!(output.bytes, 8);
    }
}
