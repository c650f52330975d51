//! One transaction, and what the work in it shares.
//!
//! All settings are those of the transaction, so that a pooler may give each transaction another session of the server:
//!
//! | setting | why |
//! |---|---|
//! | joins, scans and costs | an array of keys meets an index, whatever is known of a table |
//! | `plan_cache_mode` | with these a plan is right whatever the keys are, and made once: to plan took a fifth of the server's time |
//! | `synchronous_commit` | a lease that is lost with the machine costs a second fetch, a settle must last |
//! | `idle_in_transaction_session_timeout` | what a node has locked that is frozen, or cut off, is soon free |
//! | `lock_timeout` | longer, so that who waits for such a lock gets it |
//!
//! What is left for a plan to go wrong by is a table of a few rows, which it may read whole: plans are
//! [made anew](super::sessions) before it has grown large.
//!
//! Each turn shares an advisory lock of its crawl, which is taken alone by the one who begins the crawl anew and, for a
//! moment, by the one who sees its end.

use std::sync::atomic::Ordering;

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, SimpleQueryMessage};

use super::core::Core;
use super::failure::Failure;
use super::layout::{self, LAYOUT};
use super::tally::Tally;
use crate::frontier::State;
use crate::frontier::clock::millis;

/// A statement with the types of its parameters, so that it needs no look at the server to be run.
#[derive(Debug)]
pub(super) struct Sql {
    pub(super) text: &'static str,
    pub(super) types: &'static [Type],
}

/// Values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whether a commit must reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is answered holds from then on.
    Durable,
    /// Leases that change: with the server's machine some of the last may be lost.
    Passing,
}

impl Kind {
    const fn commit(self) -> &'static str {
        match self {
            Self::Durable => "on",
            Self::Passing => "off",
        }
    }
}

/// Work for a transaction. It may be tried again, so that it keeps what it was given.
pub(super) trait Work: Send + Sync {
    type Answer: Send;

    const KIND: Kind;

    /// Does it, in a transaction that is not committed yet.
    fn run(
        &self,
        turn: &mut Turn<'_>,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// Returns whether there is more to do for a claimer after it.
    fn is_change(_: &Self::Answer) -> bool {
        false
    }

    /// Takes note of what was committed, before a claimer is told of it.
    fn note(&self, _: &Core, _: &Self::Answer) {}

    /// Returns whether what was done for it is to be undone.
    fn is_void(_: &Self::Answer) -> bool {
        false
    }
}

/// A transaction at work.
pub(super) struct Turn<'a> {
    pub(super) core: &'a Core,
    /// Taken at its end; what is dropped before is closed, for its transaction is not known.
    client: Option<Object>,
    /// The time of all of it.
    pub(super) now: i64,
    /// Whether the same was tried before, and may have been carried out.
    pub(super) is_repeat: bool,
    pub(super) state: State,
    /// How many pages may be fetched in the whole crawl, if there is a limit.
    pub(super) pages_max: Option<i64>,
    /// How many bytes of bodies may be read in the whole crawl, if there is a limit.
    pub(super) bytes_max: Option<i64>,
    /// Whether a retry is ready.
    pub(super) has_ready: bool,
    /// What it changes of the crawl's numbers.
    pub(super) tally: Tally,
}

/// The first look: it is only then that the crawl's lock is held.
const BEGIN: Sql = Sql {
    text: "
SELECT c.id, c.state, c.pages_max, c.bytes_max, t.now, EXISTS (SELECT FROM delayed d WHERE d.ready_at <= t.now),
       c.layout
FROM crawl c, (SELECT greatest($2, coalesce($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint))) AS t(now)",
    types: &[Type::INT8, Type::INT8],
};

