//! One place that records go to as text: a file that is cut back to what is settled, or standard output.

use std::fs::File;
use std::io::{self, Read, Seek, Stdout, Write};
use std::path::{self, Path, PathBuf};

use fs4::TryLockError;
use thiserror::Error;

use super::{Entry, Format, LowSpaceError, UnknownFormat};
use crate::frontier::Written;

/// Why a record could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A file takes nothing.
    #[error("cannot write {}: {}choose another -o", path.display(), remedy(source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says of it.
        source: io::Error,
    },
    /// The ending of its name says no format.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// Two outputs are one.
    #[error("-o names {} twice: leave one of them out", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// A file of an archive was removed or renamed while it was written.
    #[error("{} was removed or renamed while it was written: put it back as it was, or go on without it, with another -o", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// Nobody reads standard output, or a named pipe, any more.
    #[error("{} before all results were written", closed(path))]
    Closed {
        /// The pipe; `-` is standard output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was not tried, for the disk is nearly full.
    #[error(transparent)]
    LowSpace(#[from] LowSpaceError),
}

/// What the user may do about it instead of choosing another file.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make its folder, or ",
        io::ErrorKind::IsADirectory => "it is a folder: name a file in it, or ",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "see that it may be written to, or "
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, or ",
        _ => "",
    }
}

/// Says of which pipe the reader has gone.
pub(crate) fn closed(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard output was closed".to_owned();
    }
    format!("the reader of {} has gone", path.display())
}

impl WriteError {
    pub(super) fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed { path, source };
        }
        Self::File { path, source }
    }
}

/// One place, cut back to what is settled.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) path: PathBuf,
    /// What the frontier knows it by.
    name: String,
    format: Format,
    sink: Sink,
    bytes: u64,
    /// How many of them were appended last.
    last: u64,
}

impl Output {
    /// Opens the file as it is, for the job in `folder`; `-` is standard output. What is no file, such as a pipe, is only
    /// written to.
    pub(super) fn open(
        path: &Path,
        format: Format,
        folder: Option<&Path>,
    ) -> Result<Self, WriteError> {
        let failed = |source| WriteError::of(path, source);
        let (sink, name) = if path == Path::new("-") {
            (Sink::Standard(io::stdout()), "-".to_owned())
        } else {
            let mut options = File::options();
            let file = options.create(true).truncate(false).write(true).open(path);
            let file = file.and_then(|file| alone(file, path)).map_err(failed)?;
            (Sink::File(file), name(path, folder).map_err(failed)?)
        };
        Ok(Self::new(path, name, format, sink))
    }

    /// Takes a pipe that was opened, for the job in `folder`.
    pub(super) fn of_pipe(
        (path, pipe): (&Path, File),
        format: Format,
        folder: Option<&Path>,
    ) -> Result<Self, WriteError> {
        let name = name(path, folder).map_err(|source| WriteError::of(path, source))?;
        Ok(Self::new(path, name, format, Sink::File(pipe)))
    }

    fn new(path: &Path, name: String, format: Format, sink: Sink) -> Self {
        Self {
            path: path.to_owned(),
            name,
            format,
            sink,
            bytes: 0,
            last: 0,
        }
    }

    /// Returns whether it is a file, which takes room on a disk.
    pub(super) fn is_file(&self) -> bool {
        match &self.sink {
            Sink::File(file) => file.metadata().is_ok_and(|about| about.is_file()),
            Sink::Standard(_) => false,
        }
    }

    /// Cuts off what is behind its settled bytes: records of URLs that are not settled. A file that this job has not
    /// written is refused and left, unless it is to be `overwritten`.
    pub(super) fn cut_back(
        &mut self,
        written: &[Written],
        overwritten: Overwritten,
    ) -> Result<(), WriteError> {
        self.check(written, overwritten)?;
        let settled = written.iter().find(|written| written.file == self.name);
        self.bytes = settled.map_or(0, |written| written.bytes);
        self.cut()
            .map_err(|source| WriteError::of(&self.path, source))
    }

    /// Looks whether it can be cut back, and changes nothing.
    pub(super) fn check(
        &self,
        written: &[Written],
        overwritten: Overwritten,
    ) -> Result<(), WriteError> {
        let settled = written.iter().find(|written| written.file == self.name);
        self.look(settled, overwritten)
            .map_err(|source| WriteError::of(&self.path, source))
    }

