//! The thread that owns the connection. It takes the work that waits, does it in one transaction, and answers after
//! the commit: what one settle costs, a hundred share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::fresh::{FRESH_MAX, Fresh};
use super::ledger::Ledger;
use super::lock::Lock;
use super::suspects::{self, Holders};
use super::syncer::Syncer;
use super::turn::Turn;
use super::wide::WideSites;
use super::work::{Kind, Work};
use super::{mark, schema};
use crate::frontier::clock::millis;
use crate::frontier::{Clock, FrontierError, Round, Stats};

/// Pieces of work in one transaction: with a hundred pages each, a few milliseconds' worth.
const FOLD_MAX: usize = 64;

/// What the writer is sent.
pub(super) enum Message {
    Work(Box<dyn Work>),
    Close(oneshot::Sender<Result<(), FrontierError>>),
}

/// What all may know after a commit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) round: Round,
    pub(super) stats: Stats,
}

/// The one who writes.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    connection: Connection,
    /// `None` in memory.
    lock: Option<Lock>,
    clock: Arc<dyn Clock>,
    /// `None` in memory.
    syncer: Option<Syncer>,
    /// The latest time that was told.
    now: i64,
    ledger: Ledger,
    fresh: Fresh,
    wide: WideSites,
    told: watch::Sender<Told>,
    /// Whether the engine has said that the file is damaged.
    is_damaged: bool,
}

impl Writer {
    /// Takes over a connection to a crawl, with what another left behind.
    pub(super) fn new(
        path: &Path,
        connection: Connection,
        lock: Option<Lock>,
        syncer: Option<Syncer>,
        clock: Arc<dyn Clock>,
    ) -> rusqlite::Result<Self> {
        let now = millis(clock.now());
        schema::take_over(&connection, now)?;
        if lock.is_some() {
            mark::open(&connection)?;
        }
        let mut ledger = Ledger::read(&connection)?;
        ledger.suspects = suspects::count(&connection, Holders::AtWork)?;
        let fresh = Fresh::read(&connection, FRESH_MAX)?;
        let told = watch::Sender::new(Told {
            round: Round::default(),
            stats: ledger.stats(),
        });
        Ok(Self {
            path: path.to_owned(),
            connection,
            lock,
            clock,
            syncer,
            now,
            ledger,
            fresh,
            wide: WideSites::default(),
            told,
            is_damaged: false,
        })
    }

    /// Returns where it tells what all may know.
    pub(super) fn told(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }

