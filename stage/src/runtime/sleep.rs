//! Until when a stage that waits for its mailbox sleeps: not to be woken by what it could do nothing with.

use super::{Role, Task, Until};

impl<R: Role> Task<R> {
    /// Sleeps, where what comes next may be of no use alone. The stage is parked, and waits from here on.
    #[inline]
    pub(super) fn sleep(&self) {
        if let Some(until) = self.sleeps_until() {
            self.mailbox.sleep(until);
        }
    }

    #[inline]
    fn sleeps_until(&self) -> Option<Until> {
        let out = self.cx.out.as_ref()?;
        let half = &out.half;
        if let asks @ 2.. = half.asks_needed() {
            return Some(Until::Asked(u32::try_from(asks).unwrap_or(u32::MAX)));
        }
        // What it owes is then the sum of what one consumer asks, who waits for nothing that is held.
        let sole = half.sole_consumer()?;
        let needs_both = !R::IS_SOURCE
            && !R::IS_FUSED
            && out.polls_nothing == Some(true)
            && half.buffered() == 0
            && half.orphaned() == 0
            && self.at_work.is_empty();
        if !needs_both {
            return None;
        }
        match (self.post.incoming.is_empty(), half.owed()) {
            (true, 0) => Some(Until::Both(sole)),
            (true, _) => Some(Until::Events(sole)),
            (false, 0) => Some(Until::Ask),
            // It is paused: neither changes that.
            (false, _) => None,
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use crate::{
        Batch, Context, Demand, Outlet, ProducerConsumer, Result, Source, Subscription, channel,
        producer_consumer,
    };

    struct PassOn;

    impl ProducerConsumer for PassOn {
        type In = usize;
        type Out = usize;

        async fn handle_events(
            &mut self,
            events: &mut Batch<'_, usize>,
            cx: &mut Context<usize>,
        ) -> Result {
            cx.emit_all(events);
            Ok(())
        }
    }

    /// Comes to rest: a paused clock moves only when every task waits.
    async fn rest() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_producer_consumer_takes_the_first_of_an_event_and_an_ask_when_it_has_the_other() {
        let (sender, build) = channel();
        let source = build.spawn().expect("a runtime");
        let demand = Demand::new(4, 2).expect("a minimum below the maximum");
        let pass_on = producer_consumer(PassOn).subscribe_to(&source, demand);
        let pass_on = pass_on.spawn().expect("a runtime");
        let outlet: Outlet<usize> = pass_on.outlet();
        let mut consumer: Subscription<usize> = outlet.subscribe();
        rest().await;
        let port = pass_on.cell.port().expect("it lives");
        consumer.request(NonZeroUsize::MIN);
        rest().await;
        assert_eq!((port.unheard(), port.unread()), (1, 0));
        sender.send(0).await.expect("it lives");
        assert!(matches!(consumer.next().await, Ok(Some(events)) if events == [0]));
        rest().await;
        assert_eq!((port.unheard(), port.unread()), (0, 0));
        sender.send(1).await.expect("it lives");
        rest().await;
        assert_eq!((port.unheard(), port.unread()), (0, 1));
        consumer.request(NonZeroUsize::MIN);
        assert!(matches!(consumer.next().await, Ok(Some(events)) if events == [1]));
        assert_eq!((port.unheard(), port.unread()), (0, 0));
    }
}
