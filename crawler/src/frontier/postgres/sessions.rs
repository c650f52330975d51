//! Which of the server's sessions each connection has: one for as long as it lasts, unless a pooler in between gives each
//! transaction another.
//!
//! A session keeps the plans of what is prepared in it, for a while.
//!
//! What was prepared on a connection is then prepared in another session, and in this one the statement of that name may
//! be another node's. So who sees that a connection has moved sends statements whole from then on.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, StatementCache};

/// How long a plan is used. One that reads a table of a few rows whole is the best there is, until the table grows.
const PLANS_LAST: Duration = Duration::from_secs(10);

/// The sessions that connections had first. Invariant: each connection that lives is there once at most.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<Session>);

/// A connection lives as long as its own store of statements.
#[derive(Debug)]
struct Session {
    connection: Weak<StatementCache>,
    process: i32,
    planned_at: Instant,
}

impl Sessions {
    /// Takes note of the server's process that serves a connection now, and returns whether another did before.
    pub(super) fn has_moved(&mut self, connection: &ClientWrapper, process: i32) -> bool {
        self.note(&connection.statement_cache, process)
    }

    /// Returns whether the plans of a connection are to be made anew, which then begins.
    pub(super) fn has_old_plans(&mut self, connection: &ClientWrapper, now: Instant) -> bool {
        let connection = &connection.statement_cache;
        let is_it = |session: &&mut Session| session.connection.as_ptr() == Arc::as_ptr(connection);
        let session = self.0.iter_mut().find(is_it);
        let old = session.filter(|session| now.duration_since(session.planned_at) >= PLANS_LAST);
        old.map(|session| session.planned_at = now).is_some()
    }

    fn note(&mut self, connection: &Arc<StatementCache>, process: i32) -> bool {
        self.0
            .retain(|session| session.connection.strong_count() > 0);
        let is_it = |session: &&Session| session.connection.as_ptr() == Arc::as_ptr(connection);
        if let Some(session) = self.0.iter().find(is_it) {
            return session.process != process;
        }
        self.0.push(Session {
            connection: Arc::downgrade(connection),
            process,
            planned_at: Instant::now(),
        });
        false
    }
}
