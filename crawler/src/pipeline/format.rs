//! How records are written: the ending of a file's name says it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::csv;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line of JSON for each.
    JsonLines,
    /// A row for each.
    Csv,
    /// An archive of what servers were asked and answered.
    Warc,
}

/// A name that says no format.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnknownFormat {
    /// Its ending is none of them.
    #[error("{} has an ending that names no format: end -o with .jsonl, .csv or .warc.gz", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// It is nothing but an ending.
    #[error("{} has no name before its ending: write one such as -o pages{ending}", path.display())]
    NoName {
        /// The file.
        path: PathBuf,
        /// How it ends.
        ending: &'static str,
    },
}

impl Format {
    /// Returns the format of a file by its name; without an ending it is JSON Lines, as for standard output and devices.
    ///
    /// # Errors
    ///
    /// [`UnknownFormat`] when it ends otherwise, or is nothing but an ending.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    /// use crawler::pipeline::Format;
    ///
    /// assert_eq!(Format::of(Path::new("pages.warc.gz"))?, Format::Warc);
    /// assert_eq!(Format::of(Path::new("a/pages.CSV"))?, Format::Csv);
    /// assert_eq!(Format::of(Path::new("-"))?, Format::JsonLines);
    /// assert!(Format::of(Path::new("pages.xml")).is_err());
    /// assert!(Format::of(Path::new(".warc.gz")).is_err());
    /// # Ok::<(), crawler::pipeline::UnknownFormat>(())
    /// ```
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let path = path.to_owned();
        if let Some(ending) = ENDINGS.into_iter().find(|ending| *ending == name) {
            return Err(UnknownFormat::NoName { path, ending });
        }
        if name.ends_with(".warc.gz") {
            return Ok(Self::Warc);
        }
        match Path::new(&name).extension().and_then(|end| end.to_str()) {
            None if path.extension().is_none() => Ok(Self::JsonLines),
            Some("json" | "jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            _ => Err(UnknownFormat::Ending { path }),
        }
    }

    /// Returns what a text begins with.
    pub(crate) const fn head(self) -> &'static str {
        match self {
            Self::Csv => csv::HEADER,
            Self::JsonLines | Self::Warc => "",
        }
    }

    /// Returns whether a file that begins so may be a text in this format; of one that a power cut has emptied nothing is known.
    pub(crate) fn may_begin(self, begin: &[u8]) -> bool {
        let expected = match self {
            // The first column, which is the same in each version.
            Self::Csv => csv::HEADER
                .split_inclusive(',')
                .next()
                .unwrap_or(csv::HEADER),
            Self::JsonLines => "{",
            Self::Warc => "",
        };
        let mut both = begin.iter().zip(expected.as_bytes());
        begin.first() == Some(&0) || both.all(|(found, expected)| found == expected)
    }

    /// Writes a record that is a line of JSON, without its end.
    pub(crate) fn line(self, record: &str) -> Cow<'_, str> {
        match self {
            Self::Csv => csv::row(record).into(),
            Self::JsonLines | Self::Warc => record.into(),
        }
    }

    /// Returns how many bytes a record takes that is a line of JSON, without its end.
    pub(crate) fn bytes(self, record: &str) -> u64 {
        (self.line(record).len() + self.end().len()) as u64
    }

    /// Returns what ends a record.
    pub(crate) const fn end(self) -> &'static str {
        match self {
            Self::Csv => "\r\n",
            Self::JsonLines | Self::Warc => "\n",
        }
    }
}

const ENDINGS: [&str; 5] = [".jsonl", ".json", ".ndjson", ".csv", ".warc.gz"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_how_it_begins() {
        let check = |format: Format, begin: &str, expected| {
            assert_eq!(format.may_begin(begin.as_bytes()), expected, "{begin}");
        };
        check(Format::JsonLines, "", true);
        check(Format::JsonLines, "{\"url\":", true);
        check(Format::JsonLines, "my notes\n", false);
        check(Format::JsonLines, "\0\0\0", true);
        check(Format::Csv, csv::HEADER, true);
        check(Format::Csv, "ur", true);
        check(Format::Csv, "1\r\n2\r\n", false);
        check(Format::Warc, "anything", true);
    }
}
