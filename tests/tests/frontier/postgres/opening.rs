//! What is found when a crawl is opened, and what is told when it can't be.

use std::error::Error;

use crawler::frontier::{Frontier, FrontierError, Job, Next, PostgresOptions};
use futures::future::join_all;
use tests::Postgres;

use super::{Crawl, number};
use crate::world::{fetched, page, pages, polite, seconds};

/// Returns all that an error tells, its causes with it.
fn told(error: &FrontierError) -> String {
    let mut told = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&format!(": {error} {error:?}"));
        cause = error.source();
    }
    told
}

#[tokio::test]
async fn a_crawl_is_begun_once_and_resumed_by_its_name() {
    let crawl = Crawl::new();
    let options = crawl.options();
    let missing = options.open().await.unwrap_err();
    assert!(
        matches!(missing, FrontierError::Missing { .. }),
        "{missing}"
    );
    let job = Job {
        config: "depth = 3".to_owned(),
        pages: Some(7),
        bytes: Some(9_000),
    };
    let begun = options.create(job.clone()).await.unwrap();
    begun.add(pages(&polite("h"), 3)).await.unwrap();
    let again = options.create(Job::default()).await.unwrap_err();
    assert!(matches!(again, FrontierError::Exists { .. }), "{again}");
    let joined = options.open().await.unwrap();
    assert_eq!(joined.job().await.unwrap(), job);
    assert_eq!(joined.stats().await.unwrap().known, 3);
    let other = Crawl::new().create().await;
    assert_eq!(other.stats().await.unwrap().known, 0, "it is another's");
}

/// Without the lock of the crawl the second of two that begin at once fails in the middle of its tables.
#[tokio::test]
async fn of_several_that_begin_at_once_one_does_and_all_can_join() {
    let crawl = Crawl::new();
    let options = crawl.options();
    let begun = join_all((0..6).map(|_| options.create(Job::default()))).await;
    assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 1);
    for refused in begun.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, FrontierError::Exists { .. }), "{refused}");
    }
    for joined in join_all((0..6).map(|_| options.open())).await {
        joined.unwrap();
    }
}

#[tokio::test]
async fn who_works_on_a_crawl_that_is_begun_anew_is_told_so_and_adds_nothing_to_it() {
    let crawl = Crawl::new();
    let old = crawl.create().await;
    old.add(pages(&polite("h"), 2)).await.unwrap();
    let fresh = crawl.options().replace(Job::default()).await.unwrap();
    for told in [
        old.add(vec![page(&polite("h"), 9)]).await.map(drop),
        old.claim(1).await.map(drop),
        old.stats().await.map(drop),
    ] {
        let told = told.unwrap_err();
        assert!(matches!(told, FrontierError::Missing { .. }), "{told}");
    }
    assert_eq!(fresh.stats().await.unwrap().known, 0);
}

#[tokio::test]
async fn a_crawl_of_a_newer_program_is_refused() {
    let crawl = Crawl::new();
    let at_work = crawl.create().await;
    let raw = crawl.raw().await;
    raw.batch_execute("UPDATE crawl SET layout = 99")
        .await
        .unwrap();
    let options = crawl.options();
    for refused in [
        options.open().await.map(drop),
        options.create(Job::default()).await.map(drop),
        // A newer node may come while an older one is at work.
        at_work.claim(1).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        let is_newer = matches!(refused, FrontierError::Newer { found: 99, .. });
        assert!(is_newer, "{refused}");
        assert!(refused.to_string().contains("layout 99"), "{refused}");
    }
}

#[tokio::test]
async fn a_crawl_of_an_older_program_goes_on_and_its_sites_rest_as_long_as_before() {
    let crawl = Crawl::new();
    let old = crawl.create().await;
    old.add(pages(&polite("h"), 2)).await.unwrap();
    let lease = old.claim(1).await.unwrap().leases.remove(0);
    let rested = fetched(lease).resting(seconds(3_600));
    old.settle(vec![rested], vec![]).await.unwrap();
    old.close().await.unwrap();
    let raw = crawl.raw().await;
    let before = "ALTER TABLE site_lane DROP COLUMN rest_ms; UPDATE crawl SET layout = 1";
    raw.batch_execute(before).await.unwrap();
    let opened = crawl.options().alone().open().await.unwrap();
    assert_eq!(number(&raw, "SELECT layout::bigint FROM crawl").await, 2);
    let Next::After(wait) = opened.claim(1).await.unwrap().next else {
        panic!("it rests");
    };
    assert!(wait > seconds(3_500) && wait <= seconds(3_600), "{wait:?}");
}

#[tokio::test]
async fn a_password_is_used_and_never_told() {
    let server = Postgres::shared();
    let name = Postgres::crawl_name();
    let right = server.tcp_url(Postgres::PASSWORD);
    let right = PostgresOptions::new(&right, &name).unwrap();
    let frontier = right.create(Job::default()).await.unwrap();
    let shown = format!("{right:?} {frontier:?}");
    assert!(!shown.contains(Postgres::PASSWORD), "{shown}");

    let wrong = PostgresOptions::new(&server.tcp_url("not-the-w0rd"), &name).unwrap();
    let refused = wrong.open().await.unwrap_err();
    let told = told(&refused);
    assert!(matches!(refused, FrontierError::Refused { .. }), "{told}");
    assert!(!told.contains("not-the-w0rd"), "{told}");
    assert!(told.contains("password authentication failed"), "{told}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_place() {
    let nowhere = "postgres://me:pass-w0rd@127.0.0.1:1/web";
    let options = PostgresOptions::new(nowhere, "news").unwrap();
    let away = options.open().await.unwrap_err();
    let told = told(&away);
    assert!(away.is_temporary(), "{told}");
    assert!(
        told.contains("crawl news in postgres://127.0.0.1:1/web"),
        "{told}"
    );
    assert!(!told.contains("pass-w0rd"), "{told}");
}

#[tokio::test]
async fn encryption_that_is_asked_for_and_not_to_be_had_is_refused() {
    let server = Postgres::shared();
    let name = Postgres::crawl_name();
    let plain = server.tcp_url(Postgres::PASSWORD);
    for mode in ["require", "verify-full"] {
        let options = PostgresOptions::new(&format!("{plain}?sslmode={mode}"), &name).unwrap();
        let refused = options.create(Job::default()).await.unwrap_err();
        assert!(!refused.is_temporary(), "{}", told(&refused));
    }
    for mode in ["disable", "prefer"] {
        let options = PostgresOptions::new(&format!("{plain}?sslmode={mode}"), &name).unwrap();
        options.replace(Job::default()).await.unwrap();
    }
}
