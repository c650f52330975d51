//! All places that the records go to.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::archive::Archive;
use super::capture::Capture;
use super::free_space::FreeSpace;
use super::output::{Output, name};
use super::pipes::Pipes;
use super::{ArchiveOptions, Format, Overwritten, WriteError, Writing};
use crate::frontier::{Archived, LeaseKey, SiteId, UrlHash, Written};

/// What an entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EntryId {
    /// A URL on lease.
    Lease(LeaseKey, UrlHash),
    /// A link that is done with its page.
    Link(SiteId, UrlHash),
}

/// What is written of one URL.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) id: EntryId,
    /// The record as a line of JSON.
    pub(super) line: String,
    pub(super) capture: Option<Box<Capture>>,
    /// Where an archive holds the answer, when it was written.
    pub(super) archived: Option<Archived>,
}

/// All places that the records go to; each record goes to each of them.
#[derive(Debug)]
pub struct Outputs {
    /// None while something is written.
    open: Option<(Vec<Target>, FreeSpace)>,
    /// How far each holds what was appended.
    written: Vec<Written>,
    writing: Writing,
    has_archive: bool,
}

/// One place that the records go to.
#[derive(Debug)]
enum Target {
    Text(Output),
    Archive(Box<Archive>),
}

impl Target {
    fn open(path: &Path, folder: Option<&Path>, pipes: &mut Pipes) -> Result<Self, WriteError> {
        let format = Format::of(path)?;
        if format == Format::Warc {
            let archive = Archive::open(path, folder)?;
            return Ok(Self::Archive(Box::new(archive)));
        }
        let output = match pipes.take(path) {
            Some(pipe) => Output::of_pipe((path, pipe), format, folder),
            None => Output::open(path, format, folder),
        };
        Ok(Self::Text(output?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Text(output) => &output.path,
            Self::Archive(archive) => &archive.path,
        }
    }

    /// Returns a path on the disk that it takes room of, if it takes any.
    fn taken(&self) -> Option<PathBuf> {
        match self {
            Self::Text(output) => output.is_file().then(|| output.path.clone()),
            Self::Archive(archive) => Some(archive.folder()),
        }
    }

    fn cut_back(&mut self, written: &[Written], anew: Overwritten) -> Result<(), WriteError> {
        match self {
            Self::Text(output) => output.cut_back(written, anew),
            Self::Archive(archive) => archive.cut_back(written, anew),
        }
    }

    fn check(&self, written: &[Written], anew: Overwritten) -> Result<(), WriteError> {
        match self {
            Self::Text(output) => output.check(written, anew),
            Self::Archive(archive) => archive.check(written, anew),
        }
    }

    fn written(&self) -> Written {
        match self {
            Self::Text(output) => output.written(),
            Self::Archive(archive) => archive.written(),
        }
    }

    fn append(&mut self, entries: &mut [Entry]) -> Result<(), WriteError> {
        match self {
            Self::Text(output) => output.append(entries),
            Self::Archive(archive) => archive.append(entries),
        }
    }

    fn can_take_back(&self) -> bool {
        match self {
            Self::Text(output) => output.is_file(),
            Self::Archive(_) => true,
        }
    }

    fn take_back(&mut self) -> Result<bool, WriteError> {
        match self {
            Self::Text(output) => output.take_back(),
            Self::Archive(archive) => archive.take_back().map(|()| true),
        }
    }
}

impl Outputs {
    /// Opens them as they are, for the job in `folder`; `-` is standard output. The format of each is that of its name, as
    /// [`Format::of`] has it. Nothing is written while less than
    /// `min_free` bytes are free on the disk of one of them, or of the folder. The thread waits for the reader of a named
    /// pipe; [`open_when_read`](Self::open_when_read) does not.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when one of them can't be written, is named twice, or has an ending that names no format.
    pub fn open(
        paths: &[PathBuf],
        folder: Option<&Path>,
        min_free: u64,
    ) -> Result<Self, WriteError> {
        Self::check_names(paths, folder)?;
        Self::with_pipes(Pipes::default(), paths, folder, min_free)
    }

    /// Opens them as [`open`](Self::open) does, once each named pipe among them has a reader; `waits` is told of each that
    /// has none yet.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// # Cancel safety
    ///
    /// Nothing is opened but pipes, which are closed then.
    pub async fn open_when_read(
        paths: &[PathBuf],
        folder: Option<&Path>,
        min_free: u64,
        waits: impl Fn(&Path),
    ) -> Result<Self, WriteError> {
        Self::check_names(paths, folder)?;
        let pipes = Pipes::open(paths, waits).await?;
        Self::with_pipes(pipes, paths, folder, min_free)
    }

