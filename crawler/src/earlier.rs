//! What an earlier run left in its output: its answers are kept, and their URLs are not fetched again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

/// The longest record, in bytes: a URL and a message are a fraction of it.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// The part of a record that says whether its URL has its final answer.
#[derive(Debug, Deserialize)]
struct Record {
    url: Option<String>,
    #[serde(default)]
    hidden: bool,
    error: Option<String>,
}

/// Returns the URLs with an answer in `path`, and leaves only their records there: a URL that failed is tried again,
/// as is one whose record hides what tells it from others, and the half line of a run that was killed is cut off. A
/// file that is not there holds none.
pub(crate) fn keep_answers(path: &Path) -> anyhow::Result<HashSet<String>> {
    let cannot_read = || format!("cannot read {}", path.display());
    // Asked before it is opened: a named pipe opens when somebody writes to it, which may be never.
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashSet::new()),
        about => about.with_context(cannot_read)?,
    };
    anyhow::ensure!(
        about.is_file(),
        "--resume cannot go on from {}: it is no file; leave out --resume",
        path.display()
    );
    let file = File::open(path).with_context(cannot_read)?;
    // A link stays one, and its file is replaced whole or not at all.
    let path = path.canonicalize()?;
    let mut beside = path.clone().into_os_string();
    beside.push(".resume");
    let beside = PathBuf::from(beside);
    let replaced = copy_file(file, &beside).and_then(|answered| {
        fs::rename(&beside, &path)?;
        Ok(answered)
    });
    if replaced.is_err() {
        // Where it was never made there is nothing to remove.
        let _absent = fs::remove_file(&beside);
    }
    replaced.with_context(|| format!("cannot go on from {}; choose another -o", path.display()))
}

fn copy_file(from: File, to: &Path) -> anyhow::Result<HashSet<String>> {
    let cannot_write = || format!("cannot write {}", to.display());
    let mut sink = BufWriter::new(File::create(to).with_context(cannot_write)?);
    let answered = copy_answers(BufReader::new(from), &mut sink)?;
    let file = sink.into_inner().with_context(cannot_write)?;
    file.sync_all().with_context(cannot_write)?;
    Ok(answered)
}

fn copy_answers(mut from: impl BufRead, to: &mut impl Write) -> anyhow::Result<HashSet<String>> {
    let mut answered = HashSet::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        from.by_ref()
            .take(RECORD_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        // A longer line is cut, and so no record.
        let is_cut = u64::try_from(line.len()) == Ok(RECORD_BYTES_MAX);
        if !line.ends_with(b"\n") && !is_cut {
            break;
        }
        let record: Record = serde_json::from_slice(&line)
            .map_err(|_| anyhow::anyhow!("line {number} is no record of a crawl"))?;
        if let (Some(url), false, None) = (record.url, record.hidden, record.error)
            && answered.insert(url)
        {
            to.write_all(&line)?;
        }
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(text: &str) -> (usize, String) {
        let mut kept = Vec::new();
        let answered = copy_answers(text.as_bytes(), &mut kept).unwrap();
        (answered.len(), String::from_utf8(kept).unwrap())
    }

    #[test]
    fn answers_are_kept_and_failures_and_half_lines_are_not() {
        let answer = "{\"url\":\"http://h/a\",\"status\":404,\"error\":null}\n";
        let failure = "{\"url\":\"http://h/b\",\"status\":500,\"error\":\"status-500\"}\n";
        let rejected = "{\"url\":null,\"error\":\"invalid-url\"}\n";
        let half = "{\"url\":\"http://h/c\",\"err";
        let kept = copied(&format!("{failure}{answer}{rejected}{half}"));
        assert_eq!(kept, (1, answer.to_owned()));
    }

    #[test]
    fn a_record_with_hidden_parts_answers_nothing_and_is_not_kept() {
        let hidden = "{\"url\":\"http://h/a\",\"hidden\":true,\"error\":null}\n";
        let public = "{\"url\":\"http://h/a\",\"hidden\":false,\"error\":null}\n";
        assert_eq!(copied(hidden), (0, String::new()));
        assert_eq!(copied(&format!("{hidden}{public}")), (1, public.to_owned()));
    }

    #[test]
    fn an_empty_file_holds_no_answer() {
        assert_eq!(copied(""), (0, String::new()));
    }

    #[test]
    fn a_line_without_an_end_is_read_no_further() {
        let endless = BufReader::new(std::io::repeat(b'x'));
        let error = copy_answers(endless, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn a_file_of_something_else_is_refused_by_its_line() {
        let error = copy_answers("dear diary\n".as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
