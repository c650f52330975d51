//! What a user implements: three traits of native async callbacks, and typed calls.

use std::future::{Future, ready};
use std::task::Poll;

use crate::batch::Batch;
use crate::context::{Context, Never};
use crate::exit::{End, Exit, Result};
use crate::id::SubscriptionId;
use crate::protocol::Asking;
use crate::runtime::Failure;

/// What to do after a callback failed.
///
/// ```
/// use stage::{Batch, Consumer, Context, Demand, Directive, Failure, Result, consumer, from_iter};
///
/// struct Odd;
///
/// impl Consumer for Odd {
///     type In = u32;
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, u32>, _: &mut Context) -> Result {
///         match events.drain().find(|event| event % 2 == 0) {
///             Some(even) => Err(format!("{even} is even").into()),
///             None => Ok(()),
///         }
///     }
///
///     fn handle_failure(&mut self, failure: &Failure) -> Directive {
///         match failure {
///             Failure::Error(_) => Directive::Resume,
///             _ => Directive::Stop,
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let numbers = from_iter(1..=10).spawn()?;
/// let odd = consumer(Odd).subscribe_to(&numbers, Demand::default()).spawn()?;
/// assert_eq!(odd.join().await.to_string(), "completed");
/// assert_eq!(odd.stats().failed, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Directive {
    /// Goes on with the same behaviour, the failed event skipped: [`Batch`] tells which one that is. Of a producer, the
    /// whole unpaid demand is told again. After a panic it means `Restart`.
    Resume,
    /// Goes on with a new behaviour from the factory, within the intensity; without a factory it means `Stop`. Under a
    /// [`Supervisor`](crate::Supervisor), it decides.
    Restart,
    /// Goes on as with `Resume`, or after a panic as with `Restart`, and hands the failed event to the stage's
    /// [`dead_letters_to`](crate::Build::dead_letters_to). An event that was taken out of the batch is gone, and only
    /// counted.
    DeadLetter,
    /// Ends the stage with the failure, whatever its supervisor would do.
    Stop,
    /// Leaves the failure to the supervisor of the stage's [`Supervisor`](crate::Supervisor): that one gives up, as if
    /// restarts had been too many. Without a supervisor it means `Stop`.
    Escalate,
}

macro_rules! common_callbacks {
    ($out:ty $(, $polls_nothing:ident)?) => {
        /// Runs once before anything else. The behaviour that follows a failed one then hears of the subscriptions that
        /// live on, as if they were made now, and of the whole unpaid demand.
        fn started(&mut self, cx: &mut Context<$out>) -> impl Future<Output = Result> + Send {
            let _ = cx;
            ready(Ok(()))
        }

        /// Polled beside the mailbox, for a stage that waits on something of its own, such as a channel; nothing that it
        /// polls is dropped when a message comes.
        ///
        /// It runs after every few messages, and again after every change of demand; a producer-consumer without it may
        /// sleep through an ask until there are events, and through events until there is an ask. It emits at most
        /// `cx.demand()` events, registers `task`'s waker where it returns `Pending`, and returns `Ready(Ok(()))` only when
        /// it did something: it is then polled again at once. A producer that has completed or drains is polled for as long
        /// as it has something `in_hand`. For a `Stream` there is [`from_stream`](crate::from_stream).
        fn poll_events(
            &mut self,
            task: &mut std::task::Context<'_>,
            cx: &mut Context<$out>,
        ) -> Poll<Result> {
            let _ = (task, &mut *cx);
            $(cx.$polls_nothing::<Self>();)?
            Poll::Pending
        }

        /// Hears that a subscription ended, after all its events.
        fn handle_cancel(
            &mut self,
            subscription: SubscriptionId,
            end: &End,
            cx: &mut Context<$out>,
        ) -> impl Future<Output = Result> + Send {
            let _ = (subscription, end, cx);
            ready(Ok(()))
        }

        /// Decides what a failed callback means: [`Directive::Restart`] by default. What was emitted before it is
        /// delivered all the same.
        fn handle_failure(&mut self, failure: &Failure) -> Directive {
            let _ = failure;
            Directive::Restart
        }

        /// Hears how many events a full buffer, or the full queue of a partition, dropped since the last callback; returns
        /// whether they are logged as well: by default they are.
        fn handle_discarded(&mut self, count: usize) -> bool {
            let _ = count;
            true
        }

        /// Events taken and still at work, for a stage that keeps some between two callbacks, such as one that groups
        /// them; 0 by default. A stage completes or drains only when this is 0. Those left at its end, or in a behaviour
        /// that is replaced, are counted as lost. A producer may count here what it has emitted and still has to hear of:
        /// until then it is polled, also when it has completed or drains.
        fn in_hand(&self) -> usize {
            0
        }

        /// Runs last, before the behaviour is dropped; not after a panic or an abort. One that goes down because
        /// another child of its supervisor failed hears [`Exit::Stopped`]. At the stage's end nothing is dispatched any
        /// more: what it emits is discarded.
        fn stopping(
            &mut self,
            exit: &Exit,
            cx: &mut Context<$out>,
        ) -> impl Future<Output = ()> + Send {
            let _ = (exit, cx);
            ready(())
        }
    };
}

