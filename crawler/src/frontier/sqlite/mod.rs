//! The frontier in one SQLite file: crash-safe, resumable, for one process at a time.
//!
//! ```text
//!  handle ──work──▶ writer, a thread that owns the connection ──▶ crawl.db
//!    ▲                 │   folds the work that waits into one transaction: first what writes, then the claims
//!    └─────answer──────┘   and answers after the commit
//! ```
//!
//! It is right up to about fifty million URLs and for one process; several share a crawl through PostgreSQL.

mod add;
mod claim;
mod fresh;
mod handle;
mod lanes;
mod ledger;
mod lock;
mod log;
mod mark;
mod next;
mod notes;
mod reader;
mod schema;
mod settle;
mod suspects;
pub use reader::SqliteReader;
mod syncer;
mod turn;
mod wide;
mod work;
mod writer;
pub use handle::SqliteFrontier;
mod results;
pub use results::SqliteResults;
mod options;
pub use options::SqliteOptions;
