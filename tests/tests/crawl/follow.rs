//! What is followed of a page besides its links, only where it is asked for: the page that has parts of every form.

use std::collections::BTreeSet;

use slow_api::WebOptions;
use tests::web::start_as_it_is;

use crate::world::{self, Job};

/// What only the links of the page lead to.
const LINKS: &[&str] = &["", "next"];

const ASSETS: &[&str] = &[
    "img/icon.png",
    "img/preload-1.png",
    "img/preload-2.png",
    "script.js",
    "img/a.png",
    "img/a,1.png",
    "img/a-2.png",
    "img/b.png",
    "img/b-480.png",
    "img/b-800.png",
    "film",
    "img/poster.png",
    "words.vtt",
    "sound",
    "embed",
    "object",
    "img/input.png",
    "img/svg.png",
    "img/sprite.svg",
    "img/table.png",
];

const FORMS: &[&str] = &["ask?of=1"];

const CSS: &[&str] = &[
    "style/main.css",
    "style/more.css",
    "style/other.css",
    "style/inline.css",
    "img/body.png",
    "img/set-1.png",
    "img/set-2.png",
    "img/css.png",
    "img/print.png",
    "font",
    "img/last.png",
    "img/more.png",
];

/// Crawls the page by those flags, and holds what was recorded, and asked for, against what it is made of.
async fn check(flags: &[&str], expected: &[&[&str]]) {
    let server = start_as_it_is(WebOptions::default()).await;
    let base = world::url(&server, 0, "/parts/");
    let job = Job::new();
    let flags = [&["--no-sitemaps", "--quiet"], flags].concat();
    let ended = job.crawl(&base, &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let expected: BTreeSet<_> = expected
        .concat()
        .iter()
        .map(|part| format!("{base}{part}"))
        .collect();
    let found: BTreeSet<_> = job.urls().into_keys().collect();
    assert_eq!(found, expected, "{flags:?}");
    let counts = world::counts(&server, 0);
    assert_eq!(counts.requests, expected.len() as u64 + counts.robots);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_links_is_followed_unless_it_is_asked_for() {
    check(&[], &[LINKS]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_followed_by_itself_and_with_the_others() {
    check(&["--follow", "assets"], &[LINKS, ASSETS]).await;
    check(&["--follow", "forms"], &[LINKS, FORMS]).await;
    check(&["--follow", "css"], &[LINKS, CSS]).await;
    let all = [LINKS, ASSETS, FORMS, CSS];
    check(&["--follow", "css,forms", "--follow=assets"], &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scope_decides_about_parts_as_about_links() {
    let pages = ["--follow", "assets", "--exclude", "/img/"];
    let assets = ASSETS.iter().copied();
    let others: Vec<_> = assets.filter(|part| !part.starts_with("img/")).collect();
    check(&pages, &[LINKS, &others]).await;
    // A sheet is one deeper than its page, and what it names one deeper than itself.
    let near: &[&str] = &[
        "style/main.css",
        "style/other.css",
        "style/inline.css",
        "img/body.png",
        "img/set-1.png",
        "img/set-2.png",
    ];
    check(&["--follow", "css", "--depth", "1"], &[LINKS, near]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_how_much_a_style_sheet_names() {
    let server = start_as_it_is(WebOptions::default()).await;
    let sheet = world::url(&server, 0, "/parts/style/more.css");
    let job = Job::new();
    let flags = ["--no-sitemaps", "--follow", "css", "--depth", "1"];
    let ended = job.crawl(&sheet, &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let records = job.records();
    let record = records.iter().find(|record| record["url"] == sheet);
    assert_eq!(record.unwrap()["links"], 2);
    server.stop().await;
}
