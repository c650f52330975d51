//! A node that comes back: its end is that of all it has done, whatever it writes to.

use tests::{Answer, Crawler, Postgres, Scripted, text, until};

/// Interrupts a node whose records go nowhere but to `stdout` once a URL of its list has failed, and begins it again.
async fn a_failure_is_told_by_the_next_run(stdout: &str) {
    let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
    let (frontier, crawl) = (server.tcp_url(Postgres::PASSWORD), Postgres::crawl_name());
    let web = Scripted::start(|path, _| match path {
        "/fails" => Answer::Status(500, ""),
        _ => Answer::Status(200, "content-type: text/plain\r\n"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let lines = ["fails", "a", "b", "c", "d", "e"].map(|path| format!("{}/{path}\n", web.url()));
    std::fs::write(&list, lines.concat()).unwrap();
    let shared = ["--frontier", &frontier, "--crawl", &crawl];
    let node = |more: &[&str]| {
        let list = ["--urls", text(&list), "--node", "n", "--retries", "0"];
        let mut command = tokio::process::Command::new("sh");
        let line = format!(r#"exec "$0" "$@" {stdout}"#);
        command.args(["-c", &line]).arg(tests::program("crawler"));
        Crawler::spawn(command.args([&list[..], &shared, more].concat()))
    };
    let crawler = node(&["--pace", "1s"]);
    until("one has failed", async || {
        let status = Crawler::start(&[&["status", "--json"][..], &shared].concat());
        let status = status.ended().await.stdout;
        status.contains("\"failed\":1").then_some(())
    })
    .await;
    crawler.signal("INT").await;
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let ended = node(&[]).ended().await;
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let told = "1 failed (status-5xx)";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_by_the_next_run_of_a_node_that_writes_to_standard_output() {
    a_failure_is_told_by_the_next_run("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_by_the_next_run_of_a_node_that_writes_nothing() {
    a_failure_is_told_by_the_next_run(">/dev/null").await;
}
