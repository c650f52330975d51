//! What outputs lack of what was settled: files that are gone, or that are not as they were left, as after a power cut.

use std::fmt;
use std::path::{Path, PathBuf};

use super::output::name;
use super::{Format, Segments, UnknownFormat};
use crate::frontier::Written;

/// A file of an output that lacks what was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The output as it was named.
    pub(crate) output: PathBuf,
    pub(crate) format: Format,
    /// The file itself, of which an archive has several.
    pub(crate) file: PathBuf,
    /// How much of it is settled, under the name that the frontier knows it by.
    pub(crate) settled: Written,
    /// How long it is, if it is there.
    pub(crate) found: Option<u64>,
}

impl Lost {
    /// Returns what outputs lack that the job in `folder` has written. What is no file, such as a pipe, lacks nothing.
    ///
    /// # Errors
    ///
    /// [`UnknownFormat`] when the name of one has an ending that names no format.
    pub(crate) fn of(
        outputs: &[PathBuf],
        folder: Option<&Path>,
        written: &[Written],
    ) -> Result<Vec<Self>, UnknownFormat> {
        let mut lost = Vec::new();
        for output in outputs {
            let format = Format::of(output)?;
            let lacks = |file: PathBuf, settled, found| Self {
                output: output.clone(),
                format,
                file,
                settled,
                found,
            };
            if format != Format::Warc {
                let found = length(output);
                let settled = settled(output, folder, written);
                let settled = settled.filter(|settled| found.unwrap_or(0) < settled.bytes);
                lost.extend(settled.map(|settled| lacks(output.clone(), settled.clone(), found)));
                continue;
            }
            let segments = Segments::of(output);
            let settled = segments.settled(folder, written);
            let count = settled.len();
            for (at, (number, settled)) in settled.into_iter().enumerate() {
                let (file, bytes) = (segments.closed(number), settled.bytes);
                // It may get its name meanwhile.
                let found = length(&Segments::standing(&file)).or_else(|| length(&file));
                // Nothing is written to any but the last.
                let is_last = at + 1 == count;
                let is_whole = match found {
                    Some(found) if is_last => found >= bytes,
                    Some(found) => found == bytes,
                    None => bytes == 0,
                };
                if !is_whole {
                    lost.push(lacks(file, settled.clone(), found));
                }
            }
        }
        Ok(lost)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, bytes) = (self.file.display(), self.settled.bytes);
        match self.found {
            None => write!(f, "{file} is gone, and {bytes} bytes were written to it"),
            Some(found) => write!(f, "{file} holds {found} bytes, and {bytes} were written"),
        }
    }
}

/// Returns how much of a text is settled; nothing is known to be of standard output.
pub(super) fn settled<'a>(
    output: &Path,
    folder: Option<&Path>,
    written: &'a [Written],
) -> Option<&'a Written> {
    let own = name(output, folder).ok()?;
    let mut files = written.iter();
    files.find(|written| output != Path::new("-") && written.file == own)
}

/// Returns how long a file is; what is there and is none holds anything.
pub(super) fn length(file: &Path) -> Option<u64> {
    let about = file.metadata().ok()?;
    Some(if about.is_file() {
        about.len()
    } else {
        u64::MAX
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_gone_or_short_is_lost_and_what_was_closed_may_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |file: &str| folder.path().join(file);
        let outputs = ["a.jsonl", "b.csv", "c.warc.gz", "never.csv"].map(at);
        let written = [
            ("a.jsonl", 4),
            ("b.csv", 4),
            ("c-00000.warc.gz", 4),
            ("c-00001.warc.gz", 4),
        ];
        let written = written.map(|(file, bytes)| Written {
            file: file.to_owned(),
            bytes,
        });
        let lost = || {
            let lost = Lost::of(&outputs, Some(folder.path()), &written).unwrap();
            let lost = lost.into_iter().map(|lost| (lost.file, lost.found));
            lost.collect::<Vec<_>>()
        };
        assert_eq!(lost().len(), 4, "all are gone");
        for whole in [
            "a.jsonl",
            "b.csv",
            "c-00000.warc.gz",
            "c-00001.warc.gz.open",
        ] {
            fs::write(at(whole), "1234").unwrap();
        }
        assert_eq!(lost(), []);
        for longer in ["a.jsonl", "c-00000.warc.gz", "c-00001.warc.gz.open"] {
            fs::write(at(longer), "12345").unwrap();
        }
        fs::write(at("b.csv"), "123").unwrap();
        let expected = [(at("b.csv"), Some(3)), (at("c-00000.warc.gz"), Some(5))];
        assert_eq!(lost(), expected);
    }
}
