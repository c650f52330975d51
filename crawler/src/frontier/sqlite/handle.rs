//! The frontier as its users hold it: each call is a piece of work for the writer, and waits for its answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::ledger::column;
use super::turn::Turn;
use super::work::{self, Kind, Work};
use super::writer::{Message, Told};
use crate::frontier::known::{Key, Known};
use crate::frontier::{
    Added, Asks, Claims, Frontier, FrontierError, Job, Lease, LeaseKey, NewUrl, Outcome,
    RobotsCopy, Round, Settled, SiteId, State, Stats, UrlHash, Written,
};

/// A frontier in a SQLite file, or in memory. [`SqliteOptions`](super::SqliteOptions) open it.
///
/// [`close`](Frontier::close) lets go of the file before it returns; dropping lets go of it soon.
#[derive(Debug)]
pub struct SqliteFrontier {
    config: Mutex<String>,
    messages: mpsc::Sender<Message>,
    told: watch::Receiver<Told>,
    known: Mutex<Known>,
}

impl SqliteFrontier {
    pub(super) const fn new(
        config: String,
        messages: mpsc::Sender<Message>,
        told: watch::Receiver<Told>,
        known: Known,
    ) -> Self {
        Self {
            config: Mutex::new(config),
            messages,
            told,
            known: Mutex::new(known),
        }
    }

