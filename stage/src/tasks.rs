//! The tasks that a stage waits for: each has a place of its own, and all tell their ends in one list, which the stage
//! takes as a whole.
//!
//! A `JoinSet` has an entry, a waker and two locks for each task, and wakes its owner at every end: for tasks that end
//! soon that costs more than the tasks. Here a *quiet* end, a success that nobody waits for, is only counted, and the
//! stage says how many ends are worth a turn. Every other end wakes it at once.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use tokio::task::{AbortHandle, JoinHandle};

use crate::exit::{Result, StageError};

/// Ends heard in one turn of a stage; those behind them wait for the next one, so that a turn stays short.
pub(crate) const ENDS_MAX: usize = 64;

/// How a task ended.
#[derive(Debug)]
pub(crate) enum TaskEnd<T> {
    Done(T),
    Failed(StageError),
    /// With what it panicked.
    Panicked(Box<dyn Any + Send>),
    Aborted,
}

/// What the success of a task does to the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Success {
    Wakes,
    IsQuiet,
}

/// Where a task is found, until it is removed; then the place is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// A spawned task that has not been put into its place.
#[derive(Debug)]
#[must_use]
pub(crate) struct Spawned {
    place: Place,
    task: JoinHandle<()>,
}

impl Spawned {
    pub(crate) fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }
}

/// Tasks that come to a `T`, and a `V` of each; they are aborted when this is dropped.
///
/// Invariant: a place is taken from `spawn` to `remove`, so that no end is heard as another task's.
#[derive(Debug)]
pub(crate) struct Tasks<V, T> {
    places: Vec<Option<(JoinHandle<()>, V)>>,
    free: Vec<Place>,
    ends: Arc<Ends<T>>,
    /// Taken off the list, and not heard; so many of them succeeded.
    taken: VecDeque<(Place, TaskEnd<T>)>,
    taken_done: usize,
    /// Tasks whose end has not been heard.
    alive: usize,
    /// Tasks spawned since `poll_gathering` took the list.
    spawned: usize,
}

impl<V, T> Default for Tasks<V, T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            ends: Arc::default(),
            taken: VecDeque::new(),
            taken_done: 0,
            alive: 0,
            spawned: 0,
        }
    }
}

