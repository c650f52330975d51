//! How a message finds its half of a fused pair: each half has a weak handle to itself, as it has in a stage of its own.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::super::mailbox::Handling;
use super::super::{CallPort, Envelope, Role};
use super::{Between, Fused, Half, Lent, beside, lead};
use crate::context::Context;

/// The doors of both halves; they live as long as the stage.
pub(super) struct Ports<A: Role, B: Role<In = A::Out>> {
    first: Arc<First<A, B>>,
    second: Arc<Second<A, B>>,
}

/// Where the messages of the stage go.
type Mailbox<A, B> = Arc<dyn CallPort<Fused<A, B>, <B as Role>::Out>>;

struct First<A: Role, B: Role<In = A::Out>>(Mailbox<A, B>);
struct Second<A: Role, B: Role<In = A::Out>>(Mailbox<A, B>);

impl<A: Role, B: Role<In = A::Out>> Ports<A, B> {
    /// Lets each half find itself: `cx` is what the second is lent, `inner` what the first is.
    pub(super) fn open(
        own: &mut Option<Self>,
        cx: &mut Context<B::Out>,
        inner: &mut Context<A::Out>,
    ) {
        if own.is_none() {
            let mailbox = cx.call_port::<Fused<A, B>>();
            *own = mailbox
                .and_then(|mailbox| mailbox.upgrade())
                .map(|mailbox| Self {
                    first: Arc::new(First(Arc::clone(&mailbox))),
                    second: Arc::new(Second(mailbox)),
                });
        }
        if let Some(Self { first, second }) = own {
            let first: Arc<dyn CallPort<A::Stage, A::Out>> = Arc::<First<A, B>>::clone(first);
            let second: Arc<dyn CallPort<B::Stage, B::Out>> = Arc::<Second<A, B>>::clone(second);
            inner.seldom.make().door = Some(Box::new(Arc::downgrade(&first)));
            cx.seldom.make().door = Some(Box::new(Arc::downgrade(&second)));
        }
    }
}

macro_rules! door {
    ($door:ident, $to:ident, $half:ident) => {
        impl<A: Role, B: Role<In = A::Out>> CallPort<$half::Stage, $half::Out> for $door<A, B> {
            fn send(&self, message: Box<dyn Envelope<$half::Stage, $half::Out>>) -> bool {
                self.0.send(Box::new($to::<$half>(message)))
            }

            fn send_behind(&self, message: Box<dyn Envelope<$half::Stage, $half::Out>>) {
                self.0.send_behind(Box::new($to::<$half>(message)));
            }

            fn calls(&self) -> &Arc<Semaphore> {
                self.0.calls()
            }
        }
    };
}

door!(First, ToFirst, A);
door!(Second, ToSecond, B);

struct ToFirst<A: Role>(Box<dyn Envelope<A::Stage, A::Out>>);
struct ToSecond<B: Role>(Box<dyn Envelope<B::Stage, B::Out>>);

impl<A: Role, B: Role<In = A::Out>> Envelope<Fused<A, B>, B::Out> for ToFirst<A> {
    fn run<'a>(
        self: Box<Self>,
        fused: &'a mut Fused<A, B>,
        cx: &'a mut Context<B::Out>,
    ) -> Handling<'a> {
        Between::of(&mut fused.joint.between, cx).want::<A, B>(cx);
        Box::pin(async move { lead!(fused, cx, |first, inner| self.0.run(first.stage(), inner)) })
    }
}

impl<A: Role, B: Role<In = A::Out>> Envelope<Fused<A, B>, B::Out> for ToSecond<B> {
    fn run<'a>(
        self: Box<Self>,
        fused: &'a mut Fused<A, B>,
        cx: &'a mut Context<B::Out>,
    ) -> Handling<'a> {
        fused.at = Half::Second;
        self.0.run(fused.second.stage(), cx)
    }
}
