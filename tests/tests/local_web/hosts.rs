//! Hosts that answer for robots.txt each in its way.

use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use slow_api::{RobotsMode, WebOptions};

use crate::visitor::{client, counts_of, header, hosts, start};

#[tokio::test]
async fn each_host_answers_for_robots_in_its_mode() {
    let web = WebOptions {
        hosts: hosts(RobotsMode::ALL.len()),
        robots: RobotsMode::ALL.to_vec(),
        crawl_delay_seconds: Some(3),
        ..WebOptions::default()
    };
    let server = start(web).await;
    let following = Client::builder().no_proxy().build().unwrap();
    for (host, mode) in RobotsMode::ALL.into_iter().enumerate() {
        let url = format!("http://{}/robots.txt", server.hosts()[host]);
        let start = Instant::now();
        let answer = following.get(&url).send().await;
        let took = start.elapsed();
        let counts = counts_of(&server, host);
        assert_eq!(
            (counts.robots, counts.disallowed, counts.gap_min_us),
            (counts.requests, 0, None)
        );
        let hops = counts.requests - 1;
        match mode {
            RobotsMode::Loop => {
                assert!(answer.unwrap_err().is_redirect());
                continue;
            }
            RobotsMode::Redirect => assert_eq!(hops, 5),
            _ => assert_eq!(hops, 0, "{mode:?}"),
        }
        let answer = answer.unwrap();
        let expected = match mode {
            RobotsMode::Missing => StatusCode::NOT_FOUND,
            RobotsMode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        };
        assert_eq!(answer.status(), expected, "{mode:?}");
        if expected != StatusCode::OK {
            continue;
        }
        assert!(
            header(&answer, "content-type")
                .unwrap()
                .starts_with("text/plain")
        );
        let text = answer.text().await.unwrap();
        if mode == RobotsMode::Closed {
            assert_eq!(text, "User-agent: *\nDisallow: /\n");
            continue;
        }
        assert!(
            text.contains("\nDisallow: /site/private\nCrawl-delay: 3\n"),
            "{mode:?}"
        );
        if mode == RobotsMode::Slow {
            assert!(took >= Duration::from_millis(50), "{took:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_robots_disallows_is_counted_as_such_on_its_host_alone() {
    let web = WebOptions {
        hosts: hosts(3),
        robots: vec![RobotsMode::Ok, RobotsMode::Missing, RobotsMode::ServerError],
        ..WebOptions::default()
    };
    let server = start(web).await;
    for (host, disallowed) in [(0, 1), (1, 0), (2, 2)] {
        for path in ["/site/private/7", "/site/page/7"] {
            let url = format!("http://{}{path}", server.hosts()[host]);
            let answer = client().get(url).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
        let counts = counts_of(&server, host);
        assert_eq!(
            (counts.requests, counts.disallowed),
            (2, disallowed),
            "{host}"
        );
    }
    server.stop().await;
}
