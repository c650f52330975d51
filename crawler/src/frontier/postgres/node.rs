//! Membership: which processes work on a crawl. A node's name is a row, and a lock that no other node can have, held by a
//! transaction that is open for as long as the node works; who loses that has no claim to the name until it has the lock
//! again.
//!
//! | what happens | then |
//! |---|---|
//! | a node joins under a name that is in use | it is told so, and does not |
//! | its session is cut | the next beat takes the lock again, unless another node has the name by then |
//! | it is frozen for more than 30 s | the same |
//! | it ends without leaving | its last beat tells when; its row stays until the name is used again |

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpool_postgres::{ClientWrapper, Object};
use tokio::sync::Mutex;
use tokio_postgres::types::{ToSql, Type};

use super::core::{Core, key};
use super::failure::Failure;
use super::notes::column;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::FrontierError;
use crate::frontier::clock::{span, time};

/// A beat that takes longer comes too late for another.
const BEAT_MAX: Duration = Duration::from_secs(5);

/// What a node tells of itself with each beat.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pulse {
    /// Visits that it can make at a time.
    pub capacity: usize,
    /// Visits that it makes now.
    pub in_flight: usize,
    /// Pages a second, of late.
    pub rate: f64,
    /// Whether it takes nothing new.
    pub is_draining: bool,
}

/// A node as its row tells of it. Times are by the database's clock.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// Its name in the crawl.
    pub name: String,
    /// Where it runs, as it says.
    pub address: String,
    /// What it told last.
    pub pulse: Pulse,
    /// When it joined.
    pub joined_at: SystemTime,
    /// How long ago it told something.
    pub silent_for: Duration,
}

/// A node's place in a crawl, from [`PostgresFrontier::join`](super::PostgresFrontier::join) until it leaves.
///
/// It holds a connection of its own for as long as it lasts, and a transaction on it, so that a pooler gives it to nobody
/// else.
#[derive(Debug)]
pub struct Membership {
    core: Arc<Core>,
    address: String,
    /// Which of the nodes that had the name it is.
    id: i64,
    /// The session that holds the name, if it is not lost.
    session: Mutex<Option<ClientWrapper>>,
}

const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

impl Membership {
    pub(super) async fn join(core: Arc<Core>, address: &str) -> Result<Self, FrontierError> {
        let membership = Self {
            core,
            address: address.to_owned(),
            id: fastrand::i64(1..),
            session: Mutex::new(None),
        };
        let mut session = membership.session.lock().await;
        let taken = membership.take_name().await;
        *session = Some(taken?);
        drop(session);
        Ok(membership)
    }

    /// Tells that the node is at work, and how much.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Unavailable`] when the database can't be reached now; [`FrontierError::NodeInUse`] when the
    /// connection was cut and another node has taken the name since, so that this one is to stop;
    /// [`FrontierError::Missing`] when the crawl is gone, and [`FrontierError::Engine`].
    ///
    /// # Cancel safety
    ///
    /// A beat that is dropped was told or not.
    pub async fn beat(&self, pulse: Pulse) -> Result<(), FrontierError> {
        let mut session = self.session.lock().await;
        let beat = async {
            // A session that fails is not put back, and taken anew by the next beat.
            let client = match session.take().filter(|client| !client.is_closed()) {
                Some(client) => {
                    let alive = client.batch_execute("SELECT").await;
                    alive.map_err(|error| self.explain(error))?;
                    client
                }
                None => self.take_name().await?,
            };
            *session = Some(client);
            self.write(pulse).await
        };
        let beaten = tokio::time::timeout(BEAT_MAX, beat).await;
        beaten.unwrap_or_else(|_| Err(Failure::Silent.explain(&self.core.place)))
    }

