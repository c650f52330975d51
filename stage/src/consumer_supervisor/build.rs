//! From a start function to a supervisor that can be spawned.

use std::future::Future;

use super::ends::Restarts;
use super::{ChildShutdown, ConsumerSupervisor, MinDemand, StartChild, StartWith, Stopping};
use crate::exit::Result;
use crate::protocol::Intensity;
use crate::runtime::{AsConsumer, Build, consumer};

/// Builds a consumer that runs `start(event)` as a task for each event.
///
/// `Demand::one_by_one(n)` runs `n` at a time. In general, with `Demand::new(max, min)` at most `max` run, and it asks
/// again when `max − min` have ended: `Demand::up_to(max)` waits for half of them. [`MinDemand`] has GenStage's meaning
/// of `min` too.
///
/// | the child | counted as failed | its slot | with [`restart_children`](Build::restart_children) |
/// |---|---|---|---|
/// | returns `Ok`, also where it had nothing to do | no | is free | is free |
/// | returns an error, or panics | yes | is free | is kept; it starts again |
/// | does not start: `start` panics or returns an error, its name is taken | yes | is free | is free |
/// | does not start again | yes | – | is kept; it is tried again |
/// | is aborted by its name, or terminated | no | is free | is free |
///
/// Children end with the supervisor, as [`shut_down_children`](Build::shut_down_children) says; a drain and a
/// completion wait for them. When a producer ends, its children go on. The [handle](crate::Handle::start_child) starts,
/// terminates, lists and counts children.
///
/// It is for work that waits, whose events are independent, and of which each may fail, hang and be ended by itself:
/// requests, connections, jobs.
///
/// Bad at: very short work, where a task for each event costs more than the event, and which a
/// [`Consumer`](crate::Consumer) does batch by batch; work that has a result, for which there is
/// [`map_async`](crate::map_async); order, which children do not keep; and work that blocks, which no abort ends.
///
/// An async closure cannot hand what it captures to its children: where they share something, clone it for each, as in
/// `move |job| { let client = client.clone(); async move { … } }`.
///
/// ```
/// use stage::{Demand, consumer_supervisor, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let jobs = from_iter(1..=20).spawn()?;
/// let workers = consumer_supervisor(async |job: u32| {
///     println!("job {job}");
///     Ok(())
/// })
/// .name_children(|job| format!("job-{job}"))
/// .subscribe_to(&jobs, Demand::one_by_one(5)?)
/// .spawn()?;
/// workers.join().await;
/// # Ok(())
/// # }
/// ```
pub fn consumer_supervisor<E, F, Fut>(start: F) -> Build<AsConsumer<ConsumerSupervisor<E, F>>>
where
    E: Send + 'static,
    F: FnMut(E) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    consumer(ConsumerSupervisor::new(start))
}

/// Builds a [`consumer_supervisor`] whose start function may refuse an event, and whose children can hear that they
/// are asked to end.
///
/// What `start` does itself, before it returns the child's future, runs in the supervisor's own task: it must be short.
///
/// ```
/// use std::time::Duration;
///
/// use stage::{ChildShutdown, Demand, consumer_supervisor_with, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let lines = from_iter(["1", "two", "3"]).spawn()?;
/// let workers = consumer_supervisor_with(|line: &str, stopping| {
///     let job: u64 = line.parse()?;
///     Ok(async move {
///         tokio::select! {
///             () = tokio::time::sleep(Duration::from_millis(job)) => println!("job {job} is done"),
///             () = stopping.asked() => println!("job {job} is put off"),
///         }
///         Ok(())
///     })
/// })
/// .shut_down_children(ChildShutdown::Within(Duration::from_secs(5)))
/// .subscribe_to(&lines, Demand::one_by_one(2)?)
/// .spawn()?;
/// workers.join().await;
/// assert_eq!(workers.stats().failed, 1);
/// # Ok(())
/// # }
/// ```
pub fn consumer_supervisor_with<E, F, Fut>(
    start: F,
) -> Build<AsConsumer<ConsumerSupervisor<E, StartWith<F>>>>
where
    E: Send + 'static,
    F: FnMut(E, Stopping) -> Result<Fut> + Send + 'static,
    Fut: Future<Output = Result> + Send + 'static,
{
    consumer(ConsumerSupervisor::new(StartWith(start)))
}

impl<E: Send + 'static, S: StartChild<E>> Build<AsConsumer<ConsumerSupervisor<E, S>>> {
    /// Names each child in the registry; a second child under a live name is refused and reported.
    pub fn name_children(mut self, name: impl Fn(&E) -> String + Send + 'static) -> Self {
        self.stage.name_of = Some(Box::new(name));
        self
    }

    /// Starts a child that fails or panics again with its event: it keeps its slot, and nothing is asked for it.
    /// GenStage's transient; without it children are temporary. A child that is aborted by its name or terminated ends
    /// all the same.
    ///
    /// A restart that does not start the child is tried again at once, without a pause, after the messages that wait.
    /// Each try is a restart. When restarts are too many the supervisor ends with
    /// [`ChildrenFail`](crate::ChildrenFail). So this suits failures that are rare and pass by themselves; against a
    /// server that is down, the child itself waits and tries again.
    ///
    /// ```
    /// use stage::{Demand, Intensity, consumer_supervisor, from_iter};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let jobs = from_iter(["a job"]).spawn()?;
    /// let mut tries = 0;
    /// let workers = consumer_supervisor(move |job: &str| {
    ///     tries += 1;
    ///     let luck = if tries < 3 { Err(format!("no luck with {job}").into()) } else { Ok(()) };
    ///     async { luck }
    /// })
    /// .restart_children(Intensity::default())
    /// .subscribe_to(&jobs, Demand::one_by_one(1)?)
    /// .spawn()?;
    /// workers.join().await;
    /// assert_eq!(workers.stats().failed, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn restart_children(mut self, intensity: Intensity) -> Self
    where
        E: Clone,
    {
        self.stage.restarts = Some(Restarts {
            clone: E::clone,
            intensity,
        });
        self
    }

    /// Sets how children end that are terminated, or whose supervisor stops or fails: by default they are aborted. An
    /// example is with [`ChildShutdown`].
    pub fn shut_down_children(mut self, shutdown: ChildShutdown) -> Self {
        self.stage.shutdown = shutdown;
        self
    }

    /// Sets what the `min` of a subscription means: by default that so many keep running. An example is with
    /// [`MinDemand`].
    pub fn min_demand(mut self, min: MinDemand) -> Self {
        self.stage.slots.min = min;
        self
    }
}
