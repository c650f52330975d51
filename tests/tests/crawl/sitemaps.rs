//! Sitemaps: what they list is crawled, each kind is read, and what must not be read says so in its record.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use slow_api::{Page, Server, Site, WebOptions};
use tests::web::start_as_it_is;
use tests::{Answer, Crawler, Scripted};

use crate::world::{self, Job, text};

/// A site whose pages do not link to each other.
const ISLANDS: Site = Site {
    links: 0,
    ..world::site(60)
};

/// Begins a crawl whose only seed is a sitemap.
fn crawl(job: &Job, sitemap: &str, flags: &[&str]) -> Crawler {
    let folder = job.folder();
    let args = ["crawl", "--sitemap", sitemap, "--job", text(&folder)];
    Crawler::start(&[&args, flags].concat())
}

/// Lets it end well, and returns its records by their URLs, of which none is there twice.
async fn records(job: &Job, crawler: Crawler) -> BTreeMap<String, Value> {
    let ended = crawler.ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let mut records = BTreeMap::new();
    for record in job.records() {
        let url = record["url"].as_str().unwrap().to_owned();
        let earlier = records.insert(url, record);
        assert_eq!(earlier, None);
    }
    records
}

async fn islands() -> Server {
    let site = ISLANDS;
    let web = WebOptions {
        site,
        ..WebOptions::default()
    };
    start_as_it_is(web).await
}

