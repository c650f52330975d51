//! An archive: files of a bounded size, of which one is written at a time and cut back to what is settled.
//!
//! All that is appended at once goes into one file, and a new one is begun only before an append. So what lies in a closed
//! file is settled, and what is cut back or taken back lies at the end of the one that is open.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::capture::{Capture, Earlier, random_id};
use super::output::{alone, name};
use super::payloads::Payloads;
use super::record::rfc3339;
use super::segments::Segments;
use super::{Entry, Overwritten, WriteError};
use crate::frontier::{Archived, Written};
use crate::warc::{Kind, Record};

/// How an archive is written.
#[derive(Debug, Clone)]
pub struct ArchiveOptions {
    /// How long a file becomes before the next is begun; what is appended at once is not parted.
    pub bytes_max: u64,
    /// What stands at the begin of each file: fields and their values.
    pub about: Vec<(&'static str, String)>,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            bytes_max: 1 << 30,
            about: Vec::new(),
        }
    }
}

/// An archive that is written.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) path: PathBuf,
    /// The job's folder.
    job: Option<PathBuf>,
    segments: Segments,
    options: ArchiveOptions,
    file: Segment,
    payloads: Payloads,
    last: Last,
}

/// The file that is written.
#[derive(Debug)]
struct Segment {
    number: u32,
    file: File,
    /// What the frontier knows it by.
    name: String,
    bytes: u64,
    /// While it is open, and when it is closed.
    paths: [PathBuf; 2],
    standing: Standing,
}

/// Whether a file is this archive's to write, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has the ending `.open`, and may be another's.
    Found,
    /// It has the ending `.open`, and is written.
    Written,
    /// It has its name.
    Closed,
}

/// What was appended last.
#[derive(Debug, Default)]
struct Last {
    bytes: u64,
    payloads: usize,
}

impl Archive {
    /// Opens the last of its files as it is, or makes the first, for the job in `folder`.
    pub(super) fn open(path: &Path, folder: Option<&Path>) -> Result<Self, WriteError> {
        let failed = |source| WriteError::of(path, source);
        let segments = Segments::of(path);
        let last = segments.found().map_err(failed)?.last().copied();
        let file = Segment::open(&segments, last.unwrap_or(0), folder).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            job: folder.map(Path::to_owned),
            segments,
            options: ArchiveOptions::default(),
            file,
            payloads: Payloads::default(),
            last: Last::default(),
        })
    }

    /// Returns the folder of its files.
    pub(super) fn folder(&self) -> PathBuf {
        self.segments.folder().to_owned()
    }

    /// Writes it so.
    pub(super) fn set_options(&mut self, options: ArchiveOptions) {
        self.options = options;
    }

    /// Cuts off what is behind its settled bytes. Files that this job has not written are refused and left, unless they
    /// are to be `overwritten`.
    pub(super) fn cut_back(
        &mut self,
        written: &[Written],
        overwritten: Overwritten,
    ) -> Result<(), WriteError> {
        self.check(written, overwritten)?;
        let cut = self.cut(written, overwritten);
        cut.map_err(|source| WriteError::of(&self.path, source))
    }

    /// Looks whether it can be cut back, and changes nothing.
    pub(super) fn check(
        &self,
        written: &[Written],
        overwritten: Overwritten,
    ) -> Result<(), WriteError> {
        let looked = self.look(written, overwritten);
        looked.map_err(|source| WriteError::of(&self.path, source))
    }

    fn look(&self, written: &[Written], overwritten: Overwritten) -> io::Result<()> {
        let settled = self.segments.settled(self.job.as_deref(), written).pop();
        let found = self.segments.found()?;
        let is_foreign = match (settled, overwritten) {
            (None, Overwritten::Never) => found.len() > 1 || self.file.bytes > 0,
            (None, Overwritten::Anew) => false,
            // A file that is closed holds nothing but what is settled.
            (Some((number, _)), _) => {
                let mut later = found.into_iter().filter(|found| *found > number);
                later.any(|later| self.segments.closed(later).exists())
            }
        };
        if is_foreign {
            return Err(io::Error::other(FOREIGN));
        }
        Ok(())
    }

    fn cut(&mut self, written: &[Written], overwritten: Overwritten) -> io::Result<()> {
        let folder = self.job.as_deref();
        let settled = self.segments.settled(folder, written).pop();
        match (settled, overwritten) {
            (None, Overwritten::Never) => {}
            (None, Overwritten::Anew) => {
                for number in self.segments.found()? {
                    self.remove(number)?;
                }
                self.file = Segment::open(&self.segments, 0, folder)?;
            }
            (Some((number, written)), _) => self.cut_to(number, written.bytes)?,
        }
        self.file.take()
    }

    /// Goes on with a file, and lets go of those that were begun after it and hold nothing that is settled.
    fn cut_to(&mut self, number: u32, bytes: u64) -> io::Result<()> {
        let later = self.segments.found()?;
        let later = later.into_iter().filter(|found| *found > number);
        for later in later {
            self.remove(later)?;
        }
        if number != self.file.number {
            self.file = Segment::open(&self.segments, number, self.job.as_deref())?;
        }
        self.file.cut_to(bytes)
    }

    /// Removes a file, whole or open.
    fn remove(&self, number: u32) -> io::Result<()> {
        for path in [self.segments.open(number), self.segments.closed(number)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns how far its file holds records.
    pub(super) fn written(&self) -> Written {
        Written {
            file: self.file.name.clone(),
            bytes: self.file.bytes,
        }
    }

    /// Appends what was captured, and notes where.
    pub(super) fn append(&mut self, entries: &mut [Entry]) -> Result<(), WriteError> {
        // What is written to a file without a name is gone with the process.
        if !self.file.is_there() {
            let [path, _] = self.file.paths.clone();
            return Err(WriteError::Gone { path });
        }
        let appended = self.try_append(entries);
        appended.map_err(|source| WriteError::of(&self.path, source))
    }

    fn try_append(&mut self, entries: &mut [Entry]) -> io::Result<()> {
        if self.file.bytes >= self.options.bytes_max {
            self.begin_next()?;
        }
        self.last = Last::default();
        let mut bytes = Vec::new();
        if self.file.bytes == 0 {
            bytes = self.about();
        }
        for entry in entries {
            let Some(capture) = &entry.capture else {
                continue;
            };
            let offset = self.file.bytes + bytes.len() as u64;
            self.push(&mut bytes, capture);
            // With several archives it is in each, and the first is told.
            if capture.exchange.is_some() && entry.archived.is_none() {
                let file = self.file.name.clone();
                entry.archived = Some(Archived { file, offset });
            }
        }
        self.file.file.write_all(&bytes)?;
        self.last.bytes = bytes.len() as u64;
        self.file.bytes += self.last.bytes;
        Ok(())
    }

    fn push(&mut self, to: &mut Vec<u8>, capture: &Capture) {
        if let Some(exchange) = &capture.exchange {
            let earlier = self.payloads.find(&exchange.payload);
            match earlier.filter(|_| exchange.is_whole) {
                Some(earlier) => to.extend_from_slice(&exchange.revisit(earlier)),
                None => to.extend_from_slice(&exchange.response),
            }
            if earlier.is_none() && exchange.is_whole {
                let at = Earlier {
                    url: exchange.url.clone(),
                    date: exchange.date.clone(),
                    id: exchange.id,
                };
                self.payloads.learn(exchange.payload, at);
                self.last.payloads += 1;
            }
            to.extend_from_slice(&exchange.request);
        }
        to.extend_from_slice(&capture.metadata);
    }

    /// Takes back what was appended last.
    pub(super) fn take_back(&mut self) -> Result<(), WriteError> {
        let last = std::mem::take(&mut self.last);
        self.payloads.forget(last.payloads);
        let cut = self.file.cut_to(self.file.bytes - last.bytes);
        cut.map_err(|source| WriteError::of(&self.path, source))
    }

    fn begin_next(&mut self) -> io::Result<()> {
        let number = self.file.number + 1;
        self.file.close()?;
        self.file = Segment::open(&self.segments, number, self.job.as_deref())?;
        self.file.take()?;
        // What a process left that was killed before it was settled.
        self.file.cut_to(0)
    }

    /// Makes the first record of a file.
    fn about(&self) -> Vec<u8> {
        let file = self.segments.closed(self.file.number);
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        let about = self.options.about.iter();
        let lines =
            about.map(|(name, value)| format!("{name}: {}\r\n", value.replace(['\r', '\n'], " ")));
        let lines: String = lines.collect();
        let date = rfc3339(SystemTime::now());
        Record::new(Kind::Warcinfo, random_id(), &date, [lines.as_bytes(), b""])
            .with("WARC-Filename", &file)
            .to_member()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let closed = self.file.close();
        let [open, _] = &self.file.paths;
        let file = open.display();
        match closed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(%file, "the archive's last file was removed or renamed while it was written");
            }
            Err(error) => {
                tracing::warn!(%file, %error, "the archive's last file keeps the ending .open");
            }
            Ok(()) => {}
        }
    }
}

