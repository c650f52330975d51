//! A file that has its name only when it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is written under another name beside its own; dropped before it is whole, it is removed.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    part: PathBuf,
    file: File,
    is_whole: bool,
}

impl Unfinished {
    /// Begins a file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        Ok(Self {
            path: path.to_owned(),
            file: File::create(&part)?,
            part: part.into(),
            is_whole: false,
        })
    }

    pub(super) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Waits until the disk has all of it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives it its name, in place of what had it.
    pub(super) fn finish(mut self) -> io::Result<()> {
        fs::rename(&self.part, &self.path)?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_whole {
            let _it_may_be_gone = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_is_gone_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.csv");
        fs::write(&path, "before").unwrap();
        let begin = |text: &[u8]| {
            let mut file = Unfinished::create(&path).unwrap();
            file.file().write_all(text).unwrap();
            file
        };
        drop(begin(b"a part"));
        assert_eq!(fs::read(&path).unwrap(), b"before");
        begin(b"whole").finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