impl<V, T> Tasks<V, T> {
    /// Spawns a future, whose task then is to be put into its place. When its end is told, the future has been dropped.
    pub(crate) fn spawn<F>(&mut self, success: Success, future: F) -> Spawned
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            Place(self.places.len() - 1)
        });
        let report = Report {
            ends: Arc::clone(&self.ends),
            place,
            success,
            end: None,
        };
        self.alive += 1;
        self.spawned = self.spawned.saturating_add(1);
        // A runtime that shuts down drops the future here already.
        let task = tokio::spawn(Telling { future, report });
        Spawned { place, task }
    }

    /// Puts a task into its place.
    pub(crate) fn insert(&mut self, spawned: Spawned, value: V) {
        let Spawned { place, task } = spawned;
        debug_assert!(self.places[place.0].is_none(), "it was reserved");
        self.places[place.0] = Some((task, value));
    }

    /// Takes what is known of a task out of its place, which is free then.
    pub(crate) fn remove(&mut self, place: Place) -> Option<V> {
        let (_, value) = self.places[place.0].take()?;
        self.free.push(place);
        Some(value)
    }

    /// How many places are taken.
    pub(crate) const fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How many tasks have succeeded and have not been heard.
    pub(crate) fn done(&self) -> usize {
        self.ends.lock().done + self.taken_done
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &V> {
        self.places.iter().flatten().map(|(_, value)| value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&JoinHandle<()>, &mut V)> {
        let places = self.places.iter_mut().flatten();
        places.map(|(task, value)| (&*task, value))
    }

    pub(crate) fn abort_all(&self) {
        for (task, _) in self.places.iter().flatten() {
            task.abort();
        }
    }

    /// Takes the list of ends when one of them is not quiet, or there are `due_at` of them; `next` then gives them.
    /// Else the stage is woken when that is so. Once a task's end has been heard, it is for the owner to remove it.
    pub(crate) fn poll(&mut self, task: &Task<'_>, due_at: usize) -> Poll<()> {
        if !self.taken.is_empty() {
            return Poll::Ready(());
        }
        let mut list = self.ends.lock();
        list.due_at = due_at;
        if list.is_due() {
            self.taken_done += list.hand_over(&mut self.taken);
            return Poll::Ready(());
        }
        if !list
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(task.waker()))
        {
            list.waker = Some(task.waker().clone());
        }
        Poll::Pending
    }

    /// Takes the successes out of all ends there are, however few; the others stay for `next`.
    pub(crate) fn take_done(&mut self) -> Vec<(Place, T)> {
        self.ends.lock().hand_over(&mut self.taken);
        self.taken_done = 0;
        let mut done = Vec::new();
        for (place, end) in std::mem::take(&mut self.taken) {
            match end {
                TaskEnd::Done(value) => done.push((place, value)),
                other => self.taken.push_back((place, other)),
            }
        }
        self.alive -= done.len();
        done
    }

    /// Returns the next end of those that were taken.
    pub(crate) fn next(&mut self) -> Option<(Place, TaskEnd<T>)> {
        let end = self.taken.pop_front()?;
        self.taken_done -= usize::from(matches!(end, (_, TaskEnd::Done(_))));
        self.alive -= 1;
        Some(end)
    }

    /// As `poll` with every end worth a turn; but where several tasks were spawned since the last time, it lets those that
    /// are ready go first, once, and takes their ends with the one that woke the stage. The runtime runs who was woken
    /// before all that wait, so that else each of many short tasks would get a turn of its own.
    pub(crate) fn poll_gathering(&mut self, task: &Task<'_>) -> Poll<()> {
        if self.spawned > 1 && self.taken.is_empty() && self.ends.lock().is_due() {
            self.spawned = 0;
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let ended = self.poll(task, 1);
        if ended.is_ready() {
            self.spawned = 0;
        }
        ended
    }

    /// Aborts all, and waits for their ends.
    pub(crate) async fn shut_down(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for the next end, and returns none when each was heard.
    pub(crate) async fn join_next(&mut self) -> Option<(Place, TaskEnd<T>)> {
        if self.alive == 0 {
            return None;
        }
        std::future::poll_fn(|task| self.poll(task, 1)).await;
        self.next()
    }
}

impl<V, T> Drop for Tasks<V, T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

#[derive(Debug)]
struct Ends<T>(Mutex<List<T>>);

#[derive(Debug)]
struct List<T> {
    ends: VecDeque<(Place, TaskEnd<T>)>,
    /// How many of them are successes, and how many of those are quiet.
    done: usize,
    quiet: usize,
    /// How many are worth a turn, be they quiet or not.
    due_at: usize,
    /// Taken by who wakes the stage.
    waker: Option<Waker>,
}

impl<T> Default for Ends<T> {
    fn default() -> Self {
        Self(Mutex::new(List {
            ends: VecDeque::new(),
            done: 0,
            quiet: 0,
            due_at: 1,
            waker: None,
        }))
    }
}

impl<T> Ends<T> {
    fn lock(&self) -> MutexGuard<'_, List<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, place: Place, end: TaskEnd<T>, success: Success) {
        let mut list = self.lock();
        let is_done = matches!(end, TaskEnd::Done(_));
        list.done += usize::from(is_done);
        list.quiet += usize::from(is_done && success == Success::IsQuiet);
        list.ends.push_back((place, end));
        let waker = if list.is_due() {
            list.waker.take()
        } else {
            None
        };
        drop(list);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> List<T> {
    fn is_due(&self) -> bool {
        self.ends.len() > self.quiet || (self.quiet > 0 && self.ends.len() >= self.due_at)
    }

    /// Returns how many successes it hands over.
    fn hand_over(&mut self, taken: &mut VecDeque<(Place, TaskEnd<T>)>) -> usize {
        self.quiet = 0;
        if taken.is_empty() {
            std::mem::swap(&mut self.ends, taken);
        } else {
            taken.append(&mut self.ends);
        }
        std::mem::take(&mut self.done)
    }
}

/// A future whose end is told. The order of its fields is that of their drops: first what the task has, then the report.
#[pin_project::pin_project]
struct Telling<F, T> {
    #[pin]
    future: F,
    report: Report<T>,
}

impl<F: Future<Output = Result<T>>, T> Future for Telling<F, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = self.project();
        let end = match catch_unwind(AssertUnwindSafe(|| this.future.poll(task))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(done))) => TaskEnd::Done(done),
            Ok(Poll::Ready(Err(error))) => TaskEnd::Failed(error),
            Err(payload) => TaskEnd::Panicked(payload),
        };
        this.report.end = Some(end);
        Poll::Ready(())
    }
}

