//! A server that fails for a while: its URLs are tried again, and hold no slot meanwhile.

use tests::{Answer, Crawler, Scripted, urls_in};

#[tokio::test]
async fn a_url_that_waits_for_its_retry_lets_others_by() {
    let server = Scripted::start(|path, before| match (path.ends_with("page1"), before) {
        (true, 0) => Answer::Status(500, ""),
        _ => Answer::Status(200, ""),
    })
    .await;
    let args = ["--api", server.url(), "--count", "5", "--concurrency", "1"];
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(urls_in(&ended.stdout).len(), 5);
    let asked = server.asked();
    assert_eq!(asked.len(), 6);
    assert!(asked[5].ends_with("page1"), "{asked:?}");
}

#[tokio::test]
async fn retry_after_is_heeded_and_every_url_is_fetched() {
    let again = Answer::Status(503, "retry-after: 0\r\n");
    let server = Scripted::start(move |_, before| match before {
        0 | 1 => again,
        _ => Answer::Status(200, ""),
    })
    .await;
    let ended = Crawler::start(&["--api", server.url(), "--count", "50"])
        .ended()
        .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(urls_in(&ended.stdout).len(), 50);
    assert!(server.counts().values().all(|times| *times == 3));
    assert!(
        ended
            .stdout
            .lines()
            .all(|line| line.contains(r#""retries":2"#))
    );
}

/// The first answer's `Retry-After` is obeyed with any status that is tried again: without it, each back-off would
/// take at least half a second, and the tests' 30 s would be over before six of them.
#[tokio::test]
async fn retry_after_is_heeded_with_every_status_that_is_tried_again() {
    let server = Scripted::start(move |path, before| {
        let status =
            [408, 429, 500, 502, 503, 504][usize::from(path.as_bytes()[path.len() - 1] - b'1')];
        match before {
            0..6 => Answer::Status(status, "retry-after: 0\r\n"),
            _ => Answer::Status(200, ""),
        }
    })
    .await;
    let args = ["--api", server.url(), "--count", "6", "--retries", "6"];
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(server.counts().values().all(|times| *times == 7));
}

#[tokio::test]
async fn a_url_that_always_fails_fails_after_its_retries_and_a_404_is_an_answer() {
    let server = Scripted::start(|path, _| match path.ends_with("page1") {
        true => Answer::Status(429, "retry-after: 0\r\n"),
        false => Answer::Status(404, ""),
    })
    .await;
    let ended = Crawler::start(&["--api", server.url(), "--count", "3"])
        .ended()
        .await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    assert_eq!(urls_in(&ended.stdout).len(), 3);
    assert_eq!(
        server.asked().len(),
        6,
        "one and its three retries, and two more"
    );
    assert!(
        ended.stderr.contains("1 failed (status-429)"),
        "{}",
        ended.stderr
    );
    let failed = ended.stdout.lines().find(|line| line.contains("page1"));
    let failed = failed.expect("it has a record");
    for field in [r#""status":429"#, r#""millis":"#, r#""digest":"#] {
        assert!(failed.contains(field), "{failed}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_has_a_class_of_its_own() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)).leak();
    let answers: [&[u8]; 5] = [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        large.as_bytes(),
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ];
    let server = Scripted::start(move |path, _| {
        Answer::Raw(answers[usize::from(path.as_bytes()[path.len() - 1] - b'1')])
    })
    .await;
    let args = ["--api", server.url(), "--count", "5", "--retries", "0"];
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    for line in ended.stdout.lines() {
        assert!(line.contains(r#""reason":"protocol""#), "{line}");
    }
    assert_eq!(urls_in(&ended.stdout).len(), 5);
    for words in ["5 failed (protocol)", "scheme and port"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_body_that_was_cut_short_is_asked_for_again_and_kept_as_it_is_at_last() {
    let server = Scripted::start(|path, before| match (path.ends_with("page1"), before) {
        (true, 1..) => Answer::Status(200, ""),
        _ => Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
    })
    .await;
    let args = ["--api", server.url(), "--count", "2", "--retries", "1"];
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(server.counts().values().all(|times| *times == 2));
    let cut = ended.stdout.matches(r#""truncated":"disconnect""#).count();
    assert_eq!(cut, 1, "{}", ended.stdout);
}
