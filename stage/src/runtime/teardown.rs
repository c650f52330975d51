//! How a stage ends, in whatever way: its neighbours hear of it, what was in hand is counted, then the end becomes known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Cell, Control, Incoming, Report, Role, Supervised, Task};
use crate::exit::{End, Exit};
use crate::protocol::drop_all;

/// Makes the end known when it is dropped, whatever panics before.
pub(crate) struct Last {
    pub(crate) cell: Arc<Cell>,
    pub(crate) supervised: Option<Box<Supervised>>,
    /// How the stage ended; `None` until then, and where it was aborted.
    pub(crate) exit: Option<Box<Exit>>,
}

impl Last {
    fn exit(&self) -> &Exit {
        self.exit.as_deref().unwrap_or(&Exit::Aborted)
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        self.cell.stages.ended(&self.cell, self.exit());
        if let Some(supervised) = &self.supervised {
            supervised.report(Report::Ended);
        }
    }
}

impl<R: Role> Task<R> {
    /// Tells the neighbours, and counts what was in hand.
    fn tear_down(&mut self) {
        self.post.append(&mut self.mailbox.close());
        let unread: usize = self.post.incoming.iter().map(Incoming::len).sum();
        let in_hand = self.role.in_hand() + self.role.between();
        for message in self.post.control.iter() {
            match message {
                // It came while the stage lived.
                Control::Subscribe(consumer) => {
                    consumer.port.end(consumer.id, End::of(self.last.exit()));
                }
                Control::SubscribeTo(upstream) if upstream.opened.is_some() => {
                    let producer = upstream.outlet.ask_port();
                    producer.gone(upstream.id, self.last.exit().clone());
                }
                _ => {}
            }
        }
        self.cx.close(self.last.exit());
        let cell = &self.cx.cell;
        cell.lost_if_any(unread + self.at_work.unhandled() + in_hand);
    }
}

impl<R: Role> Drop for Task<R> {
    fn drop(&mut self) {
        // What panics here is the user's `Drop` code, or a log; the end becomes known all the same.
        let _panicked = catch_unwind(AssertUnwindSafe(|| self.tear_down()));
        let user_values = AssertUnwindSafe(|| {
            self.post.control.clear();
            while let Some(message) = self.post.incoming.pop_front() {
                if let Incoming::Events(_, events) = message {
                    drop_all(events);
                }
            }
            self.at_work.give_up();
            drop_all(self.take_failed());
        });
        let _panicked = catch_unwind(user_values);
    }
}
