//! What only SQLite promises: one process a crawl, files that are what they seem, and nothing lost to kill -9.

use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use crawler::frontier::{
    Frontier, FrontierError, Job, LEASE, Next, Site, SqliteOptions, SqliteReader, State,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::world::{Engine, Hand, World, fetched, names, page, pages, polite, seconds};

/// A frontier in a file.
pub(crate) struct File(TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("crawl.db")
    }
}

impl Engine for File {
    const LANES_OF_ONE_URL: bool = true;

    fn place() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn begin(&self, clock: Arc<Hand>, job: Job) -> Arc<dyn Frontier> {
        let options = SqliteOptions::default().clock(clock);
        Arc::new(options.create(&self.path(), job).await.unwrap())
    }

    async fn reopen(&self, clock: Arc<Hand>) -> Arc<dyn Frontier> {
        let options = SqliteOptions::default().clock(clock);
        // One that was dropped lets go of its file soon.
        let opened = tests::until("the crawl is let go of", async || {
            match options.open(&self.path()).await {
                Err(FrontierError::Held { .. }) => None,
                opened => Some(opened.unwrap()),
            }
        });
        Arc::new(opened.await)
    }
}

/// A frontier in memory, whose crashes lose nothing, for there are none.
pub(crate) struct Memory;

impl Engine for Memory {
    const LANES_OF_ONE_URL: bool = true;

    fn place() -> Self {
        Self
    }

    async fn begin(&self, clock: Arc<Hand>, job: Job) -> Arc<dyn Frontier> {
        let options = SqliteOptions::default().clock(clock);
        Arc::new(options.in_memory(job).await.unwrap())
    }

    async fn reopen(&self, _: Arc<Hand>) -> Arc<dyn Frontier> {
        unreachable!("no program for it crashes");
    }
}

/// Tries to begin and to resume what is in a file, which must both fail, and returns how.
async fn refusals(path: &Path) -> [FrontierError; 2] {
    let options = SqliteOptions::default();
    let begun = options.create(path, Job::default()).await;
    [begun.unwrap_err(), options.open(path).await.unwrap_err()]
}

fn folder_and_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crawl.db");
    (folder, path)
}

