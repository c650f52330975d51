//! The names of an archive's files: `pages.warc.gz` is written as `pages-00000.warc.gz`, `pages-00001.warc.gz` and so on,
//! and the one that is being written ends with `.open`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::output::name;
use crate::frontier::Written;

const END: &str = ".warc.gz";
const OPEN: &str = ".open";
/// Digits of a number, so that the names of any usual number of files stand in their order.
const DIGITS: usize = 5;

/// The name that an archive was given, from which its files have theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segments {
    folder: PathBuf,
    stem: String,
}

impl Segments {
    /// Returns the files of an archive with this name.
    pub(crate) fn of(archive: &Path) -> Self {
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        let len = name.len().saturating_sub(END.len());
        Self {
            folder: archive.parent().map(Path::to_owned).unwrap_or_default(),
            stem: name.get(..len).unwrap_or_default().to_owned(),
        }
    }

    /// Returns the path of a file that is whole.
    pub(crate) fn closed(&self, number: u32) -> PathBuf {
        self.folder.join(self.name(number))
    }

    /// Returns the path of the file while it is written.
    pub(crate) fn open(&self, number: u32) -> PathBuf {
        self.folder.join(self.name(number) + OPEN)
    }

    /// Returns the folder that they are in.
    pub(crate) fn folder(&self) -> &Path {
        if self.folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.folder
        }
    }

    fn name(&self, number: u32) -> String {
        format!("{}-{number:0DIGITS$}{END}", self.stem)
    }

    /// Returns the number of a file by its name, if it is one of them that is whole.
    pub(crate) fn number(&self, file: &Path) -> Option<u32> {
        let name = file.file_name()?.to_str()?;
        let number = name.strip_prefix(self.stem.as_str())?.strip_prefix('-')?;
        let number = number.strip_suffix(END)?;
        let is_number = number.len() >= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| number.parse().ok())?
    }

    /// Returns the files of it that the job in `folder` has written, in their order, each with how much of it is settled.
    pub(crate) fn settled<'a>(
        &self,
        folder: Option<&Path>,
        written: &'a [Written],
    ) -> Vec<(u32, &'a Written)> {
        let settled = written.iter().filter_map(|written| {
            let number = self.number(Path::new(&written.file))?;
            // A file of the same name elsewhere is another.
            let own = name(&self.closed(number), folder).ok()?;
            (own == written.file).then_some((number, written))
        });
        let mut settled: Vec<_> = settled.collect();
        settled.sort_unstable();
        settled
    }

    /// Returns the numbers of the files that are there, whole or open, in their order.
    pub(crate) fn found(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in self.folder().read_dir()? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let closed = name.strip_suffix(OPEN).unwrap_or(&name);
            numbers.extend(self.number(Path::new(closed)));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Returns whether the files of another archive are these.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let folder = |segments: &Self| segments.folder().canonicalize().ok();
        self.stem == other.stem && folder(self) == folder(other)
    }

    /// Returns the path at which a file is found, whole or open.
    pub(crate) fn standing(closed: &Path) -> PathBuf {
        if closed.exists() {
            return closed.to_owned();
        }
        let mut open = closed.as_os_str().to_owned();
        open.push(OPEN);
        open.into()
    }

    /// Opens a file to read it. It may get its name meanwhile.
    pub(crate) fn read(closed: &Path) -> io::Result<File> {
        let file = File::open(Self::standing(closed));
        file.or_else(|_| File::open(closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_number() {
        let archive = Path::new("a/pages.warc.gz");
        let segments = Segments::of(archive);
        for number in [0, 7, 99_999, 100_000] {
            let file = segments.closed(number);
            assert_eq!(segments.number(&file), Some(number), "{}", file.display());
        }
        assert_eq!(segments.closed(7), Path::new("a/pages-00007.warc.gz"));
        assert_eq!(segments.open(7), Path::new("a/pages-00007.warc.gz.open"));
        for other in ["pages-7.warc.gz", "pages.warc.gz", "page-00000.warc.gz"] {
            assert_eq!(segments.number(Path::new(other)), None, "{other}");
        }
    }
}
