//! What is read and raised before the first request: the list of URLs, and the limit of open files.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::model::{ReadListError, UrlList};
use crate::policy::limit;
use crate::say::say;

/// Reads the list of URLs of a file, or of standard input.
pub(crate) fn read_list(path: &Path) -> anyhow::Result<UrlList> {
    let (name, read) = if path == Path::new("-") {
        let read = UrlList::read(std::io::stdin().lock());
        ("standard input".to_owned(), read)
    } else {
        let file = File::open(path).map_err(ReadListError::from);
        let read = file.and_then(|file| UrlList::read(BufReader::new(file)));
        (path.display().to_string(), read)
    };
    let list = read.map_err(|error| match error {
        ReadListError::Read(error) => anyhow::Error::new(error).context(format!(
            "cannot read the URLs of {name}; check the path, or give - for standard input"
        )),
        ReadListError::Endless(_) => anyhow::anyhow!("{name}: {error}; write one URL a line"),
    })?;
    anyhow::ensure!(!list.is_empty(), "{name} holds no URLs; write one a line");
    Ok(list)
}

/// Raises the limit of open files and lowers the concurrency to what it allows.
pub(crate) fn concurrency(wanted: usize, has_own_api: bool) -> usize {
    let open_files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    // A server of our own holds the other end of each connection.
    let per_request = if has_own_api { 2 } else { 1 };
    let most = limit::concurrency(wanted, open_files, per_request);
    if most < wanted {
        say(format!(
            "crawler: {open_files} open files are allowed, so at most {most} requests run at once; raise it with ulimit -n"
        ));
    }
    most
}