    /// Works until it is closed, or all who could send it work are gone.
    pub(super) fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        // Leases that nobody waited for.
        let mut undo = Vec::new();
        loop {
            let mut batch = std::mem::take(&mut undo);
            let mut close = None;
            let mut next = if batch.is_empty() {
                messages.blocking_recv()
            } else {
                messages.try_recv().ok()
            };
            if next.is_none() && batch.is_empty() {
                return;
            }
            while let Some(message) = next {
                match message {
                    Message::Work(work) => batch.push(work),
                    Message::Close(reply) => close = Some(reply),
                }
                let is_full = batch.len() >= FOLD_MAX || close.is_some();
                next = if is_full {
                    None
                } else {
                    messages.try_recv().ok()
                };
            }
            let committed = self.commit(&mut batch);
            if let Some(reply) = close {
                // Nothing is sent any more, and what was sent after the close is answered by its end.
                drop(messages);
                for work in batch {
                    let _given_back_by_the_next_open = work.answer(committed.clone());
                }
                let _nobody_waits = reply.send(self.close());
                return;
            }
            for work in batch {
                undo.extend(work.answer(committed.clone()));
            }
        }
    }

    /// Does all of it in one transaction, or none.
    fn commit(&mut self, batch: &mut [Box<dyn Work>]) -> Result<(), FrontierError> {
        if batch.is_empty() {
            return Ok(());
        }
        batch.sort_by_key(|work| work.kind());
        self.now = self.now.max(millis(self.clock.now()));
        let before = self.ledger;
        let committed = self.turn(batch);
        if committed.is_err() {
            self.ledger = before;
        }
        self.fresh.ended(committed.is_ok());
        self.wide.ended(committed.is_ok());
        let (round, stats) = (Round(self.ledger.round), self.ledger.stats());
        self.told.send_if_modified(|told| {
            let is_new = told.round != round;
            *told = Told { round, stats };
            is_new
        });
        committed.map_err(|error| self.explain(error))?;
        match &self.syncer {
            Some(syncer) if batch.iter().any(|work| work.kind() == Kind::Durable) => {
                let failed = |source| FrontierError::of_file(&self.path, source);
                syncer.committed().map_err(failed)
            }
            _ => Ok(()),
        }
    }

    fn turn(&mut self, batch: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
        let behaviour = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behaviour)?;
        let before = self.ledger;
        let mut turn = Turn {
            connection: &transaction,
            now: self.now,
            ledger: &mut self.ledger,
            fresh: &mut self.fresh,
            wide: &mut self.wide,
        };
        for work in batch {
            work.run(&mut turn)?;
        }
        self.wide.write(&transaction)?;
        self.fresh.sort_in(&transaction)?;
        self.ledger.write(&before, &transaction)?;
        transaction.commit()
    }

    fn explain(&mut self, error: rusqlite::Error) -> FrontierError {
        let error = schema::explain(&self.path, error);
        self.is_damaged |= matches!(error, FrontierError::Corrupt { .. });
        error
    }

    /// Closes the file, and only then lets go of its lock.
    fn close(mut self) -> Result<(), FrontierError> {
        // On a full disk it counts as lost instead, as after a kill.
        let now = self.now.max(millis(self.clock.now()));
        let given_back = schema::give_back(&self.connection, now);
        let given_back = given_back.and_then(|()| mark::close(&self.connection));
        let given_back = given_back.map_err(|error| self.explain(error));
        // The file would say that there is more in the log, and have none.
        if given_back.is_ok() && !self.is_damaged {
            let _is_left_otherwise = schema::work_in_at_close(&self.connection);
        }
        // The last to close the file works its log in, and tells how that went.
        drop(self.syncer);
        let closed = self.connection.close();
        drop(self.lock);
        closed.map_err(|(_, error)| schema::explain(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::sqlite::work::{claim, work};
    use crate::frontier::{Job, NewUrl, Site, SystemClock};

    fn writer() -> Writer {
        let mut connection = schema::connect(None).unwrap();
        schema::lay_out(&mut connection, &Job::default()).unwrap();
        let clock = Arc::new(SystemClock::default());
        Writer::new(Path::new("crawl.db"), connection, None, None, clock).unwrap()
    }

    fn add(count: usize) -> Vec<Box<dyn Work>> {
        let site = Site::unlimited("h");
        let urls = (0..count).map(|n| NewUrl::seed(format!("http://h/{n}"), site.clone()));
        let urls: Vec<_> = urls.collect();
        let (reply, _nobody) = oneshot::channel();
        vec![work(Kind::Durable, move |turn| turn.add(&urls), reply)]
    }

    #[test]
    fn a_full_disk_undoes_all_of_a_transaction_and_is_told_by_its_name() {
        let mut writer = writer();
        writer.commit(&mut add(1)).unwrap();
        let pages = "SELECT page_count + 4 FROM pragma_page_count";
        let pages: i64 = writer
            .connection
            .query_row(pages, [], |row| row.get(0))
            .unwrap();
        let limit = |pages: i64| format!("PRAGMA max_page_count = {pages}");
        writer.connection.execute_batch(&limit(pages)).unwrap();
        let before = writer.ledger;
        let full = writer.commit(&mut add(5_000)).unwrap_err();
        assert!(matches!(full, FrontierError::Full { .. }), "{full}");
        assert_eq!(writer.ledger, before);

        writer.connection.execute_batch(&limit(1 << 20)).unwrap();
        writer.commit(&mut add(5_000)).unwrap();
        assert_eq!(writer.told.borrow().stats.known, 5_000);
    }

    #[test]
    fn a_claim_sees_what_comes_with_it() {
        let mut writer = writer();
        let (reply, mut answer) = oneshot::channel();
        let mut batch = vec![claim(1, 0, reply)];
        batch.extend(add(1));
        writer.commit(&mut batch).unwrap();
        for work in batch {
            assert!(work.answer(Ok(())).is_none(), "somebody waits");
        }
        let claims = answer.try_recv().unwrap().unwrap();
        assert_eq!(claims.leases.len(), 1);
    }

    #[test]
    fn a_crawl_of_one_transaction_is_read_back_as_it_was_told() {
        let mut writer = writer();
        writer.commit(&mut add(300)).unwrap();
        let read = Ledger::read(&writer.connection).unwrap();
        assert_eq!(read.stats(), writer.told.borrow().stats);
        assert_eq!(read.stats().known, 300);
        let count = |table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            writer
                .connection
                .query_row(&sql, [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((count("fresh"), count("queue")), (300, 300));
    }
}