/// A stage that emits what is asked of it.
///
/// ```
/// use stage::{Context, Producer, Result};
///
/// struct Counter(u64);
///
/// impl Producer for Counter {
///     type Out = u64;
///
///     async fn handle_demand(&mut self, demand: usize, cx: &mut Context<u64>) -> Result {
///         cx.emit_all((self.0..).take(demand));
///         self.0 += demand as u64;
///         Ok(())
///     }
/// }
/// ```
pub trait Producer: Sized + Send + 'static {
    /// What it emits.
    type Out: Send + 'static;

    /// Hears of new demand only, what the buffer served already taken off. Emit now, or later.
    fn handle_demand(
        &mut self,
        demand: usize,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send;

    /// Hears of a new consumer before it can be served.
    fn handle_subscriber(
        &mut self,
        subscription: SubscriptionId,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        let _ = (subscription, cx);
        ready(Ok(()))
    }

    /// Runs when the stage is drained, and demand is told no more; may emit the rest of what it holds.
    fn handle_drain(&mut self, cx: &mut Context<Self::Out>) -> impl Future<Output = Result> + Send {
        let _ = cx;
        ready(Ok(()))
    }

    common_callbacks!(Self::Out);
}

/// A stage that takes events and emits others; it takes no more input while its output waits.
///
/// ```
/// use stage::{Batch, Context, ProducerConsumer, Result};
///
/// struct Even;
///
/// impl ProducerConsumer for Even {
///     type In = u64;
///     type Out = u64;
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, cx: &mut Context<u64>) -> Result {
///         cx.emit_all(events.drain().filter(|n| n % 2 == 0));
///         Ok(())
///     }
/// }
/// ```
pub trait ProducerConsumer: Sized + Send + 'static {
    /// What it takes.
    type In: Send + 'static;
    /// What it emits.
    type Out: Send + 'static;

    /// Handles a batch of at most `max − min` events.
    fn handle_events(
        &mut self,
        events: &mut Batch<'_, Self::In>,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send;

    /// Runs when the last upstream has completed or a drain has closed it, and may emit the rest; not after `stop` or a
    /// failure. It does not wait for what is [`in_hand`](ProducerConsumer::in_hand): the stage's end does.
    fn handle_complete(
        &mut self,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        let _ = cx;
        ready(Ok(()))
    }

    /// Hears of its new subscription and says who asks on it; return `asking` to keep what the subscriber chose. A
    /// stage that asks itself can do so here: for what it wants less what is
    /// [outstanding](Context::outstanding). A behaviour that follows another hears of each subscription again, and its
    /// answer is not needed.
    fn handle_subscribe(
        &mut self,
        subscription: SubscriptionId,
        asking: Asking,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result<Asking>> + Send {
        let _ = (subscription, cx);
        ready(Ok(asking))
    }

    /// Hears of a new consumer before it can be served.
    fn handle_subscriber(
        &mut self,
        subscription: SubscriptionId,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        let _ = (subscription, cx);
        ready(Ok(()))
    }

    common_callbacks!(Self::Out, polls_nothing);
}

/// A stage that only takes events.
///
/// ```
/// use stage::{Batch, Consumer, Context, Result};
///
/// struct Sum(u64);
///
/// impl Consumer for Sum {
///     type In = u64;
///
///     async fn handle_events(&mut self, events: &mut Batch<'_, u64>, _: &mut Context) -> Result {
///         self.0 += events.drain().sum::<u64>();
///         Ok(())
///     }
/// }
/// ```
pub trait Consumer: Sized + Send + 'static {
    /// What it takes.
    type In: Send + 'static;

    /// Handles a batch of at most `max − min` events.
    fn handle_events(
        &mut self,
        events: &mut Batch<'_, Self::In>,
        cx: &mut Context,
    ) -> impl Future<Output = Result> + Send;

    /// Hears of its new subscription and says who asks on it; return `asking` to keep what the subscriber chose. A
    /// stage that asks itself can do so here: for what it wants less what is
    /// [outstanding](Context::outstanding). A behaviour that follows another hears of each subscription again, and its
    /// answer is not needed.
    fn handle_subscribe(
        &mut self,
        subscription: SubscriptionId,
        asking: Asking,
        cx: &mut Context,
    ) -> impl Future<Output = Result<Asking>> + Send {
        let _ = (subscription, cx);
        ready(Ok(asking))
    }

    common_callbacks!(Never);
}

/// Calls and casts: one impl for each message type, with a typed reply. `Out` is what the stage emits: a producer of
/// `u32` implements `Handler<Message, u32>`, a consumer `Handler<Message>`.
///
/// ```
/// use stage::{Context, Handler, Producer, Result, producer};
///
/// struct Queue(Vec<u32>);
/// struct Push(u32);
///
/// impl Producer for Queue {
///     type Out = u32;
///     async fn handle_demand(&mut self, demand: usize, cx: &mut Context<u32>) -> Result {
///         cx.emit_all(self.0.drain(..demand.min(self.0.len())));
///         Ok(())
///     }
/// }
///
/// impl Handler<Push, u32> for Queue {
///     type Reply = usize;
///     async fn handle(&mut self, Push(event): Push, cx: &mut Context<u32>) -> usize {
///         if cx.demand() > 0 {
///             cx.emit(event);
///         } else {
///             self.0.push(event);
///         }
///         self.0.len()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let queue = producer(Queue(Vec::new())).spawn()?;
/// assert_eq!(queue.call(Push(7)).await?, 1);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{M}` as a stage that emits `{Out}`",
    note = "a stage that emits `T` implements `Handler<Message, T>`, a consumer `Handler<Message>`"
)]
pub trait Handler<M: Send + 'static, Out: Send + 'static = Never>: Send + 'static {
    /// What the caller gets; events emitted by the handler are dispatched before it.
    type Reply: Send + 'static;

    /// Handles one message between two batches.
    fn handle(
        &mut self,
        message: M,
        cx: &mut Context<Out>,
    ) -> impl Future<Output = Self::Reply> + Send;
}
