//! Politeness by the servers' own counts: gaps, robots.txt that can't be had, `Retry-After`, and `Disallow`.

use std::time::{Duration, Instant};

use slow_api::{Options, RobotsMode, WebOptions};
use tests::{Answer, Scripted, until};

use crate::world::{self, Job};

#[tokio::test(flavor = "multi_thread")]
async fn each_of_fifty_hosts_is_left_alone_for_the_delay_after_each_answer() {
    const HOSTS: usize = 50;
    let site = world::site(8);
    let server = world::start(WebOptions {
        hosts: world::hosts(HOSTS),
        site,
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    // The first host has two seeds, which share its delay.
    let mut seeds: Vec<String> = (0..HOSTS)
        .map(|host| world::url(&server, host, "/site/page/0"))
        .collect();
    seeds.push(world::url(&server, 0, "/site/page/2"));
    let others = seeds[1..].iter().map(String::as_str);
    let flags: Vec<&str> = others.chain(["--delay", "200ms"]).collect();
    let ended = job.crawl(&seeds[0], &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    for host in 0..HOSTS {
        let counts = world::counts(&server, host);
        assert_eq!((counts.requests, counts.robots), (site.open() + 1, 1));
        assert_eq!((counts.max_in_flight, counts.disallowed), (1, 0));
        // Its robots.txt is a request as any other.
        let gap = counts.any_gap_min_us.unwrap();
        assert!(gap >= 199_000, "host {host}: {gap} µs");
        let site = slow_api::Site {
            seed: site.seed + host as u64,
            ..site
        };
        world::assert_each_once(&job.urls(), &world::reachable(&server, host, &site));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_requested_while_robots_txt_fails_and_others_go_on() {
    let site = world::site(200);
    let server = world::start(WebOptions {
        hosts: world::hosts(2),
        site,
        robots: vec![RobotsMode::ServerError, RobotsMode::Ok],
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let seeds = [0, 1].map(|host| world::url(&server, host, "/site/page/0"));
    let crawler = job.crawl(&seeds[0], &[&seeds[1]]);
    until(
        "the other host is done, and robots.txt was asked for",
        async || {
            let robots = world::counts(&server, 0).robots;
            (robots > 0 && world::pages_asked(&server, 1) == site.open()).then_some(())
        },
    )
    .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "its URL waits: {}", ended.stderr);
    assert_eq!(world::pages_asked(&server, 0), 0);
    assert!(!job.urls().contains_key(&seeds[0]), "it is not given up");

    // Nor after a restart: the clock of its next try is kept.
    let asked = world::counts(&server, 0).robots;
    let mut crawler = job.resume(&[]);
    crawler
        .says("all that is left waits for its sites' delays or its next try")
        .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert_eq!(world::pages_asked(&server, 0), 0);
    assert!(world::counts(&server, 0).robots <= asked + 1);
    server.stop().await;
}

async fn comes_back(path: &str, gap_us_min: u64) {
    let server = world::start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), world::url(&server, 0, path));
    let ended = job.crawl(&seed, &["--depth", "0"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let counts = world::counts(&server, 0);
    assert_eq!(counts.by_path[path], 2);
    let gap = counts.gap_min_us.unwrap();
    assert!(gap >= gap_us_min, "{gap} µs");
    let records = job.records();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (&records[0]["status"], &records[0]["retries"]),
        (&200.into(), &1.into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_of_429_is_obeyed_in_seconds() {
    comes_back("/fault/retry/429?tries=1&after=3", 2_999_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_of_503_is_obeyed_as_a_date() {
    // A date is in whole seconds, and so up to one of them earlier.
    comes_back("/fault/retry/503?tries=1&date=4", 2_999_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_robots_txt_disallows_is_refused_with_its_line_and_not_requested() {
    let server = world::start(WebOptions::default()).await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/private/3"));
    let ended = job.crawl(&seed, &[]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let counts = world::counts(&server, 0);
    assert_eq!((counts.requests, counts.robots), (1, 1));
    let records = job.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["fate"], "refused");
    let message = records[0]["message"].as_str().unwrap();
    assert!(message.contains("/site/private"), "{message}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_site_is_asked_for_its_robots_txt_alone() {
    let server = world::start(WebOptions {
        robots: vec![RobotsMode::Closed],
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let ended = job
        .crawl(&seed, &["--delay", "0"])
        .ended_within(Duration::from_secs(20))
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(world::pages_asked(&server, 0), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_does_not_answer_rests_as_long_as_it_was_waited_for() {
    let server = world::start(WebOptions::default()).await;
    let seeds = [1, 2, 3].map(|n| world::url(&server, 0, &format!("/fault/connection/silent?{n}")));
    let (job, start) = (Job::new(), Instant::now());
    let flags = [&*seeds[1], &seeds[2], "--delay", "1ms"];
    let flags = [&flags[..], &["--timeout", "700ms", "--retries", "0"]].concat();
    let ended = job.crawl(&seeds[0], &flags).ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let urls = job.urls();
    world::assert_each_once(&urls, &seeds);
    // Three waits for an answer, and a rest between each two of them.
    let least = Duration::from_millis(5 * 700);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_robots_txt_is_slow_rests_after_it() {
    let slow = Duration::from_millis(700);
    let server = slow_api::start(Options {
        port: 0,
        delay: slow,
        web: WebOptions {
            robots: vec![RobotsMode::Slow],
            ..WebOptions::default()
        },
        ..Options::default()
    })
    .await
    .unwrap();
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let (start, flags) = (Instant::now(), ["--depth", "0", "--delay", "1ms"]);
    let ended = job.crawl(&seed, &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(world::pages_asked(&server, 0), 1);
    assert!(start.elapsed() >= 2 * slow, "{:?}", start.elapsed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_delay_that_is_cut_is_told_and_what_is_kept_of_it_holds() {
    let server = world::start(WebOptions {
        crawl_delay_seconds: Some(120),
        ..WebOptions::default()
    })
    .await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let mut crawler = job.crawl(&seed, &["--delay", "1ms"]);
    let origin = server.hosts()[0];
    crawler
        .says(&format!(
            "http://{origin} asks for 120 s between two fetches by its Crawl-delay, and 30 s are kept"
        ))
        .await;
    crawler
        .says("all that is left waits for its sites' delays or its next try")
        .await;
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
    assert_eq!(world::pages_asked(&server, 0), 0, "the delay is not over");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_was_not_typed_is_asked_politely_though_another_of_its_host_was() {
    let found = world::start(WebOptions::default()).await;
    let links = [0, 1, 2, 3].map(|n| {
        let url = world::url(&found, 0, &format!("/fault/status/404?n={n}"));
        format!("<a href={url}>x</a>")
    });
    let page = links.concat();
    let page = format!(
        "HTTP/1.1 200 X\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    );
    let page: &'static [u8] = page.leak().as_bytes();
    let typed = Scripted::start(move |path, _| match path {
        "/" => Answer::Raw(page),
        _ => Answer::Status(404, ""),
    });
    let (typed, job) = (typed.await, Job::new());
    let flags = ["--scope", "any", "--allow-net", "127.0.0.0/8"];
    let ended = job.crawl(typed.url(), &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let counts = world::counts(&found, 0);
    assert_eq!(world::pages_asked(&found, 0), 4);
    assert_eq!(counts.max_in_flight, 1);
    let gap = counts.gap_min_us.unwrap();
    assert!(gap >= 999_000, "{gap} µs");
    found.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_costs_its_site_no_delay() {
    let server = world::start(WebOptions::default()).await;
    let seeds: Vec<_> = (1..=60)
        .map(|n| world::url(&server, 0, &format!("/site/private/{n}")))
        .collect();
    let mut flags: Vec<_> = seeds[1..].iter().map(String::as_str).collect();
    flags.extend(["--delay", "1s"]);
    let (job, start) = (Job::new(), Instant::now());
    let ended = job.crawl(&seeds[0], &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let urls = job.urls();
    world::assert_each_once(&urls, &seeds);
    assert_eq!(world::pages_asked(&server, 0), 0);
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(15), "{elapsed:?}");
    server.stop().await;
}
