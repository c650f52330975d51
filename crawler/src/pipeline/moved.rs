//! Outputs that stand elsewhere than they were written, as where a folder was moved: known by what they hold.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::lost::{length, settled};
use super::output::name;
use super::{Format, Segments, UnknownFormat};
use crate::frontier::Written;

/// How much of a text is looked at: more than its longest record.
const BEGIN: u64 = 1 << 20;
/// What each member of an archive begins with. Source: RFC 1952 §2.3.1.
const MEMBER: [u8; 2] = [0x1f, 0x8b];

/// An output that is gone, and another that is named in its stead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    format: Format,
    /// What the frontier is to know of it, if it is what is gone.
    pub(crate) written: Vec<Written>,
}

impl Moved {
    /// Pairs what is `known` and gone with what is named and not known, by their formats; those of one name first.
    ///
    /// # Errors
    ///
    /// [`UnknownFormat`] when the name of one has an ending that names no format.
    pub(crate) fn of(
        known: &[PathBuf],
        named: &[PathBuf],
        folder: Option<&Path>,
        written: &[Written],
    ) -> Result<Vec<Self>, UnknownFormat> {
        let gone = known
            .iter()
            .filter(|path| is_gone(path, folder, written) && !named.contains(path));
        let mut gone: Vec<_> = gone.collect();
        let mut moved = Vec::new();
        for is_strict in [true, false] {
            for to in named {
                let format = Format::of(to)?;
                let is_taken = moved.iter().any(|moved: &Self| moved.to == *to);
                // What is no file, such as a pipe, holds nothing that could be looked at.
                let is_file = to.metadata().map_or(true, |about| about.is_file());
                if to == Path::new("-") || !is_file || is_taken || is_known(to, folder, written) {
                    continue;
                }
                let at = gone.iter().position(|from| {
                    let is_same = Format::of(from).is_ok_and(|other| other == format);
                    is_same && (!is_strict || from.file_name() == to.file_name())
                });
                if let Some(at) = at {
                    moved.push(Self::new(gone.remove(at), to, folder, written)?);
                }
            }
        }
        Ok(moved)
    }

    fn new(
        from: &Path,
        to: &Path,
        folder: Option<&Path>,
        written: &[Written],
    ) -> Result<Self, UnknownFormat> {
        let format = Format::of(to)?;
        let written = if format == Format::Warc {
            let (from, to) = (Segments::of(from), Segments::of(to));
            let settled = from.settled(folder, written).into_iter();
            let settled = settled.map(|(number, file)| (to.closed(number), file.bytes));
            settled.collect()
        } else {
            let settled = settled(from, folder, written);
            vec![(to.to_owned(), settled.map_or(0, |file| file.bytes))]
        };
        let written = written.into_iter().filter_map(|(file, bytes)| {
            let file = name(&file, folder).ok()?;
            Some(Written { file, bytes })
        });
        Ok(Self {
            from: from.to_owned(),
            to: to.to_owned(),
            format,
            written: written.collect(),
        })
    }

    /// Returns whether nothing stands where it is said to be.
    pub(crate) fn is_absent(&self) -> bool {
        match self.format {
            Format::Warc => Segments::of(&self.to)
                .found()
                .unwrap_or_default()
                .is_empty(),
            _ => length(&self.to).unwrap_or(0) == 0,
        }
    }

    /// Returns whether it is an archive, which can't be written again.
    pub(crate) fn is_archive(&self) -> bool {
        self.format == Format::Warc
    }

