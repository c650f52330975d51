//! Outputs that are elsewhere by the time their crawl is resumed: nothing of them is lost, and nothing doubled.

use std::fs;
use std::path::Path;

use slow_api::{Server, WebOptions};
use tests::web::{assert_each_once, reachable, site, start, url};
use tests::{Crawler, Ended, archive, urls_in};

use crate::world::{Job, LONG, text};

const PAGES: u64 = 60;
const OUTPUTS: [&str; 3] = ["pages.jsonl", "pages.csv", "pages.warc.gz"];

/// Begins a crawl of some pages, whose outputs are beside its folder.
async fn begun(job: &Job) -> Server {
    let server = start(WebOptions {
        site: site(PAGES),
        ..WebOptions::default()
    })
    .await;
    let here = job.beside("here");
    fs::create_dir(&here).unwrap();
    let seed = url(&server, 0, "/site/page/0");
    let folder = here.join("job");
    let args = ["crawl", &seed, "--job", text(&folder), "--pages", "20"];
    let ended = run(
        &[&args[..], &["--warc-size", "20KiB"]].concat(),
        &here,
        &OUTPUTS,
    )
    .await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    server
}

async fn run(args: &[&str], folder: &Path, outputs: &[&str]) -> Ended {
    let paths: Vec<_> = outputs.iter().map(|name| folder.join(name)).collect();
    let outputs = paths.iter().flat_map(|path| ["-o", text(path)]);
    let args: Vec<_> = args.iter().copied().chain(outputs).collect();
    Crawler::start(&args).ended_within(LONG).await
}

async fn assert_whole(server: &Server, folder: &Path) {
    let pages = reachable(server, 0, &site(PAGES));
    let lines = fs::read_to_string(folder.join("pages.jsonl")).unwrap();
    assert_each_once(&urls_in(&lines), &pages);
    let rows = fs::read_to_string(folder.join("pages.csv")).unwrap();
    assert_eq!(rows.lines().count(), lines.lines().count() + 1);
    let archive = archive::read(&archive::files(folder, "pages")).await;
    let told = archive.iter().filter(|record| record.kind == "metadata");
    assert_eq!(told.count(), lines.lines().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_was_moved_with_its_outputs_goes_on_when_it_is_said_where_they_are() {
    let job = Job::new();
    let server = begun(&job).await;
    let there = job.beside("there");
    fs::rename(job.beside("here"), &there).unwrap();
    let folder = there.join("job");
    let resume = ["resume", text(&folder), "--pages", "1000"];
    let ended = run(&resume, &there, &[]).await;
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    for words in ["here/pages", "is gone", "-o"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert!(!folder.join("pages.jsonl").exists());

    let more = ["resume", text(&folder), "--pages", "10"];
    let ended = run(&more, &there, &OUTPUTS).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("takes its place"), "{}", ended.stderr);
    // From then on they are known.
    let ended = run(&resume, &there, &[]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_whole(&server, &there).await;
    let copy = run(&["export", text(&folder)], &there, &["copy.warc.gz"]).await;
    assert_eq!(copy.code(), 0, "{}", copy.stderr);
    let [own, copy] = ["pages", "copy"].map(|stem| archive::files(&there, stem).len());
    assert_eq!(own, copy);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_written_is_not_taken_for_an_output_that_was_moved() {
    let job = Job::new();
    let server = begun(&job).await;
    let (here, folder) = (job.beside("here"), job.beside("here/job"));
    let files = archive::files(&here, "pages");
    let resume = ["resume", text(&folder), "--pages", "1000"];
    for (own, name, foreign) in [
        (
            &here.join("pages.jsonl"),
            "pages.jsonl",
            vec![b'\n'; 1 << 20],
        ),
        (&here.join("pages.csv"), "pages.csv", vec![b'\n'; 1 << 20]),
        (&files[0], "pages-00000.warc.gz", vec![0; 1 << 20]),
    ] {
        let there = job.beside(&format!("there-{name}"));
        fs::create_dir(&there).unwrap();
        fs::write(there.join(name), &foreign).unwrap();
        // All that is known of the archive is to be gone.
        let gone = if name.contains("warc") {
            &files[..]
        } else {
            std::slice::from_ref(own)
        };
        let away: Vec<_> = gone
            .iter()
            .map(|file| file.with_extension("away"))
            .collect();
        for (file, away) in gone.iter().zip(&away) {
            fs::rename(file, away).unwrap();
        }
        let output = name.replace("-00000", "");
        let ended = run(&resume, &there, &[&output]).await;
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        let words = "this job has not written";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert!(fs::read(there.join(name)).unwrap() == foreign);
        for (file, away) in gone.iter().zip(&away) {
            fs::rename(away, file).unwrap();
        }
    }
    let ended = run(&resume, &here, &[]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_whole(&server, &here).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_whose_outputs_are_in_its_folder_is_moved_as_it_is() {
    let job = Job::new();
    let server = start(WebOptions {
        site: site(PAGES),
        ..WebOptions::default()
    })
    .await;
    let seed = url(&server, 0, "/site/page/0");
    let folder = job.folder();
    fs::create_dir(&folder).unwrap();
    let args = ["crawl", &seed, "--job", text(&folder), "--pages", "20"];
    let ended = run(&args, &folder, &OUTPUTS).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let there = job.beside("there");
    fs::rename(&folder, &there).unwrap();
    let resume = ["resume", text(&there), "--pages", "1000"];
    let ended = run(&resume, &there, &[]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_whole(&server, &there).await;
    server.stop().await;
}