    fn look(&self, settled: Option<&Written>, overwritten: Overwritten) -> io::Result<()> {
        let Sink::File(file) = &self.sink else {
            return Ok(());
        };
        let found = file.metadata()?;
        // A pipe or a device keeps nothing that could be cut off.
        if !found.is_file() {
            return Ok(());
        }
        let (found, bytes) = (found.len(), settled.map_or(0, |written| written.bytes));
        let is_foreign = match settled {
            Some(_) => !begins_as(self.format, &self.path),
            None => overwritten == Overwritten::Never,
        };
        if is_foreign && found > 0 {
            let foreign = "it holds what this job has not written: name another, remove it, or begin with --fresh";
            return Err(io::Error::other(foreign));
        }
        if found < bytes {
            let short = format!("it holds {found} bytes, and {bytes} were written");
            return Err(io::Error::other(short));
        }
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        let is_file = self.is_file();
        let Sink::File(file) = &mut self.sink else {
            return Ok(());
        };
        if is_file {
            file.set_len(self.bytes)?;
            file.seek(io::SeekFrom::End(0))?;
        }
        Ok(())
    }

    /// Returns how far it holds records.
    pub(super) fn written(&self) -> Written {
        Written {
            file: self.name.clone(),
            bytes: self.bytes,
        }
    }

    /// Takes back what was appended last, and returns whether it could; what is no file keeps it.
    pub(super) fn take_back(&mut self) -> Result<bool, WriteError> {
        let is_file = self.is_file();
        let Sink::File(file) = &mut self.sink else {
            return Ok(false);
        };
        if !is_file {
            return Ok(false);
        }
        self.bytes -= std::mem::take(&mut self.last);
        let cut = file.set_len(self.bytes);
        let cut = cut.and_then(|()| file.seek(io::SeekFrom::End(0)));
        cut.map_err(|source| WriteError::of(&self.path, source))?;
        Ok(true)
    }

    /// Appends records.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), WriteError> {
        self.write(entries.iter().map(|entry| entry.line.trim_end()))
    }

    /// Appends records that are lines of JSON, without their ends.
    pub(super) fn write<'a>(
        &mut self,
        lines: impl Iterator<Item = &'a str>,
    ) -> Result<(), WriteError> {
        let mut text = String::new();
        if self.bytes == 0 {
            text.push_str(self.format.head());
        }
        for line in lines {
            text.push_str(&self.format.line(line));
            text.push_str(self.format.end());
        }
        let sink: &mut dyn Write = match &mut self.sink {
            Sink::File(file) => file,
            Sink::Standard(stdout) => stdout,
        };
        let written = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        written.map_err(|source| WriteError::of(&self.path, source))?;
        self.last = text.len() as u64;
        self.bytes += self.last;
        Ok(())
    }

    /// Empties a file that is to be written again.
    pub(super) fn empty(&mut self) -> Result<(), WriteError> {
        self.bytes = 0;
        if let Sink::File(file) = &mut self.sink {
            let emptied = file.set_len(0).and_then(|()| file.rewind());
            emptied.map_err(|source| WriteError::of(&self.path, source))?;
        }
        self.sync()
    }

    /// Waits until the disk has a file.
    pub(super) fn sync(&self) -> Result<(), WriteError> {
        match &self.sink {
            Sink::File(file) => file.sync_all(),
            Sink::Standard(_) => Ok(()),
        }
        .map_err(|source| WriteError::of(&self.path, source))
    }
}

/// Returns whether a file may be a text in this format, by how it begins; of one that can't be read it is not known.
pub(crate) fn begins_as(format: Format, path: &Path) -> bool {
    begin(path).map_or(true, |begin| format.may_begin(&begin))
}

/// Whether a file that this job has not written may be overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwritten {
    /// What it holds is somebody's.
    Never,
    /// The job begins anew.
    Anew,
}

#[derive(Debug)]
enum Sink {
    File(File),
    Standard(Stdout),
}

/// Returns the file, if it is no database, and no other process writes to it: both would lose what they hold.
pub(super) fn alone(file: File, path: &Path) -> io::Result<File> {
    if !file.metadata()?.is_file() {
        return Ok(file);
    }
    if let Err(TryLockError::WouldBlock) = fs4::FileExt::try_lock(&file) {
        return Err(io::Error::other("another process writes to it"));
    }
    if begin(path)? == *b"SQLite format 3\0" {
        return Err(io::Error::other("it is a database"));
    }
    Ok(file)
}

/// Returns the first bytes of a file, by which it is known. One that may not be read is taken for an empty one.
fn begin(path: &Path) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    if let Ok(file) = File::open(path) {
        file.take(16).read_to_end(&mut begin)?;
    }
    Ok(begin)
}

