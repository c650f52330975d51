//! What an error of the database means: that it is worth another try, or what the one who reads it has to do.
//!
//! | what failed | then |
//! |---|---|
//! | the connection, or the server is starting, stopping or full | another try, later |
//! | a deadlock, a lock that was not had in time, a cut transaction | another try |
//! | a statement that a pooler prepared elsewhere | another try, without prepared statements |
//! | the crawl's tables are gone | there is no crawl |
//! | all else | told as it is |

use std::error::Error;
use std::io;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::frontier::{FrontierError, Place};

/// Why a transaction did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database said so, or was not heard.
    Database(tokio_postgres::Error),
    /// Nothing was heard for too long.
    Silent,
    /// The connection was lost in the commit, which may have been carried out.
    Unsure,
    /// The crawl is another one by now, or gone.
    Gone,
    /// The frontier was closed in between.
    Closed,
    /// What the database holds is not what this program writes there.
    Damaged(&'static str),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Database(error),
            PoolError::Closed => Self::Closed,
            _ => Self::Silent,
        }
    }
}

impl Failure {
    /// Returns whether the same may be done later.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Database(error) => is_temporary(error),
            Self::Silent | Self::Unsure => true,
            Self::Gone | Self::Closed | Self::Damaged(_) => false,
        }
    }

    /// Returns whether it may have been carried out all the same.
    pub(super) const fn is_unsure(&self) -> bool {
        matches!(self, Self::Silent | Self::Unsure)
    }

    /// Returns whether a pooler in between gave the statements of one connection to another.
    pub(super) fn is_of_a_pooler(&self) -> bool {
        matches!(self, Self::Database(error) if error.code().is_some_and(is_of_a_pooler))
    }

    /// Returns what it means to the one who has the crawl.
    pub(super) fn explain(self, place: &Place) -> FrontierError {
        let place = place.clone();
        let error = match self {
            Self::Database(error) => error,
            Self::Silent | Self::Unsure => {
                return FrontierError::Unavailable {
                    place,
                    source: None,
                };
            }
            Self::Gone => return FrontierError::Missing { place },
            Self::Closed => return FrontierError::Closed,
            Self::Damaged(why) => {
                let source = Arc::new(io::Error::new(io::ErrorKind::InvalidData, why));
                return FrontierError::Engine { place, source };
            }
        };
        if is_temporary(&error) {
            let source = Some(Arc::new(error) as _);
            return FrontierError::Unavailable { place, source };
        }
        match error.code() {
            Some(code) if *code == SqlState::DISK_FULL => FrontierError::Full {
                place,
                source: Arc::new(error),
            },
            Some(code) if is_missing(code) => FrontierError::Missing { place },
            _ => FrontierError::Engine {
                place,
                source: Arc::new(error),
            },
        }
    }
}

/// A schema that was dropped leaves its tables unknown, and the database itself may be.
fn is_missing(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(code)
}

fn is_of_a_pooler(code: &SqlState) -> bool {
    [
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
    ]
    .contains(code)
}

fn is_temporary(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        // Source: PostgreSQL, appendix A: connection exceptions, transaction rollbacks, operator interventions and
        // insufficient resources but for the disk; and the time-outs that this program sets.
        Some(code) => {
            let class = code.code().get(..2).unwrap_or_default();
            let is_listed = [
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::OUT_OF_MEMORY,
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                SqlState::READ_ONLY_SQL_TRANSACTION,
            ];
            ["08", "40", "57"].contains(&class) || is_listed.contains(code) || is_of_a_pooler(code)
        }
        None => error.is_closed() || is_of_the_connection(error),
    }
}

/// Returns whether bytes did not come through; a certificate that is refused is refused again.
fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let Some(io) = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
    else {
        return error.source().is_none() && error.to_string().contains("timeout");
    };
    let tls = io
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    tls.is_none() && io.kind() != io::ErrorKind::InvalidData
}
