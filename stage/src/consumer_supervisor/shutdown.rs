//! How a child is ended before its time, and how it hears of it.

use std::time::Duration;

use tokio::sync::watch;

/// What happens to a child that is terminated, or whose [`ConsumerSupervisor`](crate::ConsumerSupervisor) stops or
/// fails. The supervisor's end waits for all of them.
///
/// | | the child hears [`Stopping`] | it is aborted | GenStage's `shutdown` |
/// |---|---|---|---|
/// | `Abort` | no | at once | `:brutal_kill` |
/// | `Within(grace)` | yes | after `grace`, if it has not ended | milliseconds |
/// | `Wait` | yes | never | `:infinity` |
///
/// Without a `Stopping` a child only has the time: it goes on until it is done, or is aborted. An aborted child is
/// dropped where it next waits; one that blocks or spins can't be, and the supervisor waits for it.
///
/// A drain and a completion end no child: they wait for all, with their restarts. And whoever aborts the supervisor
/// itself aborts its children with it, whatever is said here, as does a panic of its own.
///
/// ```
/// use std::time::Duration;
///
/// use stage::{ChildShutdown, consumer_supervisor_with};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let workers = consumer_supervisor_with(|name: &'static str, stopping| {
///     Ok(async move {
///         stopping.asked().await;
///         println!("{name} says goodbye");
///         Ok(())
///     })
/// })
/// .shut_down_children(ChildShutdown::Within(Duration::from_secs(5)))
/// .spawn()?;
/// workers.start_child("ann").await?;
/// workers.stop().await;
/// assert_eq!(workers.stats().lost, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ChildShutdown {
    /// Aborts it at once.
    #[default]
    Abort,
    /// Asks it to end, and aborts it when it has not after this time. It needs a tokio runtime with its timer.
    Within(Duration),
    /// Asks it to end and waits, however long it takes.
    Wait,
}

/// A child's ear: whether it is asked to end. Clones hear the same; [`ChildShutdown`] says when a child is asked.
///
/// ```
/// use stage::{ChildShutdown, Result, Stopping, consumer_supervisor_with};
///
/// /// Works in steps, and ends between two of them.
/// async fn count(from: u64, stopping: Stopping) -> Result {
///     let mut next = from;
///     while !stopping.is_asked() {
///         next += 1;
///         tokio::task::yield_now().await;
///     }
///     println!("counted from {from} to {next}");
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let counters = consumer_supervisor_with(|from, stopping| Ok(count(from, stopping)))
///     .shut_down_children(ChildShutdown::Wait)
///     .spawn()?;
/// let child = counters.start_child(100).await?;
/// counters.terminate_child(child).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<()>);

/// The supervisor's end of a [`Stopping`]; the child is asked when this is dropped.
pub(super) type Unasked = watch::Sender<()>;

impl Stopping {
    pub(super) fn new() -> (Unasked, Self) {
        let (unasked, asked) = watch::channel(());
        (unasked, Self(asked))
    }

    /// Waits until the child is asked to end; at once, when it was.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn asked(&self) {
        let mut asked = self.0.clone();
        // Nothing is ever sent: only the end of the channel says something.
        while asked.changed().await.is_ok() {}
    }

    /// Returns whether the child is asked to end.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.has_changed().is_err()
    }
}
