//! Where the records go: files that are cut back to what is settled, and standard output.

use std::fs::File;
use std::io::{self, Seek, Stdout, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::frontier::Written;

/// Why a record could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A file takes nothing.
    #[error("cannot write {}: make room, see that it may be written to, or choose another -o", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says of it.
        source: io::Error,
    },
    /// Nobody reads standard output any more.
    #[error("standard output was closed before all results were written")]
    Closed(#[source] io::Error),
}

impl WriteError {
    fn of(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed(source);
        }
        let path = path.to_owned();
        Self::File { path, source }
    }
}

/// All places that the records go to; each line goes to each of them.
#[derive(Debug)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    /// Opens them as they are; `-` is standard output.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when one of them can't be written.
    pub fn open(paths: &[PathBuf]) -> Result<Self, WriteError> {
        let outputs = paths.iter().map(|path| Output::open(path));
        Ok(Self(outputs.collect::<Result<_, _>>()?))
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
    /// [`WriteError`] when one can't be cut, or holds less than was settled.
    pub fn cut_back(&mut self, written: &[Written]) -> Result<(), WriteError> {
        let mut outputs = self.0.iter_mut();
        outputs.try_for_each(|output| output.cut_back(written))
    }

    /// Returns how far each holds what was appended.
    pub(super) fn written(&self) -> Vec<Written> {
        let outputs = self.0.iter().map(|output| Written {
            file: output.name.clone(),
            bytes: output.bytes,
        });
        outputs.collect()
    }

    /// Appends lines, off the executor.
    pub(super) async fn append(&mut self, lines: Arc<str>) -> Result<(), WriteError> {
        for output in &mut self.0 {
            output.append(Arc::clone(&lines)).await?;
        }
        Ok(())
    }
}

/// One place, cut back to what is settled.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    /// Its name in the frontier.
    name: String,
    /// None while it is written to.
    sink: Option<Sink>,
    bytes: u64,
}

impl Output {
    fn open(path: &Path) -> Result<Self, WriteError> {
        let sink = if path == Path::new("-") {
            Sink::Standard(io::stdout())
        } else {
            let mut options = File::options();
            let file = options.create(true).truncate(false).write(true).open(path);
            Sink::File(file.map_err(|source| WriteError::of(path, source))?)
        };
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            path: path.to_owned(),
            name: name.to_string_lossy().into_owned(),
            sink: Some(sink),
            bytes: 0,
        })
    }

    fn cut_back(&mut self, written: &[Written]) -> Result<(), WriteError> {
        let settled = written.iter().find(|written| written.file == self.name);
        self.bytes = settled.map_or(0, |written| written.bytes);
        self.cut()
            .map_err(|source| WriteError::of(&self.path, source))
    }

    fn cut(&mut self) -> io::Result<()> {
        let Some(Sink::File(file)) = &mut self.sink else {
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

    async fn append(&mut self, lines: Arc<str>) -> Result<(), WriteError> {
        let Some(mut sink) = self.sink.take() else {
            let early = io::Error::other("an earlier write did not end");
            return Err(WriteError::of(&self.path, early));
        };
        let added = lines.len() as u64;
        let write = tokio::task::spawn_blocking(move || {
            let written = sink.write_all(lines.as_bytes()).and_then(|()| sink.flush());
            (sink, written)
        });
        let failed = |source| WriteError::of(&self.path, source);
        let (sink, written) = write
            .await
            .map_err(|error| failed(io::Error::other(error)))?;
        written.map_err(failed)?;
        self.sink = Some(sink);
        self.bytes += added;
        Ok(())
    }
}

#[derive(Debug)]
enum Sink {
    File(File),
    Standard(Stdout),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Standard(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Standard(stdout) => stdout.flush(),
        }
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
    use std::error::Error;

    use super::*;

    /// Opens a file that holds `text`, of which so many bytes are settled; returns what it holds then.
    fn cut_back(text: &str, bytes: u64) -> (Result<(), String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        std::fs::write(&path, text).unwrap();
        let file = "pages.jsonl".to_owned();
        let cut = Output::open(&path)
            .unwrap()
            .cut_back(&[Written { file, bytes }]);
        let cut = cut.map_err(|error| error.source().unwrap().to_string());
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
