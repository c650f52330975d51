//! A node whose output lost what was settled writes it again: its own records, and no other node's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::job::Job;

fn lines(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_short_is_written_again_with_the_records_of_its_node() {
    let job = Job::new("50").await;
    let folder = tempfile::tempdir().unwrap();
    let files = ["one", "two"].map(|name| folder.path().join(format!("{name}.jsonl")));
    let node = |at: usize| {
        let output = files[at].to_str().unwrap();
        job.node(["one", "two"][at], &["-o", output])
    };
    for node in [node(0), node(1)] {
        job.ended(node).await;
    }
    let [one, two] = [&files[0], &files[1]].map(|file| lines(file));
    assert_eq!(one.union(&two).count(), 100);
    fs::write(&files[0], "").unwrap();
    fs::remove_file(&files[1]).unwrap();
    for (at, expected) in [one, two].iter().enumerate() {
        let ended = job.ended(node(at)).await;
        assert!(ended.stderr.contains("written again"), "{}", ended.stderr);
        assert_eq!(lines(&files[at]), *expected);
    }
    assert_eq!(job.requests().await, 100);
}