    async fn ask<T, F>(&self, kind: Kind, run: F) -> Result<T, FrontierError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.send(|reply| work::work(kind, run, reply)).await
    }

    async fn send<T>(
        &self,
        work: impl FnOnce(work::Reply<T>) -> Box<dyn Work> + Send,
    ) -> Result<T, FrontierError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Work(work(reply));
        let sent = self.messages.send(message).await;
        sent.map_err(|_| FrontierError::Closed)?;
        answer.await.unwrap_or(Err(FrontierError::Closed))
    }

    fn config(&self) -> MutexGuard<'_, String> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Frontier for SqliteFrontier {
    async fn job(&self) -> Result<Job, FrontierError> {
        let config = self.config().clone();
        let stats = self.stats().await?;
        Ok(Job {
            config,
            pages: stats.pages_left,
            bytes: stats.bytes_left,
        })
    }

    async fn describe(&self, config: String) -> Result<(), FrontierError> {
        let kept = config.clone();
        let describe = move |turn: &mut Turn<'_>| {
            let sql = "UPDATE crawl SET config = ?1";
            turn.connection.execute(sql, [&kept]).map(drop)
        };
        self.ask(Kind::Durable, describe).await?;
        *self.config() = config;
        Ok(())
    }

    async fn allow(&self, pages: Option<u64>) -> Result<(), FrontierError> {
        let allow = move |turn: &mut Turn<'_>| {
            turn.ledger.pages.allow(pages.map(column));
            turn.changed();
            Ok(())
        };
        self.ask(Kind::Passing, allow).await
    }

    async fn allow_bytes(&self, bytes: Option<u64>) -> Result<(), FrontierError> {
        let allow = move |turn: &mut Turn<'_>| {
            turn.ledger.bytes.allow(bytes.map(column));
            turn.changed();
            Ok(())
        };
        self.ask(Kind::Passing, allow).await
    }

    async fn add(&self, mut urls: Vec<NewUrl>) -> Result<Added, FrontierError> {
        let count = urls.len();
        self.known().strip(&mut urls);
        let keys: Vec<Key> = urls.iter().map(NewUrl::key).collect();
        let add = move |turn: &mut Turn<'_>| turn.add(&urls).map(|filled| filled.new);
        let new = self.ask(Kind::Durable, add).await?;
        self.known().learn(keys);
        Ok(Added {
            new,
            known: count - new,
        })
    }

    fn remembers(&self, urls: &[(SiteId, UrlHash)]) -> Vec<bool> {
        self.known().holds(urls)
    }

    async fn seeded(&self) -> Result<(), FrontierError> {
        let seeded = |turn: &mut Turn<'_>| {
            if turn.ledger.state == State::Seeding {
                turn.ledger.state = State::Running;
                turn.changed();
            }
            Ok(())
        };
        self.ask(Kind::Durable, seeded).await
    }

    async fn claim(&self, demand: usize) -> Result<Claims, FrontierError> {
        self.claim_ahead(demand, 0).await
    }

    async fn claim_ahead(&self, demand: usize, ahead: usize) -> Result<Claims, FrontierError> {
        let (reply, answer) = oneshot::channel();
        let claim = Message::Work(work::claim(demand, ahead, reply));
        let sent = self.messages.send(claim).await;
        sent.map_err(|_| FrontierError::Closed)?;
        let mut claiming = Claiming {
            answer,
            messages: &self.messages,
        };
        let answer = (&mut claiming.answer).await;
        answer.unwrap_or(Err(FrontierError::Closed))
    }

    async fn changed(&self, since: Round) {
        let mut told = self.told.clone();
        // It fails when the writer has ended, of which the next call tells.
        let _closed = told.wait_for(|told| told.round > since).await;
    }

    async fn renew(&self, leases: Vec<LeaseKey>) -> Result<Vec<LeaseKey>, FrontierError> {
        self.ask(Kind::Passing, move |turn| turn.renew(leases))
            .await
    }

    async fn asks(&self, suspect: LeaseKey, asks: Asks) -> Result<(), FrontierError> {
        self.ask(Kind::Durable, move |turn| turn.asks(suspect, asks))
            .await
    }

    async fn settle(
        &self,
        mut outcomes: Vec<Outcome>,
        written: Vec<Written>,
    ) -> Result<Settled, FrontierError> {
        {
            let mut known = self.known();
            for outcome in &mut outcomes {
                known.strip(&mut outcome.links);
            }
        }
        let links = outcomes.iter().flat_map(|outcome| &outcome.links);
        let keys: Vec<Key> = links.map(NewUrl::key).collect();
        let settle = move |turn: &mut Turn<'_>| turn.settle(outcomes, written);
        let settled = self.ask(Kind::Durable, settle).await?;
        if settled.refused.is_empty() {
            self.known().learn(keys);
        }
        Ok(settled)
    }

    async fn release(&self, leases: Vec<Lease>) -> Result<(), FrontierError> {
        self.send(|reply| work::release(&leases, reply)).await
    }

    async fn robots(&self, authority: &str) -> Result<Option<RobotsCopy>, FrontierError> {
        let authority = authority.to_owned();
        self.ask(Kind::Passing, move |turn| turn.robots(&authority))
            .await
    }

    async fn keep_robots(&self, authority: &str, copy: RobotsCopy) -> Result<(), FrontierError> {
        let authority = authority.to_owned();
        let keep = move |turn: &mut Turn<'_>| turn.keep_robots(&authority, &copy);
        self.ask(Kind::Durable, keep).await
    }

    async fn written(&self) -> Result<Vec<Written>, FrontierError> {
        self.ask(Kind::Passing, |turn| turn.written()).await
    }

    async fn stats(&self) -> Result<Stats, FrontierError> {
        if self.messages.is_closed() {
            return Err(FrontierError::Closed);
        }
        Ok(self.told.borrow().stats)
    }

    async fn close(&self) -> Result<(), FrontierError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.messages.send(Message::Close(reply)).await;
        sent.map_err(|_| FrontierError::Closed)?;
        answer.await.unwrap_or(Err(FrontierError::Closed))
    }
}

/// A claim that waits for its answer. When it is dropped, an answer that has come gives its leases back; one that has
/// not finds nobody, and the writer does it.
struct Claiming<'a> {
    answer: oneshot::Receiver<Result<Claims, FrontierError>>,
    messages: &'a mpsc::Sender<Message>,
}

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        self.answer.close();
        let Ok(Ok(claims)) = self.answer.try_recv() else {
            return;
        };
        let (reply, _nobody) = oneshot::channel();
        let release = work::release(&claims.leases, reply);
        // A full queue can't be waited for here: then they come back when their lease runs out.
        let _full_or_closed = self.messages.try_send(Message::Work(release));
    }
}
