//! What a job has recorded, read in parts, wherever it is kept.

use crate::frontier::{Frontier, FrontierError, PostgresFrontier, SqliteResults};

/// Records that are read at once.
const READ_AT_ONCE: usize = 1_000;

/// The records of a job.
pub(super) enum Records {
    File(SqliteResults),
    /// Those of all nodes, behind one.
    Shared(PostgresFrontier, i64),
    /// Those of one node, behind one.
    Node(PostgresFrontier, i64),
}

impl Records {
    /// Returns the next of them, each as a line of JSON without its end; none at their end.
    pub(super) async fn next(&mut self) -> Result<Vec<String>, FrontierError> {
        let (read, last) = match self {
            Self::File(results) => return results.next(READ_AT_ONCE),
            Self::Shared(frontier, last) => (frontier.results(*last, READ_AT_ONCE).await?, last),
            Self::Node(frontier, last) => (frontier.own_results(*last, READ_AT_ONCE).await?, last),
        };
        *last = read.last().map_or(*last, |(id, _)| *id);
        Ok(read.into_iter().map(|(_, about)| about).collect())
    }

    pub(super) async fn close(self) -> Result<(), FrontierError> {
        match self {
            Self::File(_) => Ok(()),
            Self::Shared(frontier, _) | Self::Node(frontier, _) => frontier.close().await,
        }
    }
}
