//! What is read and raised before the first request: the list of URLs, and the limit of open files.

use std::io::Read;
use std::path::Path;

use anyhow::Context as _;

use crate::model::UrlList;
use crate::policy::limit;
use crate::say::say;

/// Reads the list of URLs of a file, or of standard input.
pub(crate) fn read_list(path: &Path) -> anyhow::Result<UrlList> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the URLs from standard input")?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the URLs of {}", path.display()))?;
    }
    let list = UrlList::parse(&text);
    anyhow::ensure!(
        !list.is_empty(),
        "{} holds no URLs; write one a line",
        path.display()
    );
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
