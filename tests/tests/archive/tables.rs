//! CSV as Python reads it, and what `crawler export` writes.

use std::time::Duration;

use serde_json::Value;
use slow_api::WebOptions;
use tests::web::{pages_asked, site, start, url};
use tests::{Crawler, until};
use tokio::process::Command;

use crate::world::{Job, LONG, text};

/// Writes the rows of a file as lines of JSON.
const READ: &str = "
import csv, json, sys
with open(sys.argv[1], newline='', encoding='utf-8') as file:
    for row in csv.DictReader(file, strict=True):
        print(json.dumps(row))
";

async fn rows(job: &Job, name: &str) -> Vec<Value> {
    let file = job.beside(name);
    let read = Command::new("python3")
        .args(["-c", READ, text(&file)])
        .output()
        .await
        .unwrap();
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    let rows = String::from_utf8(read.stdout).unwrap();
    rows.lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect()
}

/// Asserts that a table says what the records say.
async fn assert_same(job: &Job, name: &str) {
    let (mut rows, records) = (rows(job, name).await, job.records());
    assert_eq!(rows.len(), records.len());
    rows.sort_by_key(|row| row["id"].to_string());
    let mut records = records;
    records.sort_by_key(|record| record["id"].to_string());
    for (row, record) in rows.iter().zip(&records) {
        for (column, cell) in row.as_object().unwrap() {
            let cell = cell.as_str().unwrap();
            let expected = match &record[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let is_guarded = cell.strip_prefix('\'') == Some(&expected)
                && expected.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
            assert!(
                *cell == expected || is_guarded,
                "{column}: {cell:?} for {expected:?}"
            );
        }
        let count = record
            .as_object()
            .unwrap()
            .keys()
            .filter(|field| row[field.as_str()].is_null());
        assert_eq!(count.count(), 0, "each field has its column: {record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_goes_on_where_it_was_left_and_is_exported_the_same() {
    let server = start(WebOptions {
        site: site(200),
        page_delay: Duration::from_millis(10),
        ..WebOptions::default()
    })
    .await;
    let job = Job::new();
    let outputs = ["pages.jsonl", "pages.csv"];
    let seed = url(&server, 0, "/site/page/0");
    let crawler = job.crawl(&seed, &["--concurrency", "4"], &outputs);
    until("40 pages", async || {
        (pages_asked(&server, 0) >= 40).then_some(())
    })
    .await;
    // While it runs, what is settled is there.
    let early = job.export(&[], &["early.csv", "early.jsonl"]).await;
    assert_eq!(early.code(), 0, "{}", early.stderr);
    crawler.signal("INT").await;
    assert_eq!(crawler.ended().await.code(), 3);
    let ended = job.resume(&[]).ended_within(LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_same(&job, "pages.csv").await;

    let exported = job.export(&[], &["again.csv", "again.jsonl"]).await;
    assert_eq!(exported.code(), 0, "{}", exported.stderr);
    for (again, first) in [("again.csv", "pages.csv"), ("again.jsonl", "pages.jsonl")] {
        assert_eq!(job.sorted_lines(again), job.sorted_lines(first));
    }
    let (early, all) = (
        job.sorted_lines("early.jsonl"),
        job.sorted_lines("pages.jsonl"),
    );
    assert!(!early.is_empty() && early.iter().all(|line| all.contains(line)));
    assert_eq!(rows(&job, "early.csv").await.len(), early.len());
    let piped = job.export(&[], &[]).await;
    assert_eq!(
        piped.stdout,
        std::fs::read_to_string(job.beside("again.jsonl")).unwrap()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_is_a_formula_is_text() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 44\r\nConnection: close\r\n\r\n\
        <title>=HYPERLINK(\"http://evil\",\"x\")</title>";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _asked = stream.read(&mut [0; 4096]).await;
            let _hung_up = stream.write_all(page.as_bytes()).await;
        }
    });
    let job = Job::new();
    let seed = format!("http://{address}/");
    let flags = ["--depth", "0", "--ignore-robots"];
    let ended = job.crawl(&seed, &flags, &["pages.csv"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let rows = rows(&job, "pages.csv").await;
    assert_eq!(rows[0]["title"], "'=HYPERLINK(\"http://evil\",\"x\")");
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_a_job_is_written_as_a_table_too() {
    let server = start(WebOptions::default()).await;
    let job = Job::new();
    let list = job.beside("list.txt");
    std::fs::write(&list, url(&server, 0, "/site/page/0")).unwrap();
    let outputs = job.outputs(&["pages.jsonl", "pages.csv"]);
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let args = [&["--urls", text(&list)], &outputs[..]].concat();
    let ended = Crawler::start(&args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_same(&job, "pages.csv").await;
    server.stop().await;
}