/// Returns the URLs of the pages that sitemaps list.
fn pages(server: &Server) -> Vec<String> {
    let pages = (0..ISLANDS.open()).map(|page| ISLANDS.path(Page(page)));
    pages.map(|path| world::url(server, 0, &path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_only_its_sitemap_leads_through_is_crawled_whole() {
    let server = islands().await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/site/page/0"));
    let records = records(&job, job.crawl(&seed, &[])).await;
    let pages = pages(&server);
    for page in &pages {
        assert_eq!(records[page]["status"], 200, "{page}");
    }
    let [index, file] = ["/sitemap.xml", "/sitemap/0.xml"].map(|path| world::url(&server, 0, path));
    assert_eq!(records[&index]["sitemap"], "index");
    assert_eq!(records[&file]["sitemap"], "urlset");
    assert_eq!(records[&file]["links"], pages.len());
    assert_eq!(records[&file]["referrer"], records[&index]["id"]);
    assert_eq!(records.len(), pages.len() + 2);
    let counts = world::counts(&server, 0);
    assert_eq!(counts.requests, records.len() as u64 + counts.robots);

    let job = Job::new();
    let ended = job.crawl(&seed, &["--no-sitemaps"]).ended().await;
    assert_eq!(
        (ended.code(), job.records().len()),
        (0, 1),
        "{}",
        ended.stderr
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_read_when_it_is_given() {
    let server = islands().await;
    let pages = pages(&server);
    let kinds = [
        ("index.xml", "index", 2),
        ("child.xml", "urlset", 1),
        ("pages.xml.gz", "urlset", 1),
        ("pages.txt", "text", 1),
        ("rss.xml", "rss", 1),
        ("atom.xml", "atom", 1),
    ];
    for (path, kind, sitemaps) in kinds {
        let (job, sitemap) = (
            Job::new(),
            world::url(&server, 0, &format!("/sitemaps/{path}")),
        );
        let records = records(&job, crawl(&job, &sitemap, &["--no-sitemaps"])).await;
        assert_eq!(records[&sitemap]["sitemap"], kind, "{path}");
        assert_eq!(records[&sitemap]["reason"], Value::Null, "{path}");
        assert_eq!(records.len(), pages.len() + sitemaps, "{path}");
        for page in &pages {
            assert_eq!(records[page]["depth"], 1, "{path}: {page}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sitemap_redirects_to_is_one() {
    let server = islands().await;
    let (job, sitemap) = (Job::new(), world::url(&server, 0, "/sitemaps/moved"));
    let records = records(&job, crawl(&job, &sitemap, &["--no-sitemaps"])).await;
    assert_eq!(records[&sitemap]["fate"], "redirected");
    let index = world::url(&server, 0, "/sitemaps/index.xml");
    assert_eq!(records[&index]["sitemap"], "index");
    assert_eq!(records.len(), pages(&server).len() + 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_sitemap_says_why_in_its_record() {
    let server = islands().await;
    let bad = [
        ("/sitemaps/doctype.xml", "sitemap-doctype", 0),
        ("/sitemaps/bomb.xml.gz", "sitemap-too-long", 0),
        ("/sitemaps/broken.xml", "sitemap-invalid", 20),
        ("/site/page/0", "sitemap-invalid", 0),
        ("/nowhere.xml", "sitemap-missing", 0),
    ];
    for (path, reason, least) in bad {
        let (job, sitemap) = (Job::new(), world::url(&server, 0, path));
        let crawler = crawl(&job, &sitemap, &["--no-sitemaps"]);
        let ended = crawler.ended_within(world::LONG).await;
        // That of which something is taken was read.
        let (code, fate) = if least > 0 {
            (0, "listed")
        } else {
            (1, "failed")
        };
        assert_eq!(ended.code(), code, "{path}: {}", ended.stderr);
        let records = job.records();
        assert_eq!(records[0]["url"], sitemap);
        assert_eq!(records[0]["fate"], fate, "{path}");
        assert_eq!(records[0]["reason"], reason, "{path}");
        if code == 1 {
            let told = format!("1 failed ({reason}), the first: {sitemap}");
            assert!(ended.stderr.contains(&told), "{}", ended.stderr);
        }
        let pages = records.len() - 1;
        assert!(
            (least..pages_at_most(least)).contains(&pages),
            "{path}: {pages}"
        );
    }
    server.stop().await;
}

/// Returns how many pages there are less than where nothing, or not all, is taken.
fn pages_at_most(least: usize) -> usize {
    if least == 0 {
        1
    } else {
        usize::try_from(ISLANDS.open()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_that_name_each_other_end() {
    let server = islands().await;
    let (job, sitemap) = (Job::new(), world::url(&server, 0, "/sitemaps/cycle/a"));
    let cycle = records(&job, crawl(&job, &sitemap, &["--no-sitemaps"])).await;
    assert_eq!(cycle.len(), 2);

    let (job, sitemap) = (Job::new(), world::url(&server, 0, "/sitemaps/deep/0"));
    let deep = records(&job, crawl(&job, &sitemap, &["--no-sitemaps"])).await;
    let reasons: Vec<_> = deep
        .values()
        .map(|record| record["reason"].as_str())
        .collect();
    assert_eq!(reasons, [None, None, None, Some("sitemap-depth")]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_another_host_are_left_out_and_counted() {
    let server = islands().await;
    let (job, sitemap) = (Job::new(), world::url(&server, 0, "/sitemaps/foreign.xml"));
    let flags = ["--no-sitemaps", "--scope", "any", "--allow-private"];
    let ended = crawl(&job, &sitemap, &flags).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("sitemap-foreign"), "{}", ended.stderr);
    let page = world::url(&server, 0, "/site/page/1");
    let urls: Vec<_> = job.urls().into_keys().collect();
    assert_eq!(urls, [page, sitemap]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_keep_its_sitemap_at_another_host_that_its_robots_txt_names() {
    let files: Arc<OnceLock<[&'static [u8]; 2]>> = Arc::default();
    let served = Arc::clone(&files);
    let server = Scripted::start(move |path, _| match (path, served.get()) {
        ("/robots.txt", Some([robots, _])) => Answer::Raw(robots),
        ("/s.xml", Some([_, sitemap])) => Answer::Raw(sitemap),
        _ => Answer::Status(200, "content-type: text/plain\r\n"),
    })
    .await;
    // One server by two names is two hosts: the second has the sitemap of the first.
    let elsewhere = server.url().to_owned();
    let host = elsewhere.replace("127.0.0.1", "localhost");
    let file = |content_type: &str, body: &str| -> &'static [u8] {
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {content_type}\r\n\r\n");
        (head + body).into_bytes().leak()
    };
    let robots = file("text/plain", &format!("Sitemap: {elsewhere}/s.xml"));
    let entry = |url: &str| format!("<url><loc>{url}</loc></url>");
    let entries = entry(&format!("{host}/named")) + &entry(&format!("{elsewhere}/out-of-scope"));
    let sitemap = file("text/xml", &format!("<urlset>{entries}</urlset>"));
    files.set([robots, sitemap]).unwrap();

    let (job, seed) = (Job::new(), format!("{host}/"));
    let flags = ["--allow-private", "--delay", "1ms"];
    let records = records(&job, job.crawl(&seed, &flags)).await;
    let urls: Vec<_> = records.keys().cloned().collect();
    let expected = [format!("{elsewhere}/s.xml"), seed, format!("{host}/named")];
    assert_eq!(urls, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_a_page_links_to_is_read_and_leads_no_less_deep_than_a_page() {
    let server = islands().await;
    let (job, seed) = (Job::new(), world::url(&server, 0, "/sitemaps/"));
    let flags = ["--no-sitemaps", "--exclude", "large|txt|gz"];
    let records = records(&job, job.crawl(&seed, &flags)).await;
    let feed = world::url(&server, 0, "/sitemaps/rss.xml");
    assert_eq!(
        (&records[&feed]["sitemap"], &records[&feed]["depth"]),
        (&"rss".into(), &1.into())
    );
    for page in pages(&server) {
        assert_eq!(records[&page]["depth"], 2, "{page}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_urls_come_in_and_the_budget_and_the_sitemap_are_kept() {
    let server = islands().await;
    let (job, sitemap) = (Job::new(), world::url(&server, 0, "/sitemaps/large.xml"));
    let crawler = crawl(&job, &sitemap, &["--no-sitemaps", "--pages", "3"]);
    let (ended, peak) = crawler.ended_with_peak(world::LONG).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    println!("the most memory: {} MiB", peak >> 20);
    assert!(peak < 160 << 20, "{} MiB", peak >> 20);
    let records = job.records();
    assert_eq!(records[0]["url"], sitemap);
    assert_eq!(records[0]["links"], 50_000);
    let folder = job.folder();
    let status = ["status", text(&folder), "--json"];
    let status = Crawler::start(&status).ended().await.stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["known"], 50_001, "{status}");

    let ended = job.resume(&["--pages", "5"]).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(job.records().len(), records.len() + 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_pages_is_spent_on_pages_and_first_on_the_seed() {
    let server = islands().await;
    let seed = world::url(&server, 0, "/site/page/0");
    for (pages, sitemaps) in [(1, 0), (3, 2)] {
        let (job, budget) = (Job::new(), pages.to_string());
        let ended = job.crawl(&seed, &["--pages", &budget]).ended().await;
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        let records = job.records();
        assert_eq!(records[0]["url"], seed);
        let count = |fate| {
            records
                .iter()
                .filter(|record| record["fate"] == fate)
                .count()
        };
        assert_eq!((count("fetched"), count("listed")), (pages, sitemaps));
        let told = format!("sitemaps read{sitemaps:>31}");
        assert_eq!(
            ended.stderr.contains(&told),
            sitemaps > 0,
            "{}",
            ended.stderr
        );
    }
    server.stop().await;
}