impl Segment {
    /// Opens a file as it is, or makes it; nobody else may write to it.
    fn open(segments: &Segments, number: u32, folder: Option<&Path>) -> io::Result<Self> {
        let (open, closed) = (segments.open(number), segments.closed(number));
        let is_closed = closed.exists();
        let path = if is_closed { &closed } else { &open };
        let mut options = File::options();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let mut file = alone(file, path)?;
        Ok(Self {
            number,
            bytes: file.seek(io::SeekFrom::End(0))?,
            file,
            name: name(&closed, folder)?,
            paths: [open, closed],
            standing: if is_closed {
                Standing::Closed
            } else {
                Standing::Found
            },
        })
    }

    /// Returns whether it is where it was opened.
    fn is_there(&self) -> bool {
        let [open, closed] = &self.paths;
        match self.standing {
            Standing::Closed => closed.exists(),
            Standing::Found | Standing::Written => open.exists(),
        }
    }

    /// Begins to write it.
    fn take(&mut self) -> io::Result<()> {
        if self.standing == Standing::Closed {
            fs::rename(&self.paths[1], &self.paths[0])?;
        }
        self.standing = Standing::Written;
        Ok(())
    }

    /// Gives it its name, with just what was appended; without any it is none.
    fn close(&mut self) -> io::Result<()> {
        let [open, closed] = &self.paths;
        match self.standing {
            Standing::Closed => return Ok(()),
            _ if self.bytes == 0 => return fs::remove_file(open),
            Standing::Found => return Ok(()),
            Standing::Written => {}
        }
        let (open, closed) = (open.clone(), closed.clone());
        self.cut_to(self.bytes)?;
        self.file.sync_all()?;
        fs::rename(open, closed)?;
        self.standing = Standing::Closed;
        Ok(())
    }

    fn cut_to(&mut self, bytes: u64) -> io::Result<()> {
        let found = self.file.metadata()?.len();
        if found < bytes {
            let short = format!(
                "{} holds {found} bytes, and {bytes} were written",
                self.name
            );
            return Err(io::Error::other(short));
        }
        self.file.set_len(bytes)?;
        self.file.seek(io::SeekFrom::End(0))?;
        self.bytes = bytes;
        Ok(())
    }
}

const FOREIGN: &str = "there are files of it that this job has not written: name another, remove them, or begin with --fresh";
