//! What a stage keeps for as long as something rare takes, apart from what each of its turns looks at.

use std::collections::VecDeque;

use super::{Envelope, Role, Task};
use crate::exit::End;
use crate::id::SubscriptionId;
use crate::protocol::UpstreamEnds;

/// What few turns need.
pub(crate) struct Aside<R: Role> {
    /// Messages that wait for a mark in the buffer to be passed, one for each mark.
    pub(super) behind: VecDeque<Box<dyn Envelope<R::Stage, R::Out>>>,
    /// The event that failed the callback, for as long as its failure is dealt with.
    pub(super) failed: Option<R::In>,
    /// What the protocol still owes when the running callback is dropped: the consumer that leaves, the upstream that has
    /// ended.
    pub(super) leaving: Option<(SubscriptionId, End)>,
    pub(super) ended_upstream: Option<(UpstreamEnds, End)>,
}

impl<R: Role> Default for Aside<R> {
    fn default() -> Self {
        Self {
            behind: VecDeque::new(),
            failed: None,
            leaving: None,
            ended_upstream: None,
        }
    }
}

impl<R: Role> Task<R> {
    pub(super) fn take_failed(&mut self) -> Option<R::In> {
        self.aside.get_mut()?.failed.take()
    }

    pub(super) fn take_leaving(&mut self) -> Option<(SubscriptionId, End)> {
        self.aside.get_mut()?.leaving.take()
    }

    pub(super) fn take_ended_upstream(&mut self) -> Option<(UpstreamEnds, End)> {
        self.aside.get_mut()?.ended_upstream.take()
    }
}
