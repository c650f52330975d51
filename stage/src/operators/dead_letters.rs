//! Where events go that a stage failed on: a producer of its own, so that somebody can look at them, or try again.

use std::marker::PhantomData;

use crate::behaviour::{Handler, Producer};
use crate::context::Context;
use crate::exit::Result;
use crate::protocol::Dispatcher;
use crate::runtime::{AsProducer, Build, CastError, DeadLetter, ProducerHandle, Takes, producer};

/// A producer of dead letters; made by [`dead_letters`].
#[derive(Debug)]
pub struct DeadLetters<T>(PhantomData<fn() -> T>);

/// Builds a producer of the events that stages fail on and answer with [`Directive::DeadLetter`](crate::Directive).
///
/// Several stages of the same event type can share it. Letters that nobody asks for wait in its buffer: by default
/// 10,000, then the oldest are dropped, counted. It ends when it is stopped or drained.
///
/// ```
/// use futures::{StreamExt, TryStreamExt};
/// use stage::{Batch, Consumer, Context, Demand, Directive, Failure, Result, consumer, dead_letters, from_iter};
///
/// struct Even;
/// impl Consumer for Even {
///     type In = u32;
///     async fn handle_events(&mut self, events: &mut Batch<'_, u32>, _: &mut Context) -> Result {
///         while let Some(event) = events.front() {
///             if event % 2 == 1 {
///                 return Err("it is odd".into());
///             }
///             events.pop();
///         }
///         Ok(())
///     }
///     fn handle_failure(&mut self, _: &Failure) -> Directive {
///         Directive::DeadLetter
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let letters = dead_letters().spawn()?;
/// let numbers = from_iter(1..=4).spawn()?;
/// consumer(Even).subscribe_to(&numbers, Demand::default()).dead_letters_to(&letters).spawn()?;
/// let odd: Vec<_> = letters.stream(Demand::default()).take(2).try_collect().await?;
/// assert_eq!((odd[0].event, odd[1].event), (1, 3));
/// # Ok(())
/// # }
/// ```
pub fn dead_letters<T: Send + 'static>() -> Build<AsProducer<DeadLetters<T>>> {
    producer(DeadLetters(PhantomData))
}

impl<T: Send + 'static> Producer for DeadLetters<T> {
    type Out = DeadLetter<T>;

    async fn handle_demand(&mut self, _: usize, _: &mut Context<DeadLetter<T>>) -> Result {
        // Letters come when stages fail, not when they are asked for.
        Ok(())
    }
}

impl<T: Send + 'static> Handler<DeadLetter<T>, DeadLetter<T>> for DeadLetters<T> {
    type Reply = ();

    async fn handle(&mut self, letter: DeadLetter<T>, cx: &mut Context<DeadLetter<T>>) {
        cx.emit(letter);
    }
}

impl<R: Takes> Build<R> {
    /// Says where events go that fail with [`Directive::DeadLetter`](crate::Directive::DeadLetter).
    pub fn dead_letters_to<D>(mut self, letters: &ProducerHandle<DeadLetters<R::In>, D>) -> Self
    where
        D: Dispatcher<DeadLetter<R::In>>,
    {
        let letters = letters.clone();
        self.send_letter = Some(Box::new(move |letter| match letters.cast(letter) {
            Ok(()) => None,
            Err(CastError::Full(letter) | CastError::Ended(letter)) => Some(letter),
        }));
        self
    }
}
