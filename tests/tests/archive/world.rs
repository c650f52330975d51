//! What the stories share: a crawl's folder, and what its records say.

use std::ops::Deref;
use std::time::Duration;

use serde_json::Value;
use tests::archive::Archived;
pub(crate) use tests::text;
use tests::{Crawler, Ended};

/// How long a crawl may take.
pub(crate) const LONG: Duration = Duration::from_secs(300);

/// A crawl whose outputs are beside its folder.
#[derive(Debug)]
pub(crate) struct Job(tests::Job);

impl Deref for Job {
    type Target = tests::Job;

    fn deref(&self) -> &tests::Job {
        &self.0
    }
}

impl Job {
    pub(crate) fn new() -> Self {
        Self(tests::Job::new())
    }

    /// Returns the flags that write these files in the folder beside the job.
    pub(crate) fn outputs(&self, names: &[&str]) -> Vec<String> {
        let files = names.iter().map(|name| self.beside(name));
        files
            .flat_map(|file| ["-o".to_owned(), text(&file).to_owned()])
            .collect()
    }

    pub(crate) fn run(&self, args: &[&str], outputs: &[&str]) -> Crawler {
        let outputs = self.outputs(outputs);
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        Crawler::start(&[args, &outputs].concat())
    }

    /// Begins the crawl.
    pub(crate) fn crawl(&self, seed: &str, flags: &[&str], outputs: &[&str]) -> Crawler {
        let folder = self.folder();
        let args = [&["crawl", seed, "--job", text(&folder)], flags].concat();
        self.run(&args, outputs)
    }

    /// Exports it.
    pub(crate) async fn export(&self, flags: &[&str], outputs: &[&str]) -> Ended {
        let folder = self.folder();
        let args = [&["export", text(&folder)], flags].concat();
        self.run(&args, outputs).ended().await
    }

    /// Returns the lines of a file beside the job, in the order of the alphabet.
    pub(crate) fn sorted_lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.beside(name)).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Returns the records of `pages.jsonl` beside the job.
    pub(crate) fn records(&self) -> Vec<Value> {
        let lines = self.sorted_lines("pages.jsonl");
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Returns whether a record is of a URL that was answered at its last visit.
pub(crate) fn is_answered(record: &Value) -> bool {
    record["status"].is_u64()
}

/// Asserts that an archive holds an answer for each record that has one, with its request, and tells of all of them.
pub(crate) fn assert_complete(archive: &[Archived], records: &[Value]) {
    let of = |kinds: &[&str]| {
        let of = archive
            .iter()
            .filter(|record| kinds.contains(&&*record.kind));
        let mut urls: Vec<_> = of.map(|record| record.url().to_owned()).collect();
        urls.sort();
        urls
    };
    let urls = |records: &mut dyn Iterator<Item = &Value>| {
        let mut urls: Vec<_> = records
            .map(|record| record["url"].as_str().unwrap().to_owned())
            .collect();
        urls.sort();
        urls
    };
    let answered = urls(&mut records.iter().filter(|record| is_answered(record)));
    assert_eq!(of(&["response", "revisit"]), answered);
    assert_eq!(of(&["request"]), answered);
    assert_eq!(of(&["metadata"]), urls(&mut records.iter()));
    for told in archive.iter().filter(|record| record.kind == "metadata") {
        let told: Value = serde_json::from_slice(&told.body).unwrap();
        assert!(records.contains(&told), "{told}");
    }
    let answers = || {
        archive
            .iter()
            .filter(|record| record.kind == "response" || record.kind == "revisit")
    };
    for part in archive.iter().filter(|record| record.kind == "request") {
        let with = part.field("WARC-Concurrent-To");
        let answer = answers().find(|answer| answer.field("WARC-Record-ID") == with);
        assert_eq!(answer.map(Archived::url), Some(part.url()));
    }
}

/// Returns the answer of a URL, or what it is a revisit of, with the answer's own headers.
pub(crate) fn answer<'a>(archive: &'a [Archived], url: &str) -> (&'a Archived, &'a [u8]) {
    let is_answer = |record: &&Archived| record.kind == "response" || record.kind == "revisit";
    let mut answers = archive
        .iter()
        .filter(is_answer)
        .filter(|record| record.url() == url);
    let answer = answers
        .next()
        .unwrap_or_else(|| panic!("no answer of {url}"));
    if answer.kind == "response" {
        return (answer, &answer.body);
    }
    let (to, date) = ["WARC-Refers-To-Target-URI", "WARC-Refers-To-Date"]
        .map(|name| answer.field(name))
        .into();
    let is_earlier = |record: &&Archived| {
        record.kind == "response" && Some(record.url()) == to && record.field("WARC-Date") == date
    };
    let earlier = archive
        .iter()
        .find(is_earlier)
        .expect("what it refers to is there");
    assert_eq!(
        answer.field("WARC-Refers-To"),
        earlier.field("WARC-Record-ID")
    );
    assert_eq!(
        answer.field("WARC-Payload-Digest"),
        earlier.field("WARC-Payload-Digest")
    );
    (answer, &earlier.body)
}
