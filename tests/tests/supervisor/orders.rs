//! Orders of the supervisor that meet a child at a bad moment: they are obeyed once, and in time.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use stage::Restart::Permanent;
use stage::{
    Context, Exit, Handler, Intensity, Producer, Result, Strategy, Supervisor, producer_with,
    supervisor,
};
use tokio::time::{Instant, timeout};

use crate::worker::{Diary, Do, until, worker};

const SHUTDOWN: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn one_that_is_told_to_start_and_at_once_to_go_down_again_goes_down() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let [a, _b] = ["a", "b"].map(|name| worker(name, &workers, Permanent, &diary));
    diary.reads(&["a up", "b up"]).await;
    let told = Instant::now();
    a.cast(Do::Panic).unwrap();
    a.cast(Do::Panic).unwrap();
    until(|| diary.count("a up") == 2 && workers.children().iter().all(|child| child.is_running))
        .await;
    assert!(told.elapsed() < SHUTDOWN, "{:?}", told.elapsed());
    workers.stop().await;
}

/// Hangs in its last callback in its first life.
struct Lingering(Diary, usize);

impl Producer for Lingering {
    type Out = usize;
    async fn started(&mut self, _: &mut Context<usize>) -> Result {
        self.0.note("lingering up");
        Ok(())
    }
    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
    async fn stopping(&mut self, _: &Exit, _: &mut Context<usize>) {
        if self.1 == 0 {
            pending::<()>().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_callback_that_hangs_holds_its_group_up_no_longer_than_the_deadline() {
    let diary = Diary::default();
    let workers = supervisor(Strategy::OneForAll).spawn().unwrap();
    let a = worker("a", &workers, Permanent, &diary);
    diary.reads(&["a up"]).await;
    let (mut lives, noted) = (0, diary.clone());
    let _lingering = producer_with(move || {
        lives += 1;
        Lingering(noted.clone(), lives - 1)
    })
    .supervised_by(&workers, Permanent)
    .spawn()
    .unwrap();
    // The factory made the first of them.
    diary.reads(&["lingering up"]).await;
    let told = Instant::now();
    a.cast(Do::Panic).unwrap();
    diary.reads(&["a up", "lingering up"]).await;
    assert!(told.elapsed() <= SHUTDOWN + Duration::from_millis(10));
    workers.stop().await;
}

/// Blocks its thread when it is told to, and then panics.
struct Blocking(Arc<AtomicUsize>);

impl Producer for Blocking {
    type Out = usize;
    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<Duration, usize> for Blocking {
    type Reply = ();
    async fn handle(&mut self, time: Duration, _: &mut Context<usize>) {
        self.0.fetch_add(1, Relaxed);
        std::thread::sleep(time);
        panic!("on purpose");
    }
}

/// Whether all run, and have been restarted this often at least: a failure that comes late takes all along once more.
fn all_run(workers: &Supervisor, restarts: u64) -> bool {
    let children = workers.children();
    children
        .iter()
        .all(|child| child.is_running && child.restarts >= restarts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_after_its_time_is_over_is_down_once() {
    let diary = Diary::default();
    let often = Intensity::new(1_000, Duration::from_secs(1));
    let workers = supervisor(Strategy::OneForAll)
        .intensity(often)
        .spawn()
        .unwrap();
    let blocks = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&blocks);
    let blocking = producer_with(move || Blocking(Arc::clone(&counted)))
        .supervised_by(&workers, Permanent)
        .shutdown(Duration::from_millis(1))
        .spawn()
        .unwrap();
    let a = worker("a", &workers, Permanent, &diary);
    for round in 1..=50 {
        blocking.cast(Duration::from_millis(5)).unwrap();
        until(|| blocks.load(Relaxed) == round).await;
        a.cast(Do::Panic).unwrap();
        let restarts = u64::try_from(round).unwrap();
        let again = until(|| all_run(&workers, restarts));
        timeout(SHUTDOWN, again).await.expect("both run again");
    }
    workers.stop().await;
}

#[test]
fn a_supervisor_that_goes_with_its_runtime_is_seen_to_end() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let first = runtime();
    let workers = first.block_on(async { supervisor(Strategy::OneForOne).spawn().unwrap() });
    drop(first);
    let joined = runtime().block_on(async { timeout(SHUTDOWN, workers.join()).await });
    assert!(matches!(joined, Ok(Exit::Aborted)), "{joined:?}");
}

#[tokio::test(start_paused = true)]
async fn one_without_handle_and_child_ends_under_another_too() {
    let diary = Diary::default();
    let top = supervisor(Strategy::OneForOne).spawn().unwrap();
    let below = supervisor(Strategy::OneForOne)
        .supervised_by(&top, Permanent)
        .spawn()
        .unwrap();
    let a = worker("a", &below, Permanent, &diary);
    drop(below);
    a.stop().await;
    until(|| top.children().is_empty()).await;
    top.stop().await;
}
