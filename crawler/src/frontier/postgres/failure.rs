//! What an error of the database means: that it is worth another try, or what the one who reads it has to do.
//!
//! | what failed | then |
//! |---|---|
//! | the connection, or the server is starting, stopping or full | another try, later |
//! | a deadlock, a lock that was not had in time, a cut transaction | another try |
//! | a statement that a pooler prepared elsewhere | another try, without prepared statements |
//! | the crawl's tables are gone | there is no crawl |
//! | user, password, rights, database, certificate, version | it is said what to change |
//! | all else | told as it is |

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use rustls::CertificateError;
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
    /// The server is older than any that this was tried with.
    TooOld(String),
    /// A newer program has brought the crawl to this layout since it was opened.
    Newer { found: i32, known: i32 },
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
            Self::TooOld(_) | Self::Newer { .. } | Self::Gone | Self::Closed | Self::Damaged(_) => {
                false
            }
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
        if self.is_temporary() {
            let source = Some(Arc::new(self) as _);
            return FrontierError::Unavailable { place, source };
        }
        let code = match &self {
            Self::Database(error) => error.code().cloned(),
            Self::Newer { found, known } => {
                return FrontierError::Newer {
                    place,
                    found: (*found).into(),
                    known: (*known).into(),
                };
            }
            Self::Gone => return FrontierError::Missing { place },
            Self::Closed => return FrontierError::Closed,
            _ => None,
        };
        let help = self.help();
        let source = Arc::new(self);
        match (code, help) {
            (Some(code), _) if code == SqlState::DISK_FULL => FrontierError::Full { place, source },
            (Some(code), _) if is_missing(&code) => FrontierError::Missing { place },
            (_, Some(help)) => FrontierError::Refused {
                place,
                help,
                source,
            },
            _ => FrontierError::Engine { place, source },
        }
    }

    /// Returns what the one who reads it has to change, where that is known.
    fn help(&self) -> Option<&'static str> {
        let error = match self {
            Self::Database(error) => error,
            Self::TooOld(_) => return Some("use a server of PostgreSQL 14 or newer"),
            _ => return None,
        };
        match error.code() {
            Some(code) => help_of_code(code),
            None => help_of_connection(error),
        }
    }
}

impl fmt::Display for Failure {
    /// Writes what was said, in a line: the client's own words around it only tell where in it they passed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::Database(error) => error,
            Self::Silent => return f.write_str("it does not answer"),
            Self::Unsure => return f.write_str("the connection was lost in a commit"),
            Self::TooOld(version) => return write!(f, "it is PostgreSQL {version}"),
            Self::Newer { found, .. } => return write!(f, "the crawl has layout {found}"),
            Self::Gone => return f.write_str("the crawl is gone"),
            Self::Closed => return f.write_str("the frontier is closed"),
            Self::Damaged(what) => return f.write_str(what),
        };
        let Some(said) = error.as_db_error() else {
            return f.write_str(&innermost(error).to_string());
        };
        let more = [said.detail(), said.hint()].into_iter().flatten();
        let words = std::iter::once(said.message()).chain(more);
        let words: Vec<_> = words
            .map(|words| words.trim_end_matches('.').replace('\n', " "))
            .collect();
        f.write_str(&words.join("; "))
    }
}

impl Error for Failure {}

fn help_of_code(code: &SqlState) -> Option<&'static str> {
    let has = |codes: &[SqlState]| codes.contains(code);
    if has(&[
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ]) {
        return Some("see the user and the password in its address, and pg_hba.conf on the server");
    }
    if has(&[SqlState::INVALID_CATALOG_NAME]) {
        return Some("make the database first, or name another in its address");
    }
    if has(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
        return Some(
            "its user must be let to make schemas in the database (GRANT CREATE ON DATABASE), and be the one who began \
             the crawl",
        );
    }
    None
}

fn help_of_connection(error: &tokio_postgres::Error) -> Option<&'static str> {
    Some(match tls_of(error) {
        Some(rustls::Error::InvalidCertificate(invalid)) => match invalid {
            CertificateError::UnknownIssuer => {
                "name the file of the authority of its certificate with sslrootcert in its address"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "write its host in the address as its certificate names it"
            }
            _ => "its certificate is to be renewed or corrected",
        },
        Some(_) => "see how it encrypts connections: ssl_min_protocol_version and ssl_ciphers",
        None if innermost(error).to_string().contains(NO_TLS) => {
            "let it encrypt connections (ssl = on), or write sslmode=disable in its address"
        }
        None => return None,
    })
}

/// What the client says when a server that should encrypt does not.
const NO_TLS: &str = "server does not support TLS";

fn innermost(error: &tokio_postgres::Error) -> &(dyn Error + 'static) {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

/// Returns what went wrong in the encryption, which the client wraps in an I/O error.
fn tls_of(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let io = error.source()?.downcast_ref::<io::Error>()?;
    io.get_ref()?.downcast_ref()
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
    tls_of(error).is_none() && io.kind() != io::ErrorKind::InvalidData
}
