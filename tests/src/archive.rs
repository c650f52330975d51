//! Archives as `warcio` reads them: a program that shares nothing with what writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::program;

/// Writes each record of the files that it is given as a line of JSON.
const READ: &str = "
import json, sys
from warcio.archiveiterator import ArchiveIterator
for name in sys.argv[1:]:
    with open(name, 'rb') as file:
        records = ArchiveIterator(file)
        for record in records:
            http, body = record.http_headers, record.raw_stream.read().hex()
            print(json.dumps({
                'file': name, 'offset': records.get_record_offset(), 'kind': record.rec_type,
                'fields': dict(record.rec_headers.headers),
                'status': http and http.protocol + ' ' + http.statusline,
                'headers': http.headers if http else [], 'body': body}))
";

/// A record as it was read.
#[derive(Debug, Clone)]
pub struct Archived {
    /// Its file, and where it begins there.
    pub place: (PathBuf, u64),
    /// Its type.
    pub kind: String,
    /// Its named fields.
    pub fields: BTreeMap<String, String>,
    /// The first line of an answer or a request.
    pub status: String,
    /// The headers of an answer or a request, in their order.
    pub headers: Vec<(String, String)>,
    /// What follows them, or the whole block.
    pub body: Vec<u8>,
}

impl Archived {
    /// Returns the URL that it is of.
    #[must_use]
    pub fn url(&self) -> &str {
        self.field("WARC-Target-URI").unwrap_or_default()
    }

    /// Returns a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    fn of(record: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fields = record["fields"].as_object().expect("it has fields");
        let headers = record["headers"].as_array().expect("it has a list");
        Self {
            place: (
                text(&record["file"]).into(),
                record["offset"].as_u64().expect("it has a place"),
            ),
            kind: text(&record["kind"]),
            fields: fields
                .iter()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            status: text(&record["status"]),
            headers: headers
                .iter()
                .map(|header| (text(&header[0]), text(&header[1])))
                .collect(),
            body: bytes(&text(&record["body"])),
        }
    }
}

/// Returns the files of the archive `stem` in a folder, in their order; each must be whole.
///
/// # Panics
///
/// When one is still open, or there is none.
#[must_use]
pub fn files(folder: &Path, stem: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).expect("the folder is there");
    let all = all.map(|entry| entry.expect("it can be read").path());
    let is_of = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{stem}-")))
    };
    let mut files: Vec<_> = all.filter(is_of).collect();
    files.sort();
    assert!(!files.is_empty(), "no archive in {}", folder.display());
    for file in &files {
        let name = file.to_string_lossy();
        assert!(name.ends_with(".warc.gz"), "{name} is not whole");
    }
    files
}

/// Reads all records of these files, which must pass `gzip -t`, and `warcio check` and `warcio index` without a word
/// against them.
///
/// # Panics
///
/// When they do not.
pub async fn read(files: &[PathBuf]) -> Vec<Archived> {
    run(Command::new("gzip").arg("-t").args(files)).await;
    let checked = run(Command::new(tool("warcio"))
        .args(["check", "-v"])
        .args(files))
    .await;
    for wrong in ["no digest", "failed", "not checked\n", "exception"] {
        assert!(!checked.contains(wrong), "{checked}");
    }
    let index = ["index", "-f", "offset,warc-type"];
    let indexed = run(Command::new(tool("warcio")).args(index).args(files)).await;
    let found = run(Command::new(tool("python")).args(["-c", READ]).args(files)).await;
    let records = found.lines().map(serde_json::from_str);
    let records = records.map(|record| Archived::of(&record.expect("a line is JSON")));
    let records: Vec<_> = records.collect();
    assert_eq!(indexed.lines().count(), records.len());
    for file in files {
        let first = records.iter().find(|record| record.place.0 == *file);
        assert!(
            first.is_some_and(|first| first.kind == "warcinfo"),
            "{first:?}"
        );
    }
    records
}

async fn run(command: &mut Command) -> String {
    let output = command.kill_on_drop(true).output().await;
    let output =
        output.unwrap_or_else(|error| panic!("{command:?}: {error}; tests/all installs it"));
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out
}

/// Returns a program of the environment that `tests/all` makes beside the builds.
fn tool(name: &str) -> PathBuf {
    let target = program("..");
    target.join("warcio/bin").join(name)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let bytes = digits.map(|two| {
        let two = std::str::from_utf8(two).expect("it is ASCII");
        u8::from_str_radix(two, 16).expect("it is base 16")
    });
    bytes.collect()
}
