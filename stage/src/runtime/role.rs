//! The three kinds of stage under one sealed trait, so that one event loop runs them all.

use std::future::{Future, ready};
use std::marker::PhantomData;
use std::task::{Context as Task, Poll};

use super::Failure;
use crate::batch::Batch;
use crate::behaviour::{Consumer, Directive, Producer, ProducerConsumer};
use crate::context::{Context, Never};
use crate::exit::{End, Exit, Result};
use crate::id::SubscriptionId;
use crate::protocol::{Asking, DemandDispatcher, Dispatcher};

mod sealed {
    pub trait Sealed {}
}
pub(super) use sealed::Sealed;

/// A behaviour in the role it plays: its types decide which edges compile. Sealed.
#[expect(
    missing_docs,
    reason = "the callbacks of the behaviour traits, documented there"
)]
pub trait Role: sealed::Sealed + Sized + Send + 'static {
    type Stage: Send + 'static;
    type In: Send + 'static;
    type Out: Send + 'static;
    type Dispatcher: Dispatcher<Self::Out>;
    #[doc(hidden)]
    const IS_SOURCE: bool;
    #[doc(hidden)]
    const EMITS: bool;
    #[doc(hidden)]
    const IS_FUSED: bool = false;
    /// What a new behaviour takes over from the old one.
    #[doc(hidden)]
    type Kept: Kept;
    #[doc(hidden)]
    fn new(stage: Self::Stage) -> Self;
    #[doc(hidden)]
    fn stage(&mut self) -> &mut Self::Stage;
    #[doc(hidden)]
    fn handle_demand(
        &mut self,
        _: usize,
        _: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        ready(Ok(()))
    }
    #[doc(hidden)]
    fn handle_events(
        &mut self,
        _: &mut Batch<'_, Self::In>,
        _: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        ready(Ok(()))
    }
    #[doc(hidden)]
    fn handle_complete(
        &mut self,
        _: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        ready(Ok(()))
    }
    #[doc(hidden)]
    fn handle_subscribe(
        &mut self,
        _: SubscriptionId,
        asking: Asking,
        _: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result<Asking>> + Send {
        ready(Ok(asking))
    }
    #[doc(hidden)]
    fn handle_subscriber(
        &mut self,
        _: SubscriptionId,
        _: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send {
        ready(Ok(()))
    }
    #[doc(hidden)]
    fn started(&mut self, cx: &mut Context<Self::Out>) -> impl Future<Output = Result> + Send;
    #[doc(hidden)]
    fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<Self::Out>) -> Poll<Result>;
    #[doc(hidden)]
    fn handle_cancel(
        &mut self,
        id: SubscriptionId,
        end: &End,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = Result> + Send;
    #[doc(hidden)]
    fn handle_failure(&mut self, failure: &Failure) -> Directive;
    #[doc(hidden)]
    fn handle_discarded(&mut self, count: usize) -> bool;
    #[doc(hidden)]
    fn in_hand(&self) -> usize;
    #[doc(hidden)]
    fn stopping(
        &mut self,
        exit: &Exit,
        cx: &mut Context<Self::Out>,
    ) -> impl Future<Output = ()> + Send;

    // Below is what only a fused pair has: events between its two.

    /// Gives what is between the two to the behaviour that follows.
    #[doc(hidden)]
    fn keep(&mut self) -> Self::Kept {
        Self::Kept::default()
    }
    #[doc(hidden)]
    fn follow(&mut self, _: Self::Kept) {}
    /// Returns whether something of the first has yet to get to the second, and could.
    #[doc(hidden)]
    fn is_passing(&self, _: &Context<Self::Out>) -> bool {
        false
    }
    /// Hands what the first has emitted to the second.
    #[doc(hidden)]
    fn pass_on(
        &mut self,
        _: &mut Context<Self::Out>,
    ) -> impl Future<Output = std::result::Result<(), Box<Failure>>> + Send {
        ready(Ok(()))
    }
    /// Returns what to tell now, where the stage owes `new` more.
    #[doc(hidden)]
    #[inline]
    fn to_tell(&mut self, new: usize, _: &Context<Self::Out>) -> usize {
        new
    }
    /// Returns whether the first has ended, and the second has not heard all of it.
    #[doc(hidden)]
    fn is_due(&self) -> bool {
        false
    }
    /// Tells the second the next part of the first's end.
    #[doc(hidden)]
    fn complete_next(&mut self, _: &mut Context<Self::Out>) -> impl Future<Output = Result> + Send {
        ready(Ok(()))
    }
    /// Events between the two.
    #[doc(hidden)]
    fn between(&self) -> usize {
        0
    }
    /// Gives up what a callback that was dropped had at work between the two, and returns how many events that is.
    #[doc(hidden)]
    fn give_up(&mut self) -> usize {
        0
    }
}

/// What one behaviour leaves to the next.
pub trait Kept: Default + Send {
    /// Events of it.
    fn len(&self) -> usize;
}

impl Kept for () {
    fn len(&self) -> usize {
        0
    }
}

/// A role that emits: only there a buffer, a dispatcher and consumers exist. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` emits nothing",
    label = "a producer or a producer-consumer is needed here"
)]
pub trait Emits: Role {}

