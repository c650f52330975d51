//! Ctrl-C: what is in flight is finished and nothing else begun, a second one aborts, and `resume` does the rest.

use std::time::{Duration, Instant};

use slow_api::WebOptions;
use tests::until;

use crate::world::{self, Job, text};

async fn drained_by(signal: &str) {
    let site = world::site(300);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(50),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let flags = ["--concurrency", "10"];
    let mut crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &flags);
    until("50 pages", async || {
        (world::pages_asked(&server, 0) >= 50).then_some(())
    })
    .await;
    crawler.signal(signal).await;
    crawler.says("Ctrl-C again to abort").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let advice = format!("to go on: crawler resume {}", text(&job.folder()));
    assert!(ended.stderr.contains(&advice), "{}", ended.stderr);
    let fetched = job.records().into_iter();
    let fetched = fetched.filter(|record| record["fate"] == "fetched").count();
    let asked = world::pages_asked(&server, 0);
    assert_eq!(fetched as u64, asked, "what was begun is finished");

    let ended = job.resume(&flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let expected = world::reachable(&server, 0, &site);
    world::assert_each_once(&job.urls(), &expected);
    assert_eq!(world::pages_asked(&server, 0), expected.len() as u64);

    let ended = job.resume(&flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("is done; the command that began it begins it anew"),
        "{}",
        ended.stderr
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_drains_and_resume_fetches_the_rest() {
    drained_by("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_as_ctrl_c() {
    drained_by("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_does_not_wait_for_answers() {
    let server = world::start(WebOptions {
        site: world::site(300),
        page_delay: Duration::from_secs(300),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let mut crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &[]);
    until("the first page", async || {
        (world::pages_asked(&server, 0) == 1).then_some(())
    })
    .await;
    crawler.signal("INT").await;
    crawler
        .says("finishing the 1 in flight, for 30 s at most; Ctrl-C again to abort")
        .await;
    let start = Instant::now();
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    // The drain would have gone on for 30 s.
    assert!(start.elapsed() < Duration::from_secs(15));
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("to go on: crawler resume"),
        "{}",
        ended.stderr
    );
    assert!(job.urls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_whose_budget_is_spent_says_so_however_often_it_is_resumed() {
    let server = world::start(WebOptions {
        site: world::site(100),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let seed = world::url(&server, 0, "/site/page/0");
    let crawler = job.crawl(&seed, &["--pages", "10"]);
    assert_eq!(crawler.ended().await.code(), 0);
    for _time in 0..20 {
        let ended = job.resume(&[]).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("its budget is spent"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(world::pages_asked(&server, 0), 10);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_one_run_is_none_of_the_next() {
    let site = world::site(300);
    let server = world::start(WebOptions {
        site,
        page_delay: Duration::from_millis(20),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let asked = || world::pages_asked(&server, 0);
    let asked_more = async |more| {
        let enough = asked() + more;
        until("more pages", async || (asked() >= enough).then_some(())).await;
    };
    let few = ["--concurrency", "2"];
    let crawler = job.crawl(&world::url(&server, 0, "/site/page/0"), &few);
    asked_more(10).await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);

    let begun = asked();
    let ended = job.resume(&["--pages", "10"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let told = "--pages N, or without that as the job was begun";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_eq!(asked(), begun + 10);

    let begun = asked();
    let limited = [&few[..], &["--pages", "50"]].concat();
    let crawler = job.resume(&limited);
    asked_more(10).await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let left = begun + 50 - asked();
    let told = format!("crawler resume {} --pages {left}", text(&job.folder()));
    assert!(ended.stderr.contains(&told), "{told}: {}", ended.stderr);

    let ended = job.resume(&[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_bytes_that_is_spent_says_what_to_give_more_of() {
    let site = world::site(100);
    let server = world::start(WebOptions {
        site,
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let seed = world::url(&server, 0, "/site/page/0");
    let ended = job.crawl(&seed, &["--bytes", "1B"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let told = format!("crawler resume {} --bytes SIZE\n", text(&job.folder()));
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    let ended = job.resume(&["--bytes", "1GiB"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    world::assert_each_once(&job.urls(), &world::reachable(&server, 0, &site));
    server.stop().await;
}