/// Tells the end of a task when it is dropped.
struct Report<T> {
    ends: Arc<Ends<T>>,
    place: Place,
    success: Success,
    /// None in a task that is aborted.
    end: Option<TaskEnd<T>>,
}

impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        let mut end = self.end.take().unwrap_or(TaskEnd::Aborted);
        if std::thread::panicking() && !matches!(end, TaskEnd::Panicked(_)) {
            end = TaskEnd::Panicked(Box::new("the task panicked as it was dropped"));
        }
        self.ends.tell(self.place, end, self.success);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::sync::Semaphore;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A stage that counts how often it is woken.
    struct Stage(Arc<Wakes>, Waker);

    impl Stage {
        fn new() -> Self {
            let wakes = Arc::<Wakes>::default();
            Self(Arc::clone(&wakes), wakes.into())
        }

        fn task(&self) -> Task<'_> {
            Task::from_waker(&self.1)
        }

        async fn woken(&self) -> usize {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            self.0.0.load(Ordering::SeqCst)
        }
    }

    fn start<F>(tasks: &mut Tasks<u32, u32>, value: u32, success: Success, future: F) -> Place
    where
        F: Future<Output = Result<u32>> + Send + 'static,
    {
        let spawned = tasks.spawn(success, future);
        let place = spawned.place;
        tasks.insert(spawned, value);
        place
    }

    fn heard(tasks: &mut Tasks<u32, u32>) -> Vec<(Option<u32>, String)> {
        let next = |tasks: &mut Tasks<u32, u32>| {
            let (place, end) = tasks.next()?;
            let end = match end {
                TaskEnd::Done(value) => format!("done {value}"),
                TaskEnd::Failed(error) => error.to_string(),
                TaskEnd::Panicked(payload) => format!("{:?}", payload.downcast_ref::<&str>()),
                TaskEnd::Aborted => "aborted".to_owned(),
            };
            Some((tasks.remove(place), end))
        };
        std::iter::from_fn(|| next(tasks)).collect()
    }

    #[tokio::test]
    async fn quiet_ends_wake_when_they_are_enough_and_all_others_at_once() {
        let check = async |ends: &[Result<u32, &'static str>], due_at, woken| {
            let (stage, mut tasks) = (Stage::new(), Tasks::default());
            assert!(tasks.poll(&stage.task(), due_at).is_pending());
            for end in ends.iter().copied() {
                let future = async move { end.map_err(StageError::from) };
                start(&mut tasks, 0, Success::IsQuiet, future);
            }
            assert_eq!(stage.woken().await, woken, "{ends:?} at {due_at}");
            let succeeded = ends.iter().filter(|end| end.is_ok()).count();
            assert_eq!(tasks.done(), succeeded);
            assert_eq!(tasks.poll(&stage.task(), due_at).is_ready(), woken > 0);
            assert_eq!(tasks.done(), succeeded);
            assert_eq!(heard(&mut tasks).is_empty(), woken == 0);
            assert!(woken == 0 || tasks.done() + tasks.len() == 0);
        };
        check(&[Ok(1), Ok(2)], 3, 0).await;
        check(&[Ok(1), Ok(2), Ok(3), Ok(4)], 3, 1).await;
        check(&[Ok(1), Err("no luck")], 3, 1).await;
        check(&[], 1, 0).await;
    }

    #[tokio::test]
    async fn each_way_to_end_is_told_once_and_after_the_future_was_dropped() {
        struct Held(Arc<AtomicUsize>);
        impl Drop for Held {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (mut tasks, drops) = (Tasks::default(), Arc::<AtomicUsize>::default());
        let held = || Held(Arc::clone(&drops));
        let one = held();
        start(&mut tasks, 1, Success::Wakes, async move {
            let _held = one;
            Err("no luck".into())
        });
        let two = held();
        start(&mut tasks, 2, Success::Wakes, async move {
            let _held = two;
            panic!("no luck at all")
        });
        let three = held();
        let aborted = tasks.spawn(Success::Wakes, async move {
            let _held = three;
            std::future::pending().await
        });
        aborted.abort_handle().abort();
        tasks.insert(aborted, 3);
        let mut ends = Vec::new();
        while let Some((place, end)) = tasks.join_next().await {
            ends.push((tasks.remove(place), matches!(end, TaskEnd::Aborted)));
            assert!(drops.load(Ordering::SeqCst) >= ends.len());
        }
        ends.sort_unstable();
        assert_eq!(ends, [(Some(1), false), (Some(2), false), (Some(3), true)]);
        assert_eq!((tasks.len(), tasks.iter().count()), (0, 0));
    }

    #[tokio::test]
    async fn a_place_is_another_s_only_when_it_was_given_back() {
        let mut tasks = Tasks::default();
        let first = start(&mut tasks, 1, Success::IsQuiet, async { Ok(10) });
        let second = start(&mut tasks, 2, Success::IsQuiet, std::future::pending());
        Stage::new().woken().await;
        let third = start(&mut tasks, 3, Success::IsQuiet, async { Ok(30) });
        assert!(first != second && first != third && second != third);
        assert_eq!(tasks.take_done(), [(first, 10)]);
        assert_eq!(tasks.remove(first), Some(1));
        assert_eq!(tasks.remove(first), None);
        let fourth = start(&mut tasks, 4, Success::IsQuiet, std::future::pending());
        assert_eq!((fourth, tasks.len()), (first, 3));
        tasks.abort_all();
        let mut ends = Vec::new();
        while let Some((place, _)) = tasks.join_next().await {
            ends.push(tasks.remove(place));
        }
        ends.sort_unstable();
        assert_eq!(ends, [Some(2), Some(3), Some(4)]);
    }

    #[tokio::test]
    async fn those_that_are_ready_end_together_and_one_alone_is_not_waited_for() {
        let (stage, mut tasks) = (Stage::new(), Tasks::default());
        for value in 0..3 {
            start(&mut tasks, value, Success::Wakes, async { Ok(0) });
        }
        assert!(tasks.poll_gathering(&stage.task()).is_pending());
        assert_eq!(stage.woken().await, 1);
        assert!(
            tasks.poll_gathering(&stage.task()).is_pending(),
            "it gathers"
        );
        assert_eq!(stage.woken().await, 2, "and comes again");
        assert!(tasks.poll_gathering(&stage.task()).is_ready());
        assert_eq!(heard(&mut tasks).len(), 3);
        start(&mut tasks, 3, Success::Wakes, async { Ok(0) });
        assert!(tasks.poll_gathering(&stage.task()).is_pending());
        assert_eq!(stage.woken().await, 3);
        assert!(tasks.poll_gathering(&stage.task()).is_ready());
    }

    #[tokio::test]
    async fn they_are_aborted_with_their_owner() {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut tasks = Tasks::default();
        let of_task = Arc::clone(&semaphore);
        start(&mut tasks, 1, Success::IsQuiet, async move {
            of_task.acquire().await?.forget();
            Ok(0)
        });
        Stage::new().woken().await;
        drop(tasks);
        Stage::new().woken().await;
        assert_eq!(Arc::strong_count(&semaphore), 1);
    }
}