    /// Returns whether the archive that stands there can be what is gone: each of its files has the length that it had, or
    /// what was not settled in the last begins where that ends.
    ///
    /// # Errors
    ///
    /// When one can't be read.
    pub(crate) fn holds_members(&self) -> io::Result<bool> {
        for (at, written) in self.written.iter().enumerate() {
            let file = self
                .to
                .with_file_name(Path::new(&written.file).file_name().unwrap_or_default());
            let file = Segments::standing(&file);
            let Some(found) = length(&file).filter(|found| *found != written.bytes) else {
                continue;
            };
            let is_last = at + 1 == self.written.len();
            let is_longer = is_last && found > written.bytes;
            if !is_longer || bytes_at(&file, written.bytes)? != MEMBER {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads how the text begins that stands there, if a record ends where what is settled ends.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub(crate) fn begin(&self) -> io::Result<Begin> {
        let mut text = Vec::new();
        let mut file = File::open(&self.to)?;
        (&mut file).take(BEGIN).read_to_end(&mut text)?;
        let settled = self.written.first().map_or(0, |written| written.bytes);
        if length(&self.to).unwrap_or(0) >= settled {
            file.seek(SeekFrom::Start(settled.saturating_sub(1)))?;
            let mut end = [0];
            file.read_exact(&mut end)?;
            if end != *b"\n" {
                text.clear();
            }
        }
        Ok(Begin(text, self.format))
    }
}

/// How a text begins.
#[derive(Debug)]
pub(crate) struct Begin(Vec<u8>, Format);

impl Begin {
    /// Returns whether its first record is this one, a line of JSON.
    pub(crate) fn is_of(&self, record: &str) -> bool {
        let Self(text, format) = self;
        let first = text.strip_prefix(format.head().as_bytes());
        let rest = first.and_then(|first| first.strip_prefix(format.line(record).as_bytes()));
        rest.is_some_and(|rest| rest.starts_with(format.end().as_bytes()))
    }
}

/// Returns whether something was written to an output of which nothing is there.
fn is_gone(path: &Path, folder: Option<&Path>, written: &[Written]) -> bool {
    if matches!(Format::of(path), Ok(Format::Warc)) {
        let segments = Segments::of(path);
        let settled = segments.settled(folder, written);
        let is_there = |number| length(&Segments::standing(&segments.closed(number))).is_some();
        return settled.iter().any(|(_, file)| file.bytes > 0)
            && !settled.iter().any(|(number, _)| is_there(*number));
    }
    settled(path, folder, written).is_some_and(|file| file.bytes > 0) && length(path).is_none()
}

fn is_known(path: &Path, folder: Option<&Path>, written: &[Written]) -> bool {
    if matches!(Format::of(path), Ok(Format::Warc)) {
        return !Segments::of(path).settled(folder, written).is_empty();
    }
    settled(path, folder, written).is_some()
}

fn bytes_at(file: &Path, at: u64) -> io::Result<[u8; 2]> {
    let (mut file, mut bytes) = (File::open(file)?, [0; 2]);
    file.seek(SeekFrom::Start(at))?;
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_paired_by_its_name_and_then_by_its_format() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let known = [
            "old/a.jsonl",
            "old/b.jsonl",
            "old/c.csv",
            "old/d.warc.gz",
            "never.csv",
        ];
        let known = known.map(at);
        let written = [
            "a.jsonl",
            "b.jsonl",
            "c.csv",
            "d-00000.warc.gz",
            "d-00001.warc.gz",
        ];
        let written = written.map(|name| Written {
            file: format!("old/{name}"),
            bytes: 4,
        });
        let named = ["b.jsonl", "x.jsonl", "y.jsonl", "e.warc.gz"].map(at);
        let moved = Moved::of(&known, &named, Some(folder.path()), &written).unwrap();
        let pairs: Vec<_> = moved.iter().map(|moved| (&moved.from, &moved.to)).collect();
        let expected = [(1, 0), (0, 1), (3, 3)];
        let expected = expected.map(|(from, to)| (&known[from], &named[to]));
        assert_eq!(pairs, expected);
        let files: Vec<_> = moved[2].written.iter().map(|file| &*file.file).collect();
        assert_eq!(files, ["e-00000.warc.gz", "e-00001.warc.gz"]);
    }

    #[test]
    fn a_text_is_known_by_its_first_record() {
        let begin = |text: &str, format| Begin(text.into(), format);
        let record = r#"{"url":"http://a/"}"#;
        assert!(begin(&format!("{record}\n{{"), Format::JsonLines).is_of(record));
        for other in ["", "{", r#"{"url":"http://a/"} "#] {
            assert!(!begin(other, Format::JsonLines).is_of(record), "{other}");
        }
        let (head, row) = (Format::Csv.head(), Format::Csv.line(record).into_owned());
        assert!(begin(&format!("{head}{row}\r\n"), Format::Csv).is_of(record));
        assert!(!begin(head, Format::Csv).is_of(record));
    }
}
