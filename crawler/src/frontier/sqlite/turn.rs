//! One transaction of the writer, and what the work in it shares.

use rusqlite::Connection;

use super::fresh::Fresh;
use super::ledger::Ledger;
use super::wide::WideSites;

/// A transaction at work. What it does to the ledger, to what is fresh and to wide sites is undone
/// when it fails.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) connection: &'a Connection,
    /// The time of all of it.
    pub(super) now: i64,
    pub(super) ledger: &'a mut Ledger,
    pub(super) fresh: &'a mut Fresh,
    pub(super) wide: &'a mut WideSites,
}

impl Turn<'_> {
    /// Notes that there may be more to claim, which begins a new round.
    pub(super) const fn changed(&mut self) {
        self.ledger.round += 1;
    }
}
