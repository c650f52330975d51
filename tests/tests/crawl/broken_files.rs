//! Files of a crawl that were damaged, lost, or never a crawl's: each is told by its name, and left as it is but for an
//! output that can be written again.

use rusqlite::Connection;
use slow_api::{Server, WebOptions};
use tests::{Crawler, text, until};

use crate::bad_input::refused;
use crate::world::{self, Job};

/// A site of 50 pages, a job that was not begun, and its seed.
async fn a_site() -> (Server, Job, String) {
    let server = world::start(WebOptions {
        site: world::site(50),
        ..WebOptions::default()
    })
    .await;
    let seed = world::url(&server, 0, "/site/page/0");
    (server, Job::new(), seed)
}

/// A crawl of five pages out of more, which could be resumed.
async fn begun() -> (Server, Job, String) {
    let (server, job, seed) = a_site().await;
    let ended = job.crawl(&seed, &["--pages", "5"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    (server, job, seed)
}

/// Spoils the database, and sees that this is told, that the file stays as it is, and that nothing is fetched.
async fn is_told(spoil: impl FnOnce(&mut Vec<u8>), words: &str) {
    let (server, job, seed) = begun().await;
    let path = job.folder().join("crawl.db");
    let mut bytes = std::fs::read(&path).unwrap();
    spoil(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    refused(job.resume(&[]), words).await;
    assert!(std::fs::read(&path).unwrap() == bytes, "it was changed");
    assert_eq!(world::pages_asked(&server, 0), 5);
    // The way that is left.
    let ended = job.crawl(&seed, &["--fresh"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_told() {
    is_told(|bytes| bytes[100..].fill(0xa5), "is damaged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_cut_off_is_told() {
    is_told(|bytes| bytes.truncate(bytes.len() / 2), "is damaged").await;
}

/// The database of a job, if it is there, and its log.
fn files(job: &Job) -> [Option<Vec<u8>>; 2] {
    ["crawl.db", "crawl.db-wal"].map(|name| std::fs::read(job.folder().join(name)).ok())
}

/// Spoils a file of a crawl that was killed before its log was worked in, and sees that this is told, again and again, by all
/// that read it; and that what is left of it stays as it is.
async fn is_told_of_a_killed_one(spoil: impl FnOnce(&Job), damaged: &str) {
    let (server, job, seed) = a_site().await;
    let crawler = job.crawl(&seed, &["--delay", "300ms"]);
    until("it has fetched something", async || {
        (world::pages_asked(&server, 0) > 0).then_some(())
    })
    .await;
    crawler.kill().await;
    spoil(&job);
    let spoilt = files(&job);
    let words = format!(
        "{damaged} is damaged: put back copies of crawl.db and crawl.db-wal from one moment"
    );
    for _again in 0..2 {
        refused(job.resume(&[]), &words).await;
        refused(job.crawl(&seed, &[]), &words).await;
        for command in ["status", "export"] {
            refused(Crawler::start(&[command, text(&job.folder())]), &words).await;
        }
        assert!(files(&job) == spoilt, "one was changed");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_told_and_left_as_it_is() {
    let spoil = |job: &Job| {
        let log = job.folder().join("crawl.db-wal");
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[40..4_000].fill(0xa5);
        std::fs::write(&log, &bytes).unwrap();
    };
    is_told_of_a_killed_one(spoil, "crawl.db-wal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_database_was_emptied_or_removed_is_left_as_it_is() {
    let empty = |job: &Job| std::fs::write(job.folder().join("crawl.db"), "").unwrap();
    is_told_of_a_killed_one(empty, "crawl.db").await;
    let remove = |job: &Job| std::fs::remove_file(job.folder().join("crawl.db")).unwrap();
    is_told_of_a_killed_one(remove, "crawl.db").await;
}

/// A crawl that was killed after a log of it was worked in, and its seed.
async fn killed_again() -> (Server, Job, String) {
    let (server, job, seed) = a_site().await;
    let ended = job
        .crawl(&seed, &["--delay", "300ms", "--pages", "2"])
        .ended();
    assert_eq!(ended.await.code(), 0);
    let asked = world::pages_asked(&server, 0);
    let crawler = job.resume(&["--pages", "40"]);
    until("it goes on", async || {
        (world::pages_asked(&server, 0) > asked + 1).then_some(())
    })
    .await;
    crawler.kill().await;
    (server, job, seed)
}

/// Spoils a file of such a crawl, and sees that this is told by all that read it, and that nothing is changed or fetched.
async fn is_told_of_one_that_went_on(spoil: impl FnOnce(&Job), words: &str) {
    let (server, job, seed) = killed_again().await;
    let asked = world::pages_asked(&server, 0);
    spoil(&job);
    let (spoilt, records) = (files(&job), job.output());
    refused(job.resume(&[]), words).await;
    refused(job.crawl(&seed, &[]), words).await;
    for command in ["status", "export"] {
        refused(Crawler::start(&[command, text(&job.folder())]), words).await;
    }
    assert!(files(&job) == spoilt, "one was changed");
    assert_eq!(job.output(), records);
    assert_eq!(world::pages_asked(&server, 0), asked);
    server.stop().await;
}

/// The log has what the last run did, which a copy of the database needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_not_worked_into_a_damaged_database() {
    let (server, job, _) = killed_again().await;
    let path = job.folder().join("crawl.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4_096..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let spoilt = files(&job);
    refused(job.resume(&[]), "crawl.db is damaged").await;
    assert!(files(&job) == spoilt, "one was changed");
    server.stop().await;
}

/// The engine reads what is left, and does not look whether the pages are there that the log does not hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_cut_off_beside_its_log_is_told() {
    let spoil = |job: &Job| {
        let path = job.folder().join("crawl.db");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    is_told_of_one_that_went_on(spoil, "crawl.db is damaged").await;
}

fn remove_log(job: &Job) {
    std::fs::remove_file(job.folder().join("crawl.db-wal")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_is_told() {
    is_told_of_a_killed_one(remove_log, "crawl.db").await;
    is_told_of_one_that_went_on(remove_log, "its log is gone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_begin_is_damaged_is_told_also_where_another_was_worked_in() {
    // Its head, and its first page.
    for at in [16..24, 40..4_000] {
        let spoil = |job: &Job| {
            let log = job.folder().join("crawl.db-wal");
            let mut bytes = std::fs::read(&log).unwrap();
            bytes[at].fill(0xa5);
            std::fs::write(&log, &bytes).unwrap();
        };
        is_told_of_one_that_went_on(spoil, "crawl.db-wal is damaged").await;
    }
}

/// Another program may work a log in and remove it, by which nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_another_program_worked_in_is_not_missed() {
    let (server, job, seed) = a_site().await;
    let crawler = job.crawl(&seed, &["--delay", "100ms"]);
    until("it has fetched something", async || {
        (world::pages_asked(&server, 0) > 1).then_some(())
    })
    .await;
    crawler.kill().await;
    let database = Connection::open(job.folder().join("crawl.db")).unwrap();
    let count = database.query_row("SELECT known FROM crawl", [], |row| row.get(0));
    assert!(count.is_ok_and(|count: i64| count > 0));
    drop(database);
    assert!(!job.folder().join("crawl.db-wal").exists());
    let ended = job.resume(&["--pages", "5"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_told_where_a_crawl_is_to_begin() {
    let (server, job, seed) = begun().await;
    let path = job.folder().join("crawl.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4_096..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let words = "crawl.db is damaged: put back copies";
    refused(job.crawl(&seed, &[]), words).await;
    assert!(std::fs::read(&path).unwrap() == bytes, "it was changed");
    assert_eq!(world::pages_asked(&server, 0), 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_gone_is_told_as_damage() {
    for table in ["lane", "queue", "crawl"] {
        let drop = format!("DROP TABLE {table}");
        let words = "crawl.db is damaged: put back copies of crawl.db and crawl.db-wal";
        is_told_of_a_pragma(&drop, words).await;
        is_told_of_a_pragma(&drop, &format!("no such table: {table}")).await;
    }
    is_told_of_a_pragma("DELETE FROM crawl", "is damaged").await;
}

async fn is_told_of_a_pragma(pragma: &str, words: &str) {
    let (server, job, _) = begun().await;
    let database = Connection::open(job.folder().join("crawl.db")).unwrap();
    database.execute_batch(pragma).unwrap();
    drop(database);
    refused(job.resume(&[]), words).await;
    assert_eq!(world::pages_asked(&server, 0), 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_of_a_newer_program_is_told() {
    is_told_of_a_pragma("PRAGMA user_version = 99", "has layout 99").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_told() {
    is_told_of_a_pragma("PRAGMA application_id = 1", "belongs to another program").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_none_of_this_program_is_told() {
    let plan = "UPDATE crawl SET config = '{}'";
    is_told_of_a_pragma(plan, "was begun by another version of this program").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_lost_what_was_settled_is_told_and_written_again() {
    let (server, job, _) = begun().await;
    let output = job.folder().join("pages.jsonl");
    let (urls, records) = (job.urls(), job.output());
    for less in ["", &records[..records.len() - 1]] {
        std::fs::write(&output, less).unwrap();
        let ended = job.resume(&[]).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        let told = "it was written again";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        assert_eq!(
            (job.urls(), job.output().len()),
            (urls.clone(), records.len())
        );
    }
    assert_eq!(world::pages_asked(&server, 0), 5);
    server.stop().await;
}

#[tokio::test]
async fn a_database_that_is_a_folder_is_told() {
    let job = Job::new();
    std::fs::create_dir_all(job.folder().join("crawl.db")).unwrap();
    refused(job.resume(&[]), "crawl.db").await;
    refused(job.crawl("http://127.0.0.1:9/", &["--fresh"]), "crawl.db").await;
}

/// Whatever stands now where its records were, and however long that is, is somebody's.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_holds_something_else_is_left_as_it_is() {
    let (server, job, _) = begun().await;
    let output = job.folder().join("pages.jsonl");
    for notes in ["my notes\n".to_owned(), "1\n2\n3\n".repeat(100_000)] {
        std::fs::write(&output, &notes).unwrap();
        let words = "holds what this job has not written";
        refused(job.resume(&["--pages", "40"]), words).await;
        assert!(std::fs::read_to_string(&output).unwrap() == notes);
    }
    std::fs::remove_file(&output).unwrap();
    let ended = job.resume(&["--pages", "40"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    server.stop().await;
}

#[tokio::test]
async fn a_job_that_is_a_file_is_told() {
    let job = Job::new();
    std::fs::write(job.folder(), "my notes").unwrap();
    refused(job.resume(&[]), "Not a directory").await;
    for command in ["status", "export"] {
        let look = Crawler::start(&[command, text(&job.folder())]);
        refused(look, "Not a directory").await;
    }
}