    /// Refuses names before any is opened, and so made.
    fn check_names(paths: &[PathBuf], folder: Option<&Path>) -> Result<(), WriteError> {
        for (at, path) in paths.iter().enumerate() {
            Format::of(path)?;
            let is_same = |other: &PathBuf| match (name(path, folder), name(other, folder)) {
                (Ok(name), Ok(other)) => name == other,
                _ => path == other,
            };
            if paths[..at].iter().any(is_same) {
                let path = path.clone();
                return Err(WriteError::Twice { path });
            }
        }
        Ok(())
    }

    fn with_pipes(
        mut pipes: Pipes,
        paths: &[PathBuf],
        folder: Option<&Path>,
        min_free: u64,
    ) -> Result<Self, WriteError> {
        let outputs = paths
            .iter()
            .map(|path| Target::open(path, folder, &mut pipes));
        let outputs: Vec<_> = outputs.collect::<Result<_, _>>()?;
        let taken = outputs.iter().filter_map(Target::taken);
        let taken = taken.chain(folder.map(Path::to_owned)).collect();
        let is_archive = |output: &Target| matches!(output, Target::Archive(_));
        Ok(Self {
            written: outputs.iter().map(Target::written).collect(),
            writing: Writing::default(),
            has_archive: outputs.iter().any(is_archive),
            open: Some((outputs, FreeSpace::of(taken, min_free))),
        })
    }

    /// Returns what the frontier knows outputs by.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when the path of one can't be told.
    pub(crate) fn names(
        paths: &[PathBuf],
        folder: Option<&Path>,
    ) -> Result<Vec<String>, WriteError> {
        let name = |path: &PathBuf| match path == Path::new("-") {
            true => Ok("-".to_owned()),
            false => name(path, folder).map_err(|source| WriteError::of(path, source)),
        };
        paths.iter().map(name).collect()
    }

    /// Writes archives so.
    #[must_use]
    pub fn archives(mut self, options: &ArchiveOptions) -> Self {
        for output in self.open.iter_mut().flat_map(|(outputs, _)| outputs) {
            if let Target::Archive(archive) = output {
                archive.set_options(options.clone());
            }
        }
        self
    }

    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Returns whether one of them is an archive.
    #[must_use]
    pub const fn has_archive(&self) -> bool {
        self.has_archive
    }

    /// Returns whether all of them can be cut back: what went to a pipe stays there.
    #[must_use]
    pub fn can_take_back(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|(outputs, _)| outputs.iter().all(Target::can_take_back))
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
        // What is refused for one of them is to leave all as they are.
        for output in &*outputs {
            output.check(written, overwritten)?;
        }
        for output in &mut *outputs {
            output.cut_back(written, overwritten)?;
        }
        self.written = outputs.iter().map(Target::written).collect();
        Ok(())
    }

    /// Empties a text that is to be written again.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when it can't be emptied.
    pub(crate) fn empty(&mut self, path: &Path) -> Result<(), WriteError> {
        self.text(path).map_or(Ok(()), Output::empty)
    }

    /// Writes records again, lines of JSON without their ends, to a text that was emptied.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when it can't be written.
    pub(crate) fn refill(&mut self, path: &Path, records: &[String]) -> Result<(), WriteError> {
        let records = records.iter().map(String::as_str);
        self.text(path).map_or(Ok(()), |text| text.write(records))
    }

    /// Waits until the disk has a text.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when the disk does not take it.
    pub(crate) fn sync(&mut self, path: &Path) -> Result<(), WriteError> {
        self.text(path).map_or(Ok(()), |text| text.sync())
    }

    fn text(&mut self, path: &Path) -> Option<&mut Output> {
        let (outputs, _) = self.open.as_mut()?;
        outputs.iter_mut().find_map(|output| match output {
            Target::Text(text) if text.path == path => Some(text),
            _ => None,
        })
    }

    /// Returns how far each holds what was appended.
    pub(super) fn written(&self) -> Vec<Written> {
        self.written.clone()
    }

    /// Returns which of them is being written to.
    pub(crate) fn writing(&self) -> Writing {
        self.writing.clone()
    }

