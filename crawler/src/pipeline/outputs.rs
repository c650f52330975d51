//! All places that the records go to.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::free_space::FreeSpace;
use super::output::Output;
use super::{Overwritten, WriteError};
use crate::frontier::Written;

/// All places that the records go to; each line goes to each of them.
#[derive(Debug)]
pub struct Outputs {
    /// None while something is written.
    open: Option<(Vec<Output>, FreeSpace)>,
    /// How far each holds what was appended.
    written: Vec<Written>,
    /// How many bytes were appended last.
    last: u64,
}

impl Outputs {
    /// Opens them as they are, for the job in `folder`; `-` is standard output. Nothing is written while less than
    /// `min_free` bytes are free on the disk of one of them, or of the folder.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when one of them can't be written.
    pub fn open(
        paths: &[PathBuf],
        folder: Option<&Path>,
        min_free: u64,
    ) -> Result<Self, WriteError> {
        let outputs = paths.iter().map(|path| Output::open(path, folder));
        let outputs: Vec<_> = outputs.collect::<Result<_, _>>()?;
        let files = outputs.iter().filter(|output| output.is_file());
        let taken = files.map(|output| output.path.clone());
        let taken = taken.chain(folder.map(Path::to_owned)).collect();
        Ok(Self {
            written: outputs.iter().map(Output::written).collect(),
            open: Some((outputs, FreeSpace::of(taken, min_free))),
            last: 0,
        })
    }

    /// Returns whether standard output is piped, or redirected to a file.
    #[must_use]
    pub fn is_standard_taken() -> bool {
        standard::is_taken()
    }

    /// Cuts off what is behind their settled bytes: records of URLs that are not settled.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when one can't be cut, holds less than was settled, or holds what this job has not written.
    pub fn cut_back(
        &mut self,
        written: &[Written],
        overwritten: Overwritten,
    ) -> Result<(), WriteError> {
        let Some((outputs, _)) = &mut self.open else {
            return Ok(());
        };
        for output in &mut *outputs {
            output.cut_back(written, overwritten)?;
        }
        self.written = outputs.iter().map(Output::written).collect();
        Ok(())
    }

    /// Returns how far each holds what was appended.
    pub(super) fn written(&self) -> Vec<Written> {
        self.written.clone()
    }

    /// Appends lines to each, off the executor.
    pub(super) async fn append(&mut self, lines: String) -> Result<(), WriteError> {
        self.last = lines.len() as u64;
        let append = move |output: &mut Output| output.append(&lines);
        self.write(append).await
    }

    /// Writes these lines in place of those that were appended last, where that can be: what went to a pipe stays there.
    pub(super) async fn replace(&mut self, lines: String) -> Result<(), WriteError> {
        let last = std::mem::replace(&mut self.last, lines.len() as u64);
        let replace = move |output: &mut Output| {
            if output.take_back(last)? {
                output.append(&lines)?;
            }
            Ok(())
        };
        self.write(replace).await
    }

    /// Writes to each, off the executor.
    async fn write(
        &mut self,
        to: impl Fn(&mut Output) -> Result<(), WriteError> + Send + 'static,
    ) -> Result<(), WriteError> {
        let Some((mut outputs, mut space)) = self.open.take() else {
            let early = io::Error::other("an earlier write did not end");
            return Err(WriteError::of(Path::new("the results"), early));
        };
        let write = tokio::task::spawn_blocking(move || {
            let result = space.check(Instant::now()).map_err(WriteError::from);
            let result = result.and_then(|()| outputs.iter_mut().try_for_each(to));
            (outputs, space, result)
        });
        let failed = |error| WriteError::of(Path::new("the results"), io::Error::other(error));
        let (outputs, space, result) = write.await.map_err(failed)?;
        self.written = outputs.iter().map(Output::written).collect();
        self.open = Some((outputs, space));
        result
    }
}

#[cfg(unix)]
mod standard {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;

    pub(super) fn is_taken() -> bool {
        let copy = io::stdout().as_fd().try_clone_to_owned();
        let about = copy.and_then(|copy| File::from(copy).metadata());
        about.is_ok_and(|about| {
            let kind = about.file_type();
            kind.is_file() || kind.is_fifo() || kind.is_socket()
        })
    }
}

#[cfg(not(unix))]
mod standard {
    use std::io::{self, IsTerminal};

    pub(super) fn is_taken() -> bool {
        !io::stdout().is_terminal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_written_while_the_disk_is_nearly_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let open = |least| {
            let paths = std::slice::from_ref(&path);
            Outputs::open(paths, Some(folder.path()), least).unwrap()
        };
        let mut outputs = open(u64::MAX);
        let low = outputs.append("a line\n".to_owned()).await.unwrap_err();
        assert!(matches!(low, WriteError::LowSpace(_)), "{low}");
        assert_eq!(outputs.written()[0].bytes, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        // A file has one writer.
        drop(outputs);
        let mut outputs = open(0);
        outputs.append("a line\n".to_owned()).await.unwrap();
        assert_eq!(outputs.written()[0].bytes, 7);
        assert_eq!(std::fs::read(&path).unwrap(), b"a line\n");
    }

    #[tokio::test]
    async fn what_was_appended_last_can_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let paths = [path.clone(), "/dev/null".into()];
        let mut outputs = Outputs::open(&paths, Some(folder.path()), 0).unwrap();
        for line in ["first\n", "late\nin time\n"] {
            outputs.append(line.to_owned()).await.unwrap();
        }
        outputs.replace("in time\n".to_owned()).await.unwrap();
        let held = || std::fs::read_to_string(&path).unwrap();
        assert_eq!(held(), "first\nin time\n");
        outputs.replace(String::new()).await.unwrap();
        outputs.append("next\n".to_owned()).await.unwrap();
        assert_eq!(held(), "first\nnext\n");
        let written: Vec<_> = outputs.written().iter().map(|file| file.bytes).collect();
        assert_eq!(written, [11, 24], "what is no file keeps what it got");
    }
}
