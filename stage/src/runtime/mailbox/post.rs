//! What has come and was not taken.

use super::{Control, Incoming, Messages, Spares};

/// The two queues of a mailbox, and the emptied lists that go back to who fills them.
///
/// There are two of it for each stage, one in its mailbox and one at hand. Mostly the one at hand is worked off when the
/// stage looks for more, and the two are exchanged.
pub(crate) struct Post<S, In, Out: Send + 'static> {
    pub(crate) control: Messages<Control<S, In, Out>>,
    pub(crate) incoming: Messages<Incoming<S, In, Out>>,
    pub(crate) spares: Spares<In>,
}

impl<S, In, Out: Send + 'static> Default for Post<S, In, Out> {
    fn default() -> Self {
        Self {
            control: Messages::default(),
            incoming: Messages::default(),
            spares: Spares::default(),
        }
    }
}

impl<S, In, Out: Send + 'static> Post<S, In, Out> {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.control.is_empty() && self.incoming.is_empty()
    }

    /// Exchanges what has come for what is at hand, or moves it behind that; emptied lists go the other way.
    #[inline]
    pub(super) fn take(self: &mut Box<Self>, come: &mut Box<Self>) {
        if self.is_empty() {
            std::mem::swap(self, come);
        } else {
            self.append(come);
        }
    }

    pub(in crate::runtime) fn append(&mut self, come: &mut Self) {
        come.control.move_to(&mut self.control);
        come.incoming.move_to(&mut self.incoming);
        self.spares.move_to(&mut come.spares);
    }
}
