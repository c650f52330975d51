//! What can't be done is said clearly, with exit code 2 and without anybody's password; and nothing is lost by it.

use std::time::Duration;

use slow_api::WebOptions;
use tests::{Crawler, Ended, program, until};
use tokio::process::Command;

use crate::world::{self, Job, text};

/// Nobody listens there, and nothing that is refused gets so far.
const SEED: &str = "http://127.0.0.1:9/";

pub(crate) async fn refused(crawler: Crawler, words: &str) {
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains(words), "{words:?}: {}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert_no_secret(&ended);
}

fn assert_no_secret(ended: &Ended) {
    let told = [&*ended.stdout, &*ended.stderr].concat();
    for secret in ["ann:", "secret"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn bad_flags_are_told_apart_before_anything_is_made() {
    for (flags, words) in [
        (vec!["--include", "("], "regular expression"),
        (vec!["--exclude", "[a"], "regular expression"),
        (vec!["--user-agent", "1.0"], "begins with no name"),
        (vec!["--user-agent", "Bot\nX: y"], "the user agent"),
        (vec!["--concurrency", "0"], "at least 1"),
        (vec!["--max-body", "0"], "at least 1"),
        (vec!["--allow-net", "10.0.0.0/40"], "--allow-net"),
        (vec!["--delay", "soon"], "--delay"),
        (vec!["--scope", "world"], "--scope"),
    ] {
        let job = Job::new();
        refused(job.crawl(SEED, &flags), words).await;
        assert!(!job.folder().join("crawl.db").exists(), "{flags:?}");
    }
}

#[tokio::test]
async fn a_site_where_nobody_listens_is_told_at_once() {
    let job = Job::new();
    let mut crawler = job.crawl(SEED, &[]);
    let words =
        "no http://127.0.0.1:9/robots.txt: the connection was refused; it is asked for again";
    crawler.says(words).await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
    // Without a wait it is not asked for again.
    let ended = Job::new()
        .crawl(SEED, &["--robots-wait", "0s"])
        .ended()
        .await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("asked for again"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_configuration_that_is_none_is_told_by_its_file_and_key() {
    for (config, words) in [
        ("depht = 3", "\"depht\" is not known"),
        ("depth = \"deep\"", "\"depth\" holds"),
        ("delay = \"soon\"", "\"delay\" holds a wrong value"),
        ("depth 3", "line 1"),
        ("include = [\"(\"]", "regular expression"),
        ("config = \"other.toml\"", "\"config\""),
    ] {
        let job = Job::new();
        let file = job.beside("crawl.toml");
        std::fs::write(&file, config).unwrap();
        refused(job.crawl(SEED, &["--config", text(&file)]), words).await;
        assert!(!job.folder().join("crawl.db").exists(), "{config}");
    }
    let job = Job::new();
    refused(
        job.crawl(SEED, &["--config", "nowhere.toml"]),
        "nowhere.toml",
    )
    .await;
    std::fs::write(job.beside("bytes.toml"), b"depth = 3 # \xff\n").unwrap();
    let bytes = job.beside("bytes.toml");
    refused(job.crawl(SEED, &["--config", text(&bytes)]), "bytes.toml").await;
}

#[tokio::test]
async fn a_variable_that_holds_no_value_is_told() {
    let job = Job::new();
    let mut command = Command::new(program("crawler"));
    let folder = job.folder();
    command.args(["crawl", SEED, "--job", text(&folder)]);
    refused(
        Crawler::spawn(command.env("CRAWLER_DEPTH", "deep")),
        "--depth",
    )
    .await;
    assert!(!job.folder().exists());
}

#[tokio::test]
async fn a_seed_that_is_none_is_told_by_its_number_and_not_repeated() {
    for seed in [
        "ftp://ann:secret@127.0.0.1/",
        "http://ann:secret@",
        "ann:secret@host",
        "",
    ] {
        let job = Job::new();
        refused(job.crawl(SEED, &[seed]), "seed 2 is no URL to crawl").await;
        assert!(!job.folder().exists());
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_resumed() {
    let job = Job::new();
    let what_to_do = "run the command that begins it";
    refused(job.resume(&[]), what_to_do).await;
    assert!(!job.folder().exists(), "nothing is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_was_killed_in_its_first_moments_is_begun_by_its_command() {
    let server = world::start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    std::fs::create_dir(job.folder()).unwrap();
    for file in ["crawl.db", "crawl.db.lock", "pages.jsonl"] {
        std::fs::write(job.folder().join(file), "").unwrap();
    }
    let what_to_do = "run the command that begins it";
    refused(job.resume(&[]), what_to_do).await;
    let ended = job.crawl(&seed, &["--depth", "0"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(job.records().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_is_not_begun_twice_unless_it_begins_anew() {
    let site = world::site(20);
    let server = world::start(WebOptions {
        site,
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let asked = site.open();
    assert_eq!(job.crawl(&seed, &[]).ended().await.code(), 0);
    let before = job.output();
    refused(job.crawl(&seed, &[]), "holds a crawl already").await;
    let go_on = format!("to go on with it: crawler resume {}", text(&job.folder()));
    refused(job.crawl(&seed, &[]), &go_on).await;
    // Neither bad flags nor an output that cannot be written throw it away.
    refused(job.crawl(&seed, &["--fresh", "--include", "("]), "regular").await;
    let nowhere = job.beside("nowhere/pages.jsonl");
    let flags = ["--fresh", "-o", text(&nowhere)];
    refused(job.crawl(&seed, &flags), "cannot write").await;
    let ended = job.resume(&[]).ended().await;
    assert!(ended.stderr.contains("is done"), "{}", ended.stderr);
    assert_eq!(job.output(), before);
    assert_eq!(world::pages_asked(&server, 0), asked);

    let ended = job.crawl(&seed, &["--fresh"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(world::pages_asked(&server, 0), 2 * asked);
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_another_process_works_on_is_left_to_it() {
    let site = world::site(100);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(100),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let crawler = job.crawl(&seed, &["--concurrency", "2"]);
    until("the first page", async || {
        (world::pages_asked(&server, 0) > 0).then_some(())
    })
    .await;
    refused(job.resume(&[]), "is held by").await;
    refused(job.crawl(&seed, &["--fresh"]), "is held by").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    assert_eq!(world::pages_asked(&server, 0), site.open());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_a_seed_is_in_no_output_and_no_file() {
    let server = world::start(WebOptions {
        site: world::site(20),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    for path in ["/site/page/0", "/fault/location/user"] {
        let seed = world::url(&server, 0, path).replace("//", "//ann:secret@");
        let ended = job.crawl(&seed, &["--fresh"]).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert_no_secret(&ended);
        for file in std::fs::read_dir(job.folder()).unwrap() {
            let file = file.unwrap().path();
            let bytes = std::fs::read(&file).unwrap();
            let is_told = bytes.windows(6).any(|window| window == b"secret");
            assert!(!is_told, "{}", text(&file));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_folder_or_an_output_that_cannot_be_written_is_told() {
    let job = Job::new();
    std::fs::write(job.folder(), "").unwrap();
    refused(job.crawl(SEED, &[]), "cannot make the folder").await;
    let job = Job::new();
    let nowhere = job.beside("nowhere/pages.jsonl");
    refused(job.crawl(SEED, &["-o", text(&nowhere)]), "cannot write").await;
}

#[tokio::test]
async fn a_file_that_is_no_crawl_is_left_as_it_is() {
    let job = Job::new();
    std::fs::create_dir(job.folder()).unwrap();
    let database = job.folder().join("crawl.db");
    let bytes = "no database at all\n".repeat(1_000);
    std::fs::write(&database, &bytes).unwrap();
    refused(job.resume(&[]), "crawl.db").await;
    assert_eq!(std::fs::read_to_string(&database).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_where_nobody_listens_is_told_while_its_robots_txt_is_waited_for() {
    let job = Job::new();
    let mut crawler = job.crawl(SEED, &[]);
    crawler.says("; no http://127.0.0.1:9/robots.txt: ").await;
    crawler.says("refused").await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
}