impl<S: Producer, D: Dispatcher<S::Out>> Emits for AsProducer<S, D> {}
impl<S: ProducerConsumer, D: Dispatcher<S::Out>> Emits for AsProducerConsumer<S, D> {}

/// A role that begins a flow: only there demand can be put off. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no producer",
    label = "a producer is needed here"
)]
pub trait Begins: Emits {}

impl<S: Producer, D: Dispatcher<S::Out>> Begins for AsProducer<S, D> {}

/// A role that takes events: only there subscriptions to producers exist. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no events",
    label = "a consumer or a producer-consumer is needed here"
)]
pub trait Takes: Role {}

impl<S: ProducerConsumer, D: Dispatcher<S::Out>> Takes for AsProducerConsumer<S, D> {}
impl<S: Consumer> Takes for AsConsumer<S> {}

macro_rules! role {
    ($name:ident, $behaviour:ident, $in:ty, $out:ty, $source:literal, $emits:literal, $doc:literal, {$($own:tt)*}) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub struct $name<S, D = DemandDispatcher>(S, PhantomData<fn() -> D>);

        impl<S, D> sealed::Sealed for $name<S, D> {}

        impl<S: $behaviour, D: Dispatcher<$out>> Role for $name<S, D> {
            type Stage = S;
            type In = $in;
            type Out = $out;
            type Dispatcher = D;
            const IS_SOURCE: bool = $source;
            const EMITS: bool = $emits;
            type Kept = ();
            fn new(stage: S) -> Self {
                Self(stage, PhantomData)
            }
            fn stage(&mut self) -> &mut S {
                &mut self.0
            }
            fn started(&mut self, cx: &mut Context<$out>) -> impl Future<Output = Result> + Send {
                self.0.started(cx)
            }
            fn poll_events(&mut self, task: &mut Task<'_>, cx: &mut Context<$out>) -> Poll<Result> {
                self.0.poll_events(task, cx)
            }
            fn handle_cancel(&mut self, id: SubscriptionId, end: &End, cx: &mut Context<$out>) -> impl Future<Output = Result> + Send {
                self.0.handle_cancel(id, end, cx)
            }
            fn handle_failure(&mut self, failure: &Failure) -> Directive {
                self.0.handle_failure(failure)
            }
            fn handle_discarded(&mut self, count: usize) -> bool {
                self.0.handle_discarded(count)
            }
            fn in_hand(&self) -> usize {
                self.0.in_hand()
            }
            fn stopping(&mut self, exit: &Exit, cx: &mut Context<$out>) -> impl Future<Output = ()> + Send {
                self.0.stopping(exit, cx)
            }
            $($own)*
        }
    };
}

role!(
    AsProducer,
    Producer,
    Never,
    S::Out,
    true,
    true,
    "A behaviour as a producer.",
    {
        fn handle_demand(
            &mut self,
            n: usize,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_demand(n, cx)
        }
        fn handle_subscriber(
            &mut self,
            id: SubscriptionId,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_subscriber(id, cx)
        }
        fn handle_complete(
            &mut self,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_drain(cx)
        }
    }
);

role!(
    AsProducerConsumer,
    ProducerConsumer,
    S::In,
    S::Out,
    false,
    true,
    "A behaviour as a producer-consumer.",
    {
        fn handle_events(
            &mut self,
            events: &mut Batch<'_, S::In>,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_events(events, cx)
        }
        fn handle_complete(
            &mut self,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_complete(cx)
        }
        fn handle_subscribe(
            &mut self,
            id: SubscriptionId,
            asking: Asking,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result<Asking>> + Send {
            self.0.handle_subscribe(id, asking, cx)
        }
        fn handle_subscriber(
            &mut self,
            id: SubscriptionId,
            cx: &mut Context<S::Out>,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_subscriber(id, cx)
        }
    }
);

role!(
    AsConsumer,
    Consumer,
    S::In,
    Never,
    false,
    false,
    "A behaviour as a consumer.",
    {
        fn handle_events(
            &mut self,
            events: &mut Batch<'_, S::In>,
            cx: &mut Context,
        ) -> impl Future<Output = Result> + Send {
            self.0.handle_events(events, cx)
        }
        fn handle_subscribe(
            &mut self,
            id: SubscriptionId,
            asking: Asking,
            cx: &mut Context,
        ) -> impl Future<Output = Result<Asking>> + Send {
            self.0.handle_subscribe(id, asking, cx)
        }
    }
);