impl<'a> Turn<'a> {
    /// Begins a transaction on a connection of the pool.
    pub(super) async fn begin(core: &'a Core, kind: Kind) -> Result<Self, Failure> {
        let client = core.pool.get().await?;
        let mut turn = Self {
            core,
            client: Some(client),
            now: 0,
            is_repeat: false,
            state: State::Seeding,
            pages_max: None,
            bytes_max: None,
            has_ready: false,
            tally: Tally::default(),
        };
        let pooled = core.is_pooled();
        let plans = if pooled { "custom" } else { "generic" };
        let has_old = !pooled && core.has_old_plans(turn.client()?);
        let forget = if has_old { "DISCARD PLANS;" } else { "" };
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = \"{}\"; {}
             SELECT pg_backend_pid(), set_config('synchronous_commit', '{}', true),
                 set_config('plan_cache_mode', 'force_{}_plan', true), set_config('enable_hashjoin', 'off', true),
                 set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true),
                 set_config('enable_bitmapscan', 'off', true), set_config('random_page_cost', '0.1', true),
                 set_config('jit', 'off', true), set_config('lock_timeout', '5s', true),
                 set_config('idle_in_transaction_session_timeout', '2s', true), pg_advisory_xact_lock_shared({})",
            core.schema,
            forget,
            kind.commit(),
            plans,
            core.keys.crawl,
        );
        let client = turn.client()?;
        let answers = client.simple_query(&begin).await?;
        core.note_session(client, process(&answers)?);
        if let Err(failure) = turn.look().await {
            turn.give_up().await;
            return Err(failure);
        }
        Ok(turn)
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let given = self.core.clock.as_ref().map(|clock| millis(clock.now()));
        let latest = self.core.latest.load(Ordering::Relaxed);
        let rows = self.query(&BEGIN, &[&given, &latest]).await?;
        let row = rows.first().ok_or(Failure::Gone)?;
        if row.try_get::<_, i64>(0)? != self.core.id {
            return Err(Failure::Gone);
        }
        let found: i32 = row.try_get(6)?;
        if found > LAYOUT {
            return Err(layout::newer(found));
        }
        let state = State::from_word(row.try_get(1)?);
        self.state = state.ok_or(Failure::Damaged("no word for how far it has come"))?;
        self.pages_max = row.try_get(2)?;
        self.bytes_max = row.try_get(3)?;
        self.now = row.try_get(4)?;
        self.has_ready = row.try_get(5)?;
        self.core.latest.fetch_max(self.now, Ordering::Relaxed);
        Ok(())
    }

    /// Runs a statement and returns its rows.
    pub(super) async fn query(&self, sql: &Sql, values: Values<'_>) -> Result<Vec<Row>, Failure> {
        let client = self.client()?;
        if self.core.is_pooled() {
            let typed: Vec<_> = values
                .iter()
                .copied()
                .zip(sql.types.iter().cloned())
                .collect();
            return Ok(client.query_typed(sql.text, &typed).await?);
        }
        let statement = client.prepare_typed_cached(sql.text, sql.types).await?;
        Ok(client.query(&statement, values).await?)
    }

    /// Runs a statement and returns how many rows it changed.
    pub(super) async fn execute(&self, sql: &Sql, values: Values<'_>) -> Result<i64, Failure> {
        let client = self.client()?;
        let count = if self.core.is_pooled() {
            let typed: Vec<_> = values
                .iter()
                .copied()
                .zip(sql.types.iter().cloned())
                .collect();
            client.execute_typed(sql.text, &typed).await?
        } else {
            let statement = client.prepare_typed_cached(sql.text, sql.types).await?;
            client.execute(&statement, values).await?
        };
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Writes the numbers and commits.
    pub(super) async fn commit(mut self) -> Result<(), Failure> {
        self.write_tally().await?;
        let client = self.client.take().ok_or(Failure::Closed)?;
        match client.batch_execute("COMMIT").await {
            Ok(()) => Ok(()),
            Err(error) => {
                close(client);
                let failure = Failure::from(error);
                // What the server answers is sure.
                let is_answered =
                    matches!(&failure, Failure::Database(error) if error.code().is_some());
                Err(if is_answered {
                    failure
                } else {
                    Failure::Unsure
                })
            }
        }
    }

    /// Undoes all of it.
    pub(super) async fn give_up(mut self) {
        if let Some(client) = self.client.take()
            && client.batch_execute("ROLLBACK").await.is_err()
        {
            close(client);
        }
    }

    /// Returns whether lanes may go on with what follows their URLs: no budget is set, and time is as in this process.
    pub(super) const fn may_go_on(&self) -> bool {
        self.pages_max.is_none() && self.bytes_max.is_none() && self.core.clock.is_none()
    }

    fn client(&self) -> Result<&Object, Failure> {
        self.client.as_ref().ok_or(Failure::Closed)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            close(client);
        }
    }
}

/// Reads which of the server's processes answered.
fn process(answers: &[SimpleQueryMessage]) -> Result<i32, Failure> {
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let process = row.and_then(|text| text.parse().ok());
    process.ok_or(Failure::Damaged("no number for a process of the server"))
}

/// Closes a connection whose state is not known, instead of giving it back to the pool.
fn close(client: Object) {
    drop(Object::take(client));
}