#[tokio::test]
async fn a_crawl_that_is_not_there_is_not_resumed_and_leaves_nothing() {
    let (folder, path) = folder_and_path();
    let missing = SqliteOptions::default().open(&path).await.unwrap_err();
    assert!(
        matches!(missing, FrontierError::Missing { .. }),
        "{missing}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("no/crawl.db");
    let options = SqliteOptions::default();
    let created = options.create(&nowhere, Job::default()).await;
    let created = created.unwrap_err();
    assert!(matches!(created, FrontierError::File { .. }), "{created}");
}

#[tokio::test]
async fn a_crawl_that_is_there_is_replaced_only_when_told() {
    let (_folder, path) = folder_and_path();
    let options = SqliteOptions::default();
    let first = options.create(&path, Job::default()).await.unwrap();
    first.add(pages(&polite("h"), 3)).await.unwrap();
    first.close().await.unwrap();
    let again = options.create(&path, Job::default()).await.unwrap_err();
    assert!(matches!(again, FrontierError::Exists { .. }), "{again}");
    let fresh = options.replace(&path, Job::default()).await.unwrap();
    assert_eq!(fresh.stats().await.unwrap().known, 0);
}

#[tokio::test]
async fn a_file_that_is_no_frontier_is_refused_and_left_as_it_was() {
    let (_folder, path) = folder_and_path();
    for garbage in [&b"not a database, but a letter"[..], &[0xff; 8192]] {
        fs::write(&path, garbage).unwrap();
        for refused in refusals(&path).await {
            let text = refused.to_string();
            assert!(matches!(refused, FrontierError::Corrupt { .. }), "{text}");
            assert!(
                text.contains("crawl.db") && text.contains("--fresh"),
                "{text}"
            );
        }
        assert_eq!(fs::read(&path).unwrap(), garbage);
    }
}

#[tokio::test]
async fn a_database_of_another_program_or_of_a_newer_one_is_refused() {
    let (_folder, path) = folder_and_path();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE notes(text)").unwrap();
    for refused in refusals(&path).await {
        assert!(
            matches!(refused, FrontierError::Foreign { .. }),
            "{refused}"
        );
    }
    drop(other);
    fs::remove_file(&path).unwrap();

    let options = SqliteOptions::default();
    let ours = options.create(&path, Job::default()).await.unwrap();
    ours.close().await.unwrap();
    let later = rusqlite::Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    for refused in refusals(&path).await {
        let is_newer = matches!(refused, FrontierError::Newer { found: 99, .. });
        assert!(is_newer, "{refused}");
    }
    later.pragma_update(None, "user_version", 1).unwrap();
    for refused in refusals(&path).await {
        let is_older = matches!(refused, FrontierError::Older { found: 1, .. });
        assert!(is_older, "{refused}");
    }
}

#[tokio::test]
async fn a_crawl_of_the_layout_before_goes_on_and_its_sites_rest_as_long_as_before() {
    let mut world = World::<File>::new().await;
    world.add(pages(&polite("h"), 2)).await;
    let lease = world.lease().await;
    world
        .settle(vec![fetched(lease).resting(seconds(3_600))])
        .await;
    world.frontier.close().await.unwrap();
    let path = world.engine().path();
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch("DROP INDEX site_suspect; ALTER TABLE site DROP COLUMN asked; ALTER TABLE site DROP COLUMN again_ms; ALTER TABLE site DROP COLUMN rest_ms; ALTER TABLE crawl DROP COLUMN log; PRAGMA user_version = 4")
        .unwrap();
    drop(older);
    let seen = SqliteReader::open(&path).unwrap().stats().unwrap();
    assert_eq!(seen.queued, 1, "it is read as it is");
    for _open in 0..2 {
        world = world.crash().await;
        assert_eq!(world.next().await, Next::After(seconds(3_600)));
    }
}

#[tokio::test]
async fn a_file_that_was_cut_is_refused() {
    let (_folder, path) = folder_and_path();
    let options = SqliteOptions::default();
    let frontier = options.create(&path, Job::default()).await.unwrap();
    frontier.add(pages(&polite("h"), 2_000)).await.unwrap();
    frontier.close().await.unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let cut = options.open(&path).await.unwrap_err();
    assert!(matches!(cut, FrontierError::Corrupt { .. }), "{cut}");
}

#[tokio::test]
async fn a_begin_that_was_killed_is_begun_again() {
    let (_folder, path) = folder_and_path();
    fs::write(&path, "").unwrap();
    let options = SqliteOptions::default();
    let missing = options.open(&path).await.unwrap_err();
    assert!(
        matches!(missing, FrontierError::Missing { .. }),
        "{missing}"
    );
    let begun = options.create(&path, Job::default()).await;
    assert!(begun.is_ok(), "{begun:?}");
}

#[tokio::test]
async fn the_image_of_a_running_crawl_holds_all_that_was_answered() {
    let world = World::<File>::new().await;
    world.add(pages(&polite("h"), 3)).await;
    world.frontier.seeded().await.unwrap();
    let lease = world.lease().await;
    let link = page(&polite("h"), 9);
    world.settle(vec![fetched(lease).with_links([link])]).await;
    let (_folder, copy) = folder_and_path();
    for ending in ["", "-wal"] {
        let file = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        fs::copy(file(&world.engine().path()), file(&copy)).unwrap();
    }
    let seen = SqliteReader::open(&copy).unwrap().stats().unwrap();
    assert_eq!((seen.known, seen.queued, seen.fetched), (4, 3, 1));
    let options = SqliteOptions::default().clock(Arc::clone(&world.clock) as _);
    let opened = options.open(&copy).await.unwrap();
    assert_eq!(opened.stats().await.unwrap(), seen);
}

/// Starts a process that crawls a tree of this many pages, and returns the URLs it settled before it is killed.
async fn killed_after(path: &Path, pages: usize, lines: usize) -> Vec<String> {
    let mut worker = Command::new(tests::program("frontier-worker"))
        .args([path.as_os_str(), pages.to_string().as_ref()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it is built with the tests");
    let mut stdout = BufReader::new(worker.stdout.take().unwrap()).lines();
    let mut settled = Vec::new();
    while settled.len() < lines {
        let line = stdout.next_line().await.unwrap();
        settled.push(line.expect("it goes on until it is killed"));
    }
    let held = SqliteOptions::default().open(path).await.unwrap_err();
    assert!(
        matches!(held, FrontierError::Held { pid, .. } if pid == worker.id()),
        "{held}"
    );
    worker.kill().await.unwrap();
    while let Some(line) = stdout.next_line().await.unwrap() {
        settled.push(line);
    }
    settled
}

#[tokio::test]
async fn a_process_keeps_others_out_and_its_kill_loses_nothing_it_settled() {
    const PAGES: usize = 3_000;
    let (_folder, path) = folder_and_path();
    let mut settled = Vec::new();
    for lines in [40, 1, 200] {
        settled.extend(killed_after(&path, PAGES, lines).await);
    }
    let frontier = SqliteOptions::default().open(&path).await.unwrap();
    let before = frontier.stats().await.unwrap();
    assert_eq!(before.leased, 0);
    assert!(before.fetched >= settled.len() as u64, "{before:?}");
    loop {
        let claims = frontier.claim(500).await.unwrap();
        if claims.next == Next::Done {
            break;
        }
        settled.extend(names(&claims.leases));
        let outcomes = claims.leases.into_iter().map(tests::tree_page(PAGES));
        frontier.settle(outcomes.collect(), vec![]).await.unwrap();
    }
    let after = frontier.stats().await.unwrap();
    assert_eq!((after.state, after.queued), (State::Done, 0));
    assert_eq!((after.known, after.fetched), (PAGES as u64, PAGES as u64));
    // The one settle that was not yet told when it was killed may be missing here, and nothing be here twice.
    let count = settled.len();
    settled.sort();
    settled.dedup();
    assert_eq!(settled.len(), count, "a URL was settled twice");
}

#[tokio::test]
async fn all_places_are_at_work_up_to_the_end_whatever_comes_back_first() {
    const PAGES: usize = 300;
    const PLACES: usize = 20;
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let world = World::<Memory>::new().await;
    let site = Site::unlimited("h").in_lanes(NonZeroU16::new(80).unwrap());
    world.add(pages(&site, PAGES)).await;
    let mut in_flight = Vec::new();
    for left in (1..=PAGES).rev() {
        in_flight.extend(world.leases(PLACES - in_flight.len()).await);
        assert_eq!(in_flight.len(), PLACES.min(left), "with {left} left");
        let back = in_flight.swap_remove(random.random_range(..in_flight.len()));
        world.finish([back]).await;
    }
}

/// The layout before had a table of lanes by hashes.
#[tokio::test]
async fn a_crawl_whose_lanes_were_by_hash_goes_on_and_blames_no_url_for_a_lane() {
    let mut world = World::<File>::new().await;
    let site = Site::unlimited("h");
    world.add(pages(&site, 5)).await;
    world.frontier.close().await.unwrap();
    let older = rusqlite::Connection::open(world.engine().path()).unwrap();
    older
        .execute_batch(
            "DROP TABLE lane; DROP INDEX site_suspect; ALTER TABLE site DROP COLUMN asked;
             CREATE TABLE lane(
                 site INTEGER NOT NULL, lane INTEGER NOT NULL, token INTEGER NOT NULL, held INTEGER NOT NULL,
                 until INTEGER NOT NULL, lost INTEGER NOT NULL, suspect INTEGER NOT NULL, alone INTEGER NOT NULL,
                 PRIMARY KEY (site, lane)
             ) STRICT, WITHOUT ROWID;
             INSERT INTO lane SELECT site, seq, 7, 1, 0, 5, seq, 2 FROM queue;
             ALTER TABLE crawl DROP COLUMN log; PRAGMA user_version = 5",
        )
        .unwrap();
    drop(older);
    world = world.crash().await;
    let leases = world.leases(10).await;
    assert!(leases.iter().all(|lease| lease.lost == 0), "{leases:?}");
    assert_eq!(leases.len(), 5);
    world.finish(leases).await;
    world.frontier.seeded().await.unwrap();
    assert_eq!(world.crash().await.next().await, Next::Done);
}

#[tokio::test]
async fn what_was_lost_before_is_leased_for_a_place_and_not_ahead_of_one() {
    for lanes in [1, 4] {
        let world = World::<Memory>::new().await;
        let site = Site::unlimited("h").in_lanes(NonZeroU16::new(lanes).unwrap());
        let ahead = async |count| {
            let claims = world.frontier.claim_ahead(0, count).await.unwrap();
            claims.leases
        };
        world.add([page(&site, 1)]).await;
        assert_eq!(ahead(9).await.len(), 1, "of {lanes}");
        world.clock.forward(LEASE);
        assert_eq!(ahead(9).await, [], "of {lanes}");
        let lease = world.lease().await;
        world.finish([lease]).await;
        world.add([page(&site, 2)]).await;
        assert_eq!(ahead(9).await.len(), 1, "of {lanes}");
    }
}

#[tokio::test]
async fn what_one_process_is_allowed_holds_for_it_alone_and_is_taken_of_the_budget() {
    let job = |pages| Job {
        pages,
        bytes: pages,
        ..Job::default()
    };
    let check = async |begun, allowed: Option<u64>, left| {
        let world = World::<File>::with(job(begun)).await;
        world.add(pages(&Site::unlimited("h"), 10)).await;
        world.frontier.allow(allowed).await.unwrap();
        world.frontier.allow_bytes(allowed).await.unwrap();
        let stats = world.frontier.stats().await.unwrap();
        assert_eq!((stats.pages_left, stats.bytes_left), (allowed, allowed));
        let leases = world.leases(3).await;
        let fetched = leases.into_iter().map(|lease| fetched(lease).read(1));
        world.settle(fetched.collect()).await;
        let world = world.restart().await;
        let job = world.frontier.job().await.unwrap();
        assert_eq!((job.pages, job.bytes), (left, left));
    };
    check(None, Some(5), None).await;
    check(Some(10), Some(5), Some(7)).await;
    check(Some(2), Some(5), Some(0)).await;
    check(Some(10), None, Some(7)).await;
}

#[tokio::test]
async fn what_is_on_lease_when_it_is_closed_is_no_loss_however_often() {
    for site in [polite("h"), Site::unlimited("h")] {
        let mut world = World::<File>::new().await;
        world.add([page(&site, 1)]).await;
        for _time in 0..10 {
            let lease = world.lease().await;
            assert_eq!((lease.lost, lease.attempts), (0, 0), "{site:?}");
            world = world.restart().await;
            let due = world.leases(1).await;
            assert_eq!(
                due.is_empty(),
                !site.delay().is_zero(),
                "it was being asked"
            );
            world.frontier.release(due).await.unwrap();
            world.clock.forward(site.delay());
        }
    }
}
