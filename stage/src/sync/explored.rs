//! The same names over shuttle, which runs all tasks on one thread and may switch before each step of a shared value.

pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
pub(crate) use shuttle::thread_local;

/// A cell set once; each look at it is a step.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    step: atomic::AtomicBool,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self {
            value: std::sync::OnceLock::new(),
            step: atomic::AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.step();
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.step();
        self.value.set(value)
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.step();
        self.value.get_or_init(make)
    }

    fn step(&self) {
        self.step.load(atomic::Ordering::SeqCst);
    }
}

pub(crate) mod runtime {
    use std::convert::Infallible;

    use shuttle::future::{JoinHandle, spawn};

    /// Spawns in the execution at work.
    pub(crate) struct Handle;

    impl Handle {
        pub(crate) const fn try_current() -> Result<Self, Infallible> {
            Ok(Self)
        }

        pub(crate) fn spawn<T>(&self, task: T) -> JoinHandle<T::Output>
        where
            T: Future<Output: Send> + Send + 'static,
        {
            spawn(task)
        }
    }
}

pub(crate) mod task {
    pub(crate) use shuttle::current::{TaskId as Id, get_current_task as try_id};
    pub(crate) use shuttle::future::AbortHandle;
}

pub(crate) mod time {
    use std::pin::pin;
    use std::time::Duration;

    use futures::future::{Either, select};
    pub(crate) use tokio::time::Instant;

    pub(crate) struct Elapsed;

    /// Ends at a step that the schedule chooses: a task that does nothing has then run. The longest time never ends.
    async fn sleep(time: Duration) {
        if time == Duration::MAX {
            std::future::pending::<()>().await;
        }
        let _ran = shuttle::future::spawn(async {}).await;
    }

    pub(crate) async fn timeout<F: Future>(
        time: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        match select(pin!(future), pin!(sleep(time))).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err(Elapsed),
        }
    }

    pub(crate) async fn timeout_at<F: Future>(_: Instant, future: F) -> Result<F::Output, Elapsed> {
        timeout(Duration::ZERO, future).await
    }
}

/// One value for each execution, so that all start alike.
macro_rules! process_wide {
    (static $name:ident: $type:ty = $value:expr;) => {
        shuttle::lazy_static! {
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use process_wide;
