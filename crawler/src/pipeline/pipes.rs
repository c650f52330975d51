//! Named pipes that records go to. To open one waits for its reader, which may never come: it is tried now and then, so that
//! no thread hangs in it and Ctrl-C is heard.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Format, WriteError};

/// The pipes among some outputs, each with a reader.
#[derive(Debug, Default)]
pub(super) struct Pipes(Vec<(PathBuf, File)>);

impl Pipes {
    /// Opens those of `paths` that are pipes, in their order; `waits` is told of each that has no reader yet, once.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when one can't be opened.
    ///
    /// # Cancel safety
    ///
    /// Those that were opened are closed, so that their readers hear of an end.
    pub(super) async fn open(paths: &[PathBuf], waits: impl Fn(&Path)) -> Result<Self, WriteError> {
        let mut pipes = Vec::new();
        for path in paths {
            // Of an archive only the files that it is made of are opened.
            if Format::of(path)? == Format::Warc {
                continue;
            }
            let pipe = open_pipe(path, &waits).await;
            let pipe = pipe.map_err(|source| WriteError::of(path, source))?;
            pipes.extend(pipe.map(|pipe| (path.clone(), pipe)));
        }
        Ok(Self(pipes))
    }

    /// Takes the pipe of this path, if it is one.
    pub(super) fn take(&mut self, path: &Path) -> Option<File> {
        let at = self.0.iter().position(|(pipe, _)| pipe == path)?;
        Some(self.0.swap_remove(at).1)
    }
}

/// Opens a path if it is a named pipe, once that has a reader; `waits` is told if it has none yet.
///
/// # Errors
///
/// What the system says of it.
///
/// # Cancel safety
///
/// Nothing is opened.
pub(crate) async fn open_pipe(path: &Path, waits: impl Fn(&Path)) -> io::Result<Option<File>> {
    if !named::is_pipe(path) {
        return Ok(None);
    }
    named::open(path, || waits(path)).await.map(Some)
}

#[cfg(unix)]
mod named {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileTypeExt as _;
    use std::path::Path;
    use std::time::Duration;

    use tokio::net::unix::pipe;

    /// Between two looks for a reader.
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    /// What the system says of a pipe without a reader. Source: POSIX `open`, `ENXIO`; 6 on Linux, the BSDs and Darwin.
    const NO_READER: i32 = 6;

    pub(super) fn is_pipe(path: &Path) -> bool {
        let about = path.metadata();
        about.is_ok_and(|about| about.file_type().is_fifo())
    }

    pub(super) async fn open(path: &Path, waits: impl FnOnce()) -> io::Result<File> {
        let mut waits = Some(waits);
        loop {
            match pipe::OpenOptions::new().open_sender(path) {
                Ok(pipe) => return Ok(pipe.into_blocking_fd()?.into()),
                Err(error) if error.raw_os_error() == Some(NO_READER) => {}
                Err(error) => return Err(error),
            }
            if let Some(waits) = waits.take() {
                waits();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(not(unix))]
mod named {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn is_pipe(_: &Path) -> bool {
        false
    }

    pub(super) async fn open(path: &Path, _: impl FnOnce()) -> io::Result<File> {
        std::future::ready(File::options().write(true).open(path)).await
    }
}
