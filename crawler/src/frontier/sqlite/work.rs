//! Work for the writer: what is to be done in a transaction, and whom to answer after its commit.

use tokio::sync::oneshot;

use super::turn::Turn;
use crate::frontier::{Claims, FrontierError, Lease};

/// The order of the work in one transaction, and whether the disk must have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// What is answered holds from then on, and is soon on the disk.
    Durable,
    /// Leases that change: after a power cut all of them are void, and the disk need not have them.
    Passing,
    /// Claims come last, so that they see all that comes with them.
    Claim,
}

/// One piece of work.
pub(super) trait Work: Send {
    fn kind(&self) -> Kind;

    /// Does it, in a transaction that is not committed yet.
    fn run(&mut self, turn: &mut Turn<'_>) -> rusqlite::Result<()>;

    /// Answers the one who waits, once it is known what became of the transaction. When nobody waits any more there
    /// may be something to undo, which is returned.
    fn answer(self: Box<Self>, committed: Result<(), FrontierError>) -> Option<Box<dyn Work>>;
}

/// Where the answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, FrontierError>>;

/// Makes a piece of work of what is to be done.
pub(super) fn work<T, F>(kind: Kind, run: F, reply: Reply<T>) -> Box<dyn Work>
where
    T: Send + 'static,
    F: FnOnce(&mut Turn<'_>) -> rusqlite::Result<T> + Send + 'static,
{
    Box::new(Task {
        kind,
        run: Some(run),
        value: None,
        reply,
        undo: |_| None,
    })
}

/// Makes a claim, whose leases are given back when nobody waits for them.
pub(super) fn claim(demand: usize, ahead: usize, reply: Reply<Claims>) -> Box<dyn Work> {
    Box::new(Task {
        kind: Kind::Claim,
        run: Some(move |turn: &mut Turn<'_>| turn.claim(demand, ahead)),
        value: None,
        reply,
        undo: |claims: Claims| {
            let (reply, _nobody) = oneshot::channel();
            (!claims.leases.is_empty()).then(|| release(&claims.leases, reply))
        },
    })
}

/// Makes the work that takes leases back.
pub(super) fn release(leases: &[Lease], reply: Reply<()>) -> Box<dyn Work> {
    let keys: Vec<_> = leases.iter().map(Lease::key).collect();
    let run = move |turn: &mut Turn<'_>| turn.release(&keys);
    work(Kind::Passing, run, reply)
}

struct Task<T, F> {
    kind: Kind,
    /// Taken when it is run.
    run: Option<F>,
    /// What it gave.
    value: Option<T>,
    reply: Reply<T>,
    undo: fn(T) -> Option<Box<dyn Work>>,
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut Turn<'_>) -> rusqlite::Result<T> + Send,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, turn: &mut Turn<'_>) -> rusqlite::Result<()> {
        if let Some(run) = self.run.take() {
            self.value = Some(run(turn)?);
        }
        Ok(())
    }

    fn answer(mut self: Box<Self>, committed: Result<(), FrontierError>) -> Option<Box<dyn Work>> {
        let value = self.value.take().ok_or(FrontierError::Closed);
        let undelivered = self.reply.send(committed.and(value)).err()?;
        undelivered.ok().and_then(self.undo)
    }
}
