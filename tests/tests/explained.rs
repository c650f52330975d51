//! Why a URL was fetched or not, and how far a job has come: asked of the program, of jobs that ended and that run.

use std::path::Path;

use serde_json::Value;
use slow_api::WebOptions;
use tests::{Crawler, SlowApi, text};

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("each is JSON")
}

/// Runs the program to its end, which must be a good one.
async fn told(args: &[&str]) -> String {
    let ended = Crawler::start(args).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    ended.stdout
}

#[tokio::test]
async fn an_explanation_is_what_was_recorded_and_the_rules_say_the_same_again() {
    let web = SlowApi::start(&["--pages", "2000", "--page-bytes", "500"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let job = folder.path().join("job");
    let site = format!("{}/site/", web.url());
    told(&["crawl", &site, "--job", text(&job), "--quiet"]).await;
    let records = std::fs::read_to_string(job.join("pages.jsonl")).expect("they are there");
    let refused: Vec<_> = lines(&records)
        .into_iter()
        .filter(|record| record["fate"] == "refused")
        .take(1_000)
        .collect();
    assert_eq!(refused.len(), 1_000);
    let urls = refused
        .iter()
        .map(|record| record["url"].as_str().expect("a URL"));
    let args: Vec<_> = ["explain", "--json", "--job", text(&job)]
        .into_iter()
        .chain(urls)
        .collect();
    let explained = lines(&told(&args).await);
    assert_eq!(explained.len(), refused.len());
    for (explained, record) in explained.iter().zip(&refused) {
        assert_eq!(explained["record"], *record);
        assert_eq!(explained["reason"], record["reason"]);
        let rules = explained["rules"].as_array().expect("rules");
        let first = rules
            .iter()
            .find(|rule| rule["refuses"].is_string())
            .expect("one refuses");
        assert_eq!(
            (&first["refuses"], &first["message"]),
            (&record["reason"], &record["message"])
        );
    }
}

#[tokio::test]
async fn a_url_that_was_never_seen_is_judged_by_the_rules_of_the_job() {
    let web = SlowApi::start(&["--pages", "20", "--page-bytes", "500"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let job = folder.path().join("job");
    let site = format!("{}/site/", web.url());
    let args = [
        "crawl",
        &site,
        "--job",
        text(&job),
        "--quiet",
        "--exclude",
        "never",
    ];
    told(&args).await;
    let here = |path: &str| format!("{}{path}", web.url());
    let check = async |url: &str, reason: Value, message: &str| {
        let explained = told(&["explain", url, "--json", "--job", text(&job)]).await;
        let explained = &lines(&explained)[0];
        assert_eq!(
            (&explained["stands"], &explained["reason"]),
            (&"never seen".into(), &reason),
            "{explained}"
        );
        assert!(explained.to_string().contains(message), "{explained}");
        let in_words = told(&["explain", url, "--job", text(&job)]).await;
        assert!(in_words.contains(message), "{in_words}");
    };
    check(
        "http://example.com/",
        "scope-site".into(),
        "a site that no seed has",
    )
    .await;
    check(&here("/never"), "scope-excluded".into(), "never").await;
    check(&here("/a/a/a/a"), "trap-segment".into(), "more than").await;
    check(
        &here("/site/private/x"),
        "robots-disallowed".into(),
        "Disallow: /site/private",
    )
    .await;
    check(&here("/elsewhere"), Value::Null, "allowed").await;
    check("mailto:ann@example.com", "url-scheme".into(), "http").await;

    let fetched = told(&["explain", &here("/site/page/1"), "--job", text(&job)]).await;
    assert!(fetched.contains("recorded  fetched at"), "{fetched}");
    let status = told(&["status", text(&job)]).await;
    assert!(status.starts_with("done: 19 fetched"), "{status}");
}

/// A crawl of 60 pages that takes some seconds, and has its first record.
struct Begun {
    web: SlowApi,
    folder: tempfile::TempDir,
    crawler: Crawler,
}

impl Begun {
    async fn new() -> Self {
        let site = ["--pages", "60", "--page-bytes", "500"];
        let web = SlowApi::start(&[&site[..], &["--page-delay-ms", "100"]].concat()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let job = folder.path().join("job");
        let site = format!("{}/site/", web.url());
        let args = [
            "crawl",
            &site,
            "--job",
            text(&job),
            "--concurrency",
            "2",
            "--quiet",
        ];
        let crawler = Crawler::start(&args);
        let pages = job.join("pages.jsonl");
        tests::until("a first record", async || {
            let records = std::fs::read_to_string(&pages).unwrap_or_default();
            (!records.is_empty()).then_some(())
        })
        .await;
        Self {
            web,
            folder,
            crawler,
        }
    }
}

#[tokio::test]
async fn a_job_is_watched_while_it_runs_until_it_is_done() {
    let Begun {
        web: _web,
        folder,
        crawler,
    } = Begun::new().await;
    let job = folder.path().join("job");
    let queued = told(&["status", "--json", text(&job)]).await;
    assert_eq!(lines(&queued)[0]["state"], "running", "{queued}");
    let watched = lines(&told(&["status", "--watch", "--json", text(&job)]).await);
    assert!(watched.len() > 1, "{watched:?}");
    let (first, last) = (&watched[0], &watched[watched.len() - 1]);
    assert_eq!(
        (&first["state"], &last["state"]),
        (&"running".into(), &"done".into())
    );
    assert!(last["fetched"].as_u64() > first["fetched"].as_u64());
    assert!(watched[1]["pages_per_second"].is_number());
    assert_eq!(crawler.ended().await.code(), 0);
}

#[tokio::test]
async fn a_job_that_was_killed_is_stopped_and_watched_no_longer() {
    let Begun {
        web,
        folder,
        crawler,
    } = Begun::new().await;
    let job = folder.path().join("job");
    crawler.kill().await;
    let watched = told(&["status", "--watch", text(&job)]).await;
    assert!(watched.starts_with("stopped: "), "{watched}");
    assert_eq!(watched.lines().count(), 1);
    let status = lines(&told(&["status", "--json", text(&job)]).await);
    assert_eq!(status[0]["at_work"], false);
    assert_eq!(status[0]["state"], "stopped");
    let page = format!("{}/site/page/0", web.url());
    let twice = lines(&told(&["explain", &page, &page, "--json", "--job", text(&job)]).await);
    assert_eq!(twice[0], twice[1]);
}

#[tokio::test]
async fn a_job_that_is_not_there_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (command, named) in [
        (&["status"][..], &[][..]),
        (&["explain", "http://h/"], &["--job"]),
    ] {
        let job = folder.path().join("none");
        let args = [command, named, &[text(&job)]].concat();
        let ended = Crawler::start(&args).ended().await;
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("none"), "{}", ended.stderr);
        let mut program = tokio::process::Command::new(tests::program("crawler"));
        program.args(command).current_dir(folder.path());
        let ended = Crawler::spawn(&mut program).ended().await;
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("name its folder"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn several_jobs_are_listed_with_their_states_and_how_to_ask_for_one() {
    let web = SlowApi::start(&["--pages", "20", "--page-bytes", "500"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let page = format!("{}/site/page/1", web.url());
    for (job, pages) in [("crawl-a", "5"), ("crawl-b", "1000")] {
        let (job, flags) = (here.join(job), ["--quiet", "--pages", pages]);
        told(&[&["crawl", &page, "--job", text(&job)][..], &flags].concat()).await;
    }
    std::fs::create_dir(here.join("broken")).expect("room");
    std::fs::write(here.join("broken/crawl.db"), "no database").expect("room");
    let in_folder = async |folder: &Path, args: &[&str]| {
        let mut program = tokio::process::Command::new(tests::program("crawler"));
        program.args(args).current_dir(folder);
        Crawler::spawn(&mut program).ended().await
    };
    for (args, command) in [
        (&["status"][..], "crawler status broken"),
        (&["explain", &page], "crawler explain URL --job broken"),
        (&["resume"], "crawler resume broken"),
        (&["export"], "crawler export broken"),
    ] {
        let ended = in_folder(here, args).await;
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        let jobs = "\n  broken  can't be read\n  crawl-a  stopped\n  crawl-b  done\n";
        for words in [jobs, command] {
            assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        }
    }
    // In the folder of a job that one is meant, and beside a single one that.
    let ended = in_folder(&here.join("crawl-a"), &["resume", "--pages", "1"]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    for job in ["broken", "crawl-a"] {
        std::fs::remove_dir_all(here.join(job)).expect("it is there");
    }
    let ended = in_folder(here, &["resume"]).await;
    let told = "the job in crawl-b is done";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let ended = in_folder(&here.join("crawl-b"), &["status"]).await;
    assert!(ended.stdout.starts_with("done: "), "{}", ended.stderr);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_fetched_and_asks_for_nothing() {
    let web = tests::web::start(WebOptions::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (list, job) = (folder.path().join("list"), folder.path().join("job"));
    let [page, site] = ["/site/page/1", "/site/"].map(|path| tests::web::url(&web, 0, path));
    std::fs::write(&list, format!("{page}\nno url\nhttp://10.0.0.1/admin\n")).expect("room");
    let exclude = ["--exclude", "/page/1$", "--dry-run", "--job", text(&job)];
    let crawl = [&["crawl", &site, &page][..], &exclude].concat();
    let ended = Crawler::start(&crawl).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[0], format!("fetch   {site}"));
    let refused = format!("refuse  {page}  scope-excluded: ");
    assert!(lines[1].starts_with(&refused), "{}", ended.stdout);
    assert!(!job.exists(), "nothing is made");
    let sitemap = tests::web::url(&web, 0, "/sitemap.xml");
    let flags = [
        "--sitemap",
        &sitemap,
        "--sitemap",
        "http://10.0.0.1/map.xml",
    ];
    let ended = Crawler::start(&[&crawl[..], &flags].concat()).ended().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[0], format!("fetch   {sitemap}"));
    assert_eq!(lines.len(), 4, "{}", ended.stdout);
    let listed = Crawler::start(&["--urls", text(&list), "--dry-run"])
        .ended()
        .await;
    assert_eq!(listed.code(), 0, "{}", listed.stderr);
    assert!(
        listed.stderr.contains("2 URLs would be fetched"),
        "{}",
        listed.stderr
    );
    assert!(
        listed.stdout.contains("refuse  line 2"),
        "{}",
        listed.stdout
    );
    let asked = web
        .web_stats()
        .hosts
        .values()
        .map(|host| host.requests)
        .sum::<u64>();
    assert_eq!(asked, 0);
    let resumed = Crawler::start(&["resume", text(&job), "--dry-run"])
        .ended()
        .await;
    assert_eq!(resumed.code(), 2, "{}", resumed.stderr);
}
