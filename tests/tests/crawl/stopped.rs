//! A crawl that is killed or stopped in the midst of a request, and resumed at once, leaves its site alone as ever: by what the
//! server saw.

use std::time::Duration;

use crawler::frontier::SqliteReader;
use tests::{Answer, Crawler, Scripted, until};

use crate::world::{Job, text};

const DELAY: Duration = Duration::from_secs(1);

/// Starts a server that answers neither its robots.txt nor any page when it is first asked for it.
async fn silent_first() -> Scripted {
    Scripted::start(|path, before| match (path, before) {
        (_, 0) => Answer::Silence,
        ("/robots.txt", _) => Answer::Status(404, ""),
        _ => Answer::Status(200, ""),
    })
    .await
}

/// Waits until so many requests were begun.
async fn asked(server: &Scripted, count: usize) {
    until(&format!("{count} requests"), async || {
        (server.asked().len() >= count).then_some(())
    })
    .await;
}

/// Asserts that these were the requests, and that each began so long after the one before.
fn assert_gaps(server: &Scripted, paths: &[&str], least: Duration) {
    assert_eq!(server.asked(), paths);
    let at = server.asked_at();
    let gaps: Vec<_> = at.windows(2).map(|two| two[1] - two[0]).collect();
    // A timer goes by milliseconds.
    let least = least - Duration::from_millis(1);
    assert!(gaps.iter().all(|gap| *gap >= least), "{gaps:?}");
}

async fn kill(crawler: Crawler) {
    crawler.kill().await;
}

async fn stop_twice(mut crawler: Crawler) {
    crawler.signal("INT").await;
    crawler.says("Ctrl-C again to abort").await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
}

/// Begins a crawl, or a list, and ends it in the midst of its robots.txt and of its page, each when it is first asked.
async fn ended_in_the_midst(begin: impl Fn(&Job, &str) -> Crawler, end: impl AsyncFn(Crawler)) {
    let (server, job) = (silent_first().await, Job::new());
    let crawler = begin(&job, &format!("{}/a", server.url()));
    asked(&server, 1).await;
    end(crawler).await;
    let crawler = job.resume(&[]);
    asked(&server, 3).await;
    end(crawler).await;
    let ended = job.resume(&[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let paths = ["/robots.txt", "/robots.txt", "/a", "/a"];
    assert_gaps(&server, &paths, DELAY);
}

fn crawl(job: &Job, seed: &str) -> Crawler {
    job.crawl(seed, &["--delay", "1s"])
}

fn list(job: &Job, url: &str) -> Crawler {
    let (folder, list) = (job.folder(), job.beside("list"));
    std::fs::write(&list, url).expect("room");
    Crawler::start(&[
        "--urls",
        text(&list),
        "--job",
        text(&folder),
        "--delay",
        "1s",
    ])
}

#[tokio::test]
async fn a_site_that_was_asked_until_a_kill_rests_before_it_is_asked_again() {
    ended_in_the_midst(crawl, kill).await;
}

#[tokio::test]
async fn a_site_that_was_asked_until_an_abort_rests_before_it_is_asked_again() {
    ended_in_the_midst(crawl, stop_twice).await;
}

#[tokio::test]
async fn a_list_that_is_killed_leaves_a_site_alone_too() {
    ended_in_the_midst(list, kill).await;
}

#[tokio::test]
async fn a_crawl_delay_holds_over_a_kill() {
    const ROBOTS: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 30\r\n\r\n\
        User-agent: *\nCrawl-delay: 3\n\n";
    let server = Scripted::start(|path, before| match (path, before) {
        ("/robots.txt", _) => Answer::Raw(ROBOTS),
        ("/b", 0) => Answer::Silence,
        _ => Answer::Status(200, ""),
    });
    let (server, job) = (server.await, Job::new());
    let [first, second] = ["a", "b"].map(|page| format!("{}/{page}", server.url()));
    let crawler = job.crawl(&first, &[&second, "--delay", "10ms"]);
    asked(&server, 3).await;
    crawler.kill().await;
    let ended = job.resume(&[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let paths = ["/robots.txt", "/a", "/b", "/b"];
    assert_gaps(&server, &paths, 3 * DELAY);
}

#[tokio::test]
async fn a_wait_that_a_site_asked_for_holds_over_a_kill() {
    let server = Scripted::start(|path, before| match (path, before) {
        ("/robots.txt", _) => Answer::Status(404, ""),
        (_, 0) => Answer::Status(503, "retry-after: 4\r\n"),
        _ => Answer::Status(200, ""),
    });
    let (server, job) = (server.await, Job::new());
    let crawler = job.crawl(&format!("{}/a", server.url()), &["--delay", "10ms"]);
    asked(&server, 2).await;
    let database = job.folder().join("crawl.db");
    until("the answer is settled", async || {
        let stats = SqliteReader::open(&database).and_then(|reader| reader.stats());
        stats.is_ok_and(|stats| stats.delayed == 1).then_some(())
    })
    .await;
    crawler.kill().await;
    let ended = job.resume(&[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(server.asked(), ["/robots.txt", "/a", "/a"]);
    let at = server.asked_at();
    assert!(at[2] - at[1] >= 4 * DELAY, "{:?}", at[2] - at[1]);
}

#[tokio::test]
async fn a_crawl_that_is_stopped_leaves_its_site_alone_from_its_last_answer_on() {
    let server = Scripted::start(|path, _| match path {
        "/robots.txt" => Answer::Status(404, ""),
        _ => Answer::Status(200, ""),
    });
    let (server, job) = (server.await, Job::new());
    let [first, second] = ["a", "b"].map(|page| format!("{}/{page}", server.url()));
    let mut crawler = job.crawl(&first, &[&second, "--delay", "1s"]);
    for requests in [1, 2] {
        asked(&server, requests).await;
        crawler.signal("INT").await;
        let ended = crawler.ended().await;
        assert_eq!(ended.code(), 3, "{}", ended.stderr);
        crawler = job.resume(&[]);
    }
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_gaps(&server, &["/robots.txt", "/a", "/b"], DELAY);
}