    /// Gives the name free.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Unavailable`] and [`FrontierError::Engine`] when the database can't be told; the name is free
    /// then as soon as it sees that the connection is gone.
    pub async fn leave(self) -> Result<(), FrontierError> {
        let Some(client) = self.session.lock().await.take() else {
            return Ok(());
        };
        let sql = format!(
            "DELETE FROM \"{}\".node WHERE name = $1 AND id = $2",
            self.core.schema
        );
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.core.node, Type::TEXT), (&self.id, Type::INT8)];
        let leave = async {
            self.execute(&sql, &values).await?;
            let ended = client.batch_execute("ROLLBACK").await;
            ended.map_err(|error| self.explain(error))
        };
        let left = tokio::time::timeout(BEAT_MAX, leave).await;
        left.unwrap_or_else(|_| Err(Failure::Silent.explain(&self.core.place)))
    }

    /// Gets a session that holds the name, and writes the row.
    async fn take_name(&self) -> Result<ClientWrapper, FrontierError> {
        // It leaves the pool, which makes another in its place.
        let client = Object::take(self.client().await?);
        let failed = |error: tokio_postgres::Error| self.explain(error);
        client.batch_execute(HOLD).await.map_err(failed)?;
        let key = key(&self.core.schema, &format!("node {}", self.core.node));
        let locked = "SELECT pg_try_advisory_xact_lock($1)";
        let locked = client.query_typed_one(locked, &[(&key, Type::INT8)]).await;
        let is_locked: bool = locked.and_then(|row| row.try_get(0)).map_err(failed)?;
        if !is_locked {
            return Err(self.who_has_it(&client).await.map_err(failed)?);
        }
        let schema = &self.core.schema;
        let sql = format!(
            "INSERT INTO \"{schema}\".node(name, id, addr, started_at, beat_at) VALUES ($1, $2, $3, {NOW}, {NOW})
             ON CONFLICT (name) DO UPDATE SET id = excluded.id, addr = excluded.addr, beat_at = excluded.beat_at,
                 started_at = CASE node.id WHEN excluded.id THEN node.started_at ELSE excluded.started_at END"
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.core.node, Type::TEXT),
            (&self.id, Type::INT8),
            (&self.address, Type::TEXT),
        ];
        self.execute(&sql, &values).await?;
        Ok(client)
    }

    /// Says why the lock can't be had: another node has it, or a session of this one that the database holds for alive.
    async fn who_has_it(
        &self,
        client: &ClientWrapper,
    ) -> Result<FrontierError, tokio_postgres::Error> {
        let sql = format!(
            "SELECT id FROM \"{}\".node WHERE name = $1",
            self.core.schema
        );
        let row = client
            .query_typed_opt(&sql, &[(&self.core.node, Type::TEXT)])
            .await?;
        let id: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
        let place = self.core.place.clone();
        Ok(if id == Some(self.id) {
            FrontierError::Unavailable {
                place,
                source: None,
            }
        } else {
            FrontierError::NodeInUse {
                place,
                name: self.core.node.clone(),
            }
        })
    }

    async fn write(&self, pulse: Pulse) -> Result<(), FrontierError> {
        let sql = format!(
            "UPDATE \"{}\".node SET beat_at = {NOW}, capacity = $3, in_flight = $4, rate = $5, draining = $6
             WHERE name = $1 AND id = $2",
            self.core.schema
        );
        let (capacity, in_flight) = (
            column(pulse.capacity as u64),
            column(pulse.in_flight as u64),
        );
        let values: [(&(dyn ToSql + Sync), Type); 6] = [
            (&self.core.node, Type::TEXT),
            (&self.id, Type::INT8),
            (&capacity, Type::INT8),
            (&in_flight, Type::INT8),
            (&pulse.rate, Type::FLOAT8),
            (&pulse.is_draining, Type::BOOL),
        ];
        if self.execute(&sql, &values).await? == 0 {
            return Err(Failure::Gone.explain(&self.core.place));
        }
        Ok(())
    }

    /// Changes rows in a transaction of their own: that of the session that holds the name never ends.
    async fn execute(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<u64, FrontierError> {
        let client = self.client().await?;
        let done = client.execute_typed(sql, values).await;
        done.map_err(|error| self.explain(error))
    }

    async fn client(&self) -> Result<Object, FrontierError> {
        let client = self.core.pool.get().await;
        client.map_err(|error| Failure::from(error).explain(&self.core.place))
    }

    fn explain(&self, error: tokio_postgres::Error) -> FrontierError {
        Failure::from(error).explain(&self.core.place)
    }
}

/// Begins the transaction that holds the name: a session alone would not do, for a pooler may lend it to another node
/// between two transactions. It has no snapshot while it is idle, so it keeps no row from being vacuumed. Who says nothing
/// in it for as long as a lease lasts has no claim to the name any more.
const HOLD: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '30s'";

const NODES: Sql = Sql {
    text: "
SELECT name, addr, capacity, in_flight, rate, draining, started_at,
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint - beat_at FROM node ORDER BY name",
    types: &[],
};

/// Reads which nodes there are.
#[derive(Debug)]
pub(super) struct ReadNodes;

impl Work for ReadNodes {
    type Answer = Vec<Node>;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Vec<Node>, Failure> {
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        let rows = turn.query(&NODES, &[]).await?;
        let nodes = rows.iter().map(|row| {
            Ok(Node {
                name: row.try_get(0)?,
                address: row.try_get(1)?,
                pulse: Pulse {
                    capacity: count(row.try_get(2)?),
                    in_flight: count(row.try_get(3)?),
                    rate: row.try_get(4)?,
                    is_draining: row.try_get(5)?,
                },
                joined_at: time(row.try_get(6)?),
                silent_for: span(row.try_get(7)?),
            })
        });
        nodes.collect()
    }
}
