//! A crawl from one seed over all that it finds, and what became of each URL.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::Crawler;

/// What a crawl came to.
pub(crate) struct Crawled {
    pub(crate) code: i32,
    /// The reason of each URL, or else its fate.
    pub(crate) urls: BTreeMap<String, String>,
}

impl Crawled {
    pub(crate) fn check(&self, url: &str, expected: &str) {
        let found = self.urls.get(url).map(String::as_str);
        assert_eq!(found, Some(expected), "{url}: {:#?}", self.urls);
    }
}

/// Crawls from a seed, with names looked up at `dns` and these flags besides.
pub(crate) async fn crawl(seed: &str, dns: &str, flags: &[&str]) -> Crawled {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let job = folder.path().join("job");
    let job = job.to_str().expect("its path is text");
    let args = [
        "crawl",
        seed,
        "--job",
        job,
        "--dns",
        dns,
        "--scope",
        "any",
        "--delay",
        "0",
        "--retries",
        "0",
    ];
    let ended = Crawler::start(&[&args, flags].concat()).ended().await;
    let lines = std::fs::read_to_string(format!("{job}/pages.jsonl"));
    let lines = lines.unwrap_or_else(|error| panic!("{error}: {}", ended.stderr));
    let urls = lines.lines().map(|line| {
        let record: Value = serde_json::from_str(line).expect("each line is JSON");
        let word = |field: &str| record[field].as_str().map(str::to_owned);
        let outcome = word("reason").or_else(|| word("fate"));
        (
            word("url").expect("a record names its URL"),
            outcome.expect("a record has a fate"),
        )
    });
    Crawled {
        code: ended.code(),
        urls: urls.collect(),
    }
}