/// Returns what the frontier knows the file by: its path from the job's folder if it lies in it, so that the folder may be
/// moved, and else its whole path. Two files have two names, and one file has one, however it is called.
pub(super) fn name(path: &Path, folder: Option<&Path>) -> io::Result<String> {
    // What is no file may be there under no path of its own.
    let whole = |path: &Path| {
        let whole = path.canonicalize();
        let whole = whole.or_else(|error| within_its_folder(path).ok_or(error));
        whole.or_else(|_| path::absolute(path))
    };
    let (path, folder) = (whole(path)?, folder.map(whole).transpose()?);
    let within = folder.and_then(|folder| path.strip_prefix(folder).ok());
    let name = within.unwrap_or(&path);
    Ok(match name.to_str() {
        Some(name) => name.to_owned(),
        None => name
            .as_os_str()
            .as_encoded_bytes()
            .escape_ascii()
            .to_string(),
    })
}

/// Returns the whole path of a file that is not there, by the innermost of its folders that is.
fn within_its_folder(path: &Path) -> Option<PathBuf> {
    let path = path::absolute(path).ok()?;
    path.ancestors().find_map(|folder| {
        let rest = path.strip_prefix(folder).ok()?;
        Some(folder.canonicalize().ok()?.join(rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON_LINES: Format = Format::JsonLines;

    /// Opens a file that holds `text`, of which so many bytes are settled; returns what it holds then.
    fn cut_back(text: &str, bytes: u64) -> (Result<(), String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        std::fs::write(&path, text).unwrap();
        let file = "pages.jsonl".to_owned();
        let mut output = Output::open(&path, JSON_LINES, Some(folder.path())).unwrap();
        let cut = output.cut_back(&[Written { file, bytes }], Overwritten::Never);
        let cut = cut.map_err(|error| cause(&error));
        (cut, std::fs::read_to_string(&path).unwrap())
    }

    fn cause(error: &WriteError) -> String {
        std::error::Error::source(error).unwrap().to_string()
    }

    #[test]
    fn a_file_is_cut_back_to_what_is_settled() {
        assert_eq!(
            cut_back("{\"url\"}\nnot", 8),
            (Ok(()), "{\"url\"}\n".into())
        );
    }

    #[test]
    fn a_file_that_lost_settled_records_is_refused_and_left() {
        let why = "it holds 3 bytes, and 8 were written".to_owned();
        assert_eq!(cut_back("{\"u", 8), (Err(why), "{\"u".into()));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_though_it_cannot_be_cut_back() {
        let mut output = Output::open(Path::new("/dev/null"), JSON_LINES, None).unwrap();
        let file = "/dev/null".to_owned();
        let written = Written { file, bytes: 8 };
        output.cut_back(&[written], Overwritten::Never).unwrap();
        assert_eq!(output.bytes, 8);
        assert!(!output.is_file());
    }

    #[test]
    fn a_file_of_the_same_name_elsewhere_is_another_and_is_left_as_it_is() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [job, here, there] = [0, 1, 2].map(|at| folders[at].path());
        let [ours, other] = [here, there].map(|folder| folder.join("pages.jsonl"));
        std::fs::write(&ours, "{\"url\"}\nnot").unwrap();
        std::fs::write(&other, "of another job\n").unwrap();
        let open = |path: &Path| Output::open(path, JSON_LINES, Some(job)).unwrap();
        let mut written = open(&ours).written();
        written.bytes = 8;
        let written = [written];
        let refused = open(&other).cut_back(&written, Overwritten::Never);
        let refused = cause(&refused.unwrap_err());
        assert!(refused.contains("has not written"), "{refused}");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "of another job\n");
        open(&ours).cut_back(&written, Overwritten::Never).unwrap();
        assert_eq!(std::fs::read_to_string(&ours).unwrap(), "{\"url\"}\n");
        open(&other).cut_back(&[], Overwritten::Anew).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "");
    }

    #[test]
    fn a_file_in_the_jobs_folder_is_known_by_its_place_there() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &str| {
            let path = folder.path().join(path);
            Output::open(&path, JSON_LINES, Some(folder.path()))
                .unwrap()
                .name
        };
        assert_eq!(open("pages.jsonl"), "pages.jsonl");
        assert_eq!(open("./pages.jsonl"), "pages.jsonl");
        std::fs::create_dir(folder.path().join("a")).unwrap();
        assert_eq!(open("a/pages.jsonl"), "a/pages.jsonl");
        assert_eq!(open("a/../pages.jsonl"), "pages.jsonl");
    }
}
