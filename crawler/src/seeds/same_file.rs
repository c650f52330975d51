//! Whether the output is the list of URLs by another name: it would be overwritten.

#[cfg(unix)]
pub(crate) use unix::is_list;

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, Metadata};
    use std::io;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    /// Returns whether `output` is the file that `list` names, or standard input's for `-`: by device and inode, for a
    /// hard link has another path.
    pub(crate) fn is_list(output: &Path, list: &Path) -> bool {
        let list = if list == Path::new("-") {
            standard_input()
        } else {
            fs::metadata(list)
        };
        match (list, fs::metadata(output)) {
            (Ok(list), Ok(output)) => list.is_file() && identity(&list) == identity(&output),
            // What is not there is nobody's list, and what can't be read is refused by its reader.
            _ => false,
        }
    }

    fn identity(about: &Metadata) -> (u64, u64) {
        (about.dev(), about.ino())
    }

    fn standard_input() -> io::Result<Metadata> {
        let copy = io::stdin().as_fd().try_clone_to_owned()?;
        File::from(copy).metadata()
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::is_list;

#[cfg(not(unix))]
mod elsewhere {
    use std::path::Path;

    /// Returns whether `output` and `list` are one path when links are followed; a hard link is not noticed.
    pub(crate) fn is_list(output: &Path, list: &Path) -> bool {
        let whole = |path: &Path| path.canonicalize().ok();
        let list = Some(list).filter(|path| path.is_file()).and_then(whole);
        list.is_some() && whole(output) == list
    }
}