    /// Appends records to each, off the executor; returns them with the places that they have in an archive.
    pub(super) async fn append(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, WriteError> {
        self.write(entries, Target::append).await
    }

    /// Writes these records in place of those that were appended last, where that can be: what went to a pipe stays
    /// there.
    pub(super) async fn replace(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, WriteError> {
        let replace = |output: &mut Target, entries: &mut [Entry]| {
            if output.take_back()? {
                output.append(entries)?;
            }
            Ok(())
        };
        self.write(entries, replace).await
    }

    /// Writes to each, off the executor.
    async fn write(
        &mut self,
        mut entries: Vec<Entry>,
        to: impl Fn(&mut Target, &mut [Entry]) -> Result<(), WriteError> + Send + 'static,
    ) -> Result<Vec<Entry>, WriteError> {
        let Some((mut outputs, mut space)) = self.open.take() else {
            let early = io::Error::other("an earlier write did not end");
            return Err(WriteError::of(Path::new("the results"), early));
        };
        let writing = self.writing();
        let write = move || {
            for entry in &mut entries {
                entry.archived = None;
            }
            let result = space.check(Instant::now()).map_err(WriteError::from);
            let mut outputs_in_turn = outputs.iter_mut();
            let result = result.and_then(|()| {
                outputs_in_turn.try_for_each(|output| {
                    // Its path is told while the output is lent.
                    let path = output.path().to_owned();
                    writing.during(path, || to(output, &mut entries))
                })
            });
            (outputs, space, result.map(|()| entries))
        };
        // Not by `block_in_place`: it moves the worker to another thread, and threads that take turns as workers end up on
        // one core while another idles.
        let failed = |error| WriteError::of(Path::new("the results"), io::Error::other(error));
        let (outputs, space, result) = tokio::task::spawn_blocking(write).await.map_err(failed)?;
        self.written = outputs.iter().map(Target::written).collect();
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

    fn entries(lines: &[&str]) -> Vec<Entry> {
        let entry = |line: &&str| Entry {
            id: EntryId::Lease(LeaseKey::of_nobody(), UrlHash::of(line)),
            line: format!("{line}\n"),
            capture: None,
            archived: None,
        };
        lines.iter().map(entry).collect()
    }

    #[tokio::test]
    async fn nothing_is_written_while_the_disk_is_nearly_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let open = |least| {
            let paths = std::slice::from_ref(&path);
            Outputs::open(paths, Some(folder.path()), least).unwrap()
        };
        let mut outputs = open(u64::MAX);
        let low = outputs.append(entries(&["a line"])).await.unwrap_err();
        assert!(matches!(low, WriteError::LowSpace(_)), "{low}");
        assert_eq!(outputs.written()[0].bytes, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        // A file has one writer.
        drop(outputs);
        let mut outputs = open(0);
        outputs.append(entries(&["a line"])).await.unwrap();
        assert_eq!(outputs.written()[0].bytes, 7);
        assert_eq!(std::fs::read(&path).unwrap(), b"a line\n");
    }

    #[test]
    fn what_is_refused_for_one_leaves_all_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["ours.jsonl", "others.jsonl"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], "settled\nnot").unwrap();
        std::fs::write(&paths[1], "of another\n").unwrap();
        let mut outputs = Outputs::open(&paths, Some(folder.path()), 0).unwrap();
        let mut ours = outputs.written().swap_remove(0);
        ours.bytes = 8;
        outputs.cut_back(&[ours], Overwritten::Never).unwrap_err();
        let held = std::fs::read_to_string(&paths[0]).unwrap();
        assert_eq!(held, "settled\nnot");
    }

    #[tokio::test]
    async fn what_was_appended_last_can_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.jsonl");
        let paths = [path.clone(), "/dev/null".into()];
        let mut outputs = Outputs::open(&paths, Some(folder.path()), 0).unwrap();
        for lines in [&["first"][..], &["late", "in time"]] {
            outputs.append(entries(lines)).await.unwrap();
        }
        outputs.replace(entries(&["in time"])).await.unwrap();
        let held = || std::fs::read_to_string(&path).unwrap();
        assert_eq!(held(), "first\nin time\n");
        outputs.replace(Vec::new()).await.unwrap();
        outputs.append(entries(&["next"])).await.unwrap();
        assert_eq!(held(), "first\nnext\n");
        let written: Vec<_> = outputs.written().iter().map(|file| file.bytes).collect();
        assert_eq!(written, [11, 24], "what is no file keeps what it got");
    }
}
