//! The faults as a library of HTTP sees them: statuses, redirects, types, and what it refuses.

use reqwest::Client;
use slow_api::{Server, WebOptions};

use crate::visitor::{client, get, header, hosts, in_time, start};

/// What a client sees of a fault: an answer with its status, no answer, or an answer whose body breaks off.
async fn seen(client: &Client, url: String) -> String {
    let Ok(mut answer) = client.get(url).send().await else {
        return "no answer".to_owned();
    };
    let status = answer.status().as_u16();
    let mut bytes = 0;
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes += chunk.len(),
            Ok(None) => return status.to_string(),
            Err(_) => return format!("{status} broken"),
        }
        if bytes > 24 << 20 {
            return format!("{status} endless");
        }
    }
}

/// Says what a careful client should see, which decodes nothing and follows nothing.
fn expected(path: &str) -> String {
    let path = path.strip_prefix("/fault/").unwrap();
    let (kind, name) = path.split_once('/').unwrap();
    let name = name.split('?').next().unwrap();
    match (kind, name) {
        ("redirect" | "loop" | "location", _) => "302",
        ("status" | "retry", status) => status,
        ("body", "endless" | "endless-chunks") => "200 endless",
        ("body", "truncated" | "reset") | ("chunk", _) | ("length", "huge") => "200 broken",
        ("connection", "reset-after-head") => "200 broken",
        ("connection", "status-999") => "999",
        ("connection", "continues" | "http-1.0" | "more" | "slow-head") => "200",
        ("header", "bytes" | "line-feeds") | ("length", "and-chunked" | "short") => "200",
        ("header" | "length" | "connection", _) => "no answer",
        _ => "200",
    }
    .to_owned()
}

/// Reads the paths of all faults from their index.
async fn index(server: &Server) -> Vec<String> {
    let index = get(server, "/fault/").await.text().await.unwrap();
    let links = index.split("<a href=\"").skip(1);
    links
        .map(|link| link.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

#[tokio::test]
async fn every_fault_of_the_index_is_met_as_it_is_meant_and_the_service_lives_on() {
    let server = start(WebOptions::default()).await;
    let client = client();
    let faults = index(&server).await;
    assert!(faults.len() > 100, "{faults:?}");
    for path in faults {
        // Nothing comes of these, by their nature.
        if ["stalled", "silent", "header/endless"]
            .iter()
            .any(|never| path.contains(never))
        {
            continue;
        }
        let quick = path.replace("ms=100", "ms=1").replace("mib=32", "mib=4");
        let seen = in_time(&path, seen(&client, format!("{}{quick}", server.url()))).await;
        assert_eq!(seen, expected(&path), "{path}");
    }
    assert_eq!(get(&server, "/healthz").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn chains_of_redirects_end_and_loops_do_not() {
    let server = start(WebOptions::default()).await;
    let mut path = "/fault/redirect/5?status=308".to_owned();
    for _ in 0..5 {
        let answer = get(&server, &path).await;
        assert_eq!(answer.status(), 308);
        header(&answer, "location").unwrap().clone_into(&mut path);
    }
    assert_eq!(get(&server, &path).await.status(), 200);
    let location = async |path: &str| -> Option<String> {
        let answer = get(&server, path).await;
        assert_eq!(answer.status(), 302, "{path}");
        header(&answer, "location").map(str::to_owned)
    };
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("self", "self")] {
        let to = Some(format!("/fault/loop/{to}"));
        assert_eq!(location(&format!("/fault/loop/{from}")).await, to);
    }
    let grown = Some("/fault/loop/growing?n=8".to_owned());
    assert_eq!(location("/fault/loop/growing?n=7").await, grown);
    assert_eq!(location("/fault/location/missing").await, None);
    let any = location("/fault/location/to?url=ftp%3A%2F%2Fa%2F").await;
    assert_eq!(any.as_deref(), Some("ftp://a/"));
    let localhost = format!("http://localhost:{}/site/page/0", server.address().port());
    assert_eq!(location("/fault/location/host").await, Some(localhost));
    server.stop().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_is_to_one_that_answers() {
    let web = WebOptions {
        hosts: hosts(2),
        ..WebOptions::default()
    };
    let server = start(web).await;
    let answer = get(&server, "/fault/location/host").await;
    let other = format!("http://{}/site/page/0", server.hosts()[1]);
    assert_eq!(header(&answer, "location"), Some(&*other));
    assert_eq!(client().get(other).send().await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_retry_succeeds_after_its_tries_each_url_by_itself() {
    let server = start(WebOptions::default()).await;
    for query in ["tries=2&after=7", "tries=1&date=60", "tries=0"] {
        let path = format!("/fault/retry/429?{query}");
        let tries = query["tries=".len()..]
            .split('&')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        for _ in 0..tries {
            let answer = get(&server, &path).await;
            assert_eq!(answer.status(), 429, "{query}");
            let after = header(&answer, "retry-after").unwrap();
            if query.contains("after=7") {
                assert_eq!(after, "7");
            } else {
                assert!(after.ends_with(" GMT"), "{after}");
            }
        }
        assert_eq!(get(&server, &path).await.status(), 200, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_about_a_fault_is_said_in_json() {
    let server = start(WebOptions::default()).await;
    let check = async |path: &str, status: u16, part: &str| {
        let answer = get(&server, path).await;
        assert_eq!(answer.status(), status, "{path}");
        let text = answer.text().await.unwrap();
        assert!(
            text.starts_with("{\"error\":") && text.contains(part),
            "{text}"
        );
    };
    check("/fault/none", 404, "nothing at this path").await;
    check("/fault/body/none", 404, "nothing at this path").await;
    check(
        "/fault/body/slow?ms=soon",
        400,
        "'ms' is no number from 0 to 3600000",
    )
    .await;
    check(
        "/fault/bomb/gzip?mib=0",
        400,
        "'mib' is no number from 1 to 1024",
    )
    .await;
    check("/fault/redirect/1?status=200", 400, "'status'").await;
    check("/fault/location/to", 400, "'url' is missing").await;
    check(
        "/fault/location/to?url=a%0D%0AX%3A%20b",
        400,
        "no header may have",
    )
    .await;
    server.stop().await;
}
