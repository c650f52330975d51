//! The frontier in a PostgreSQL database: several processes on many machines share one crawl.
//!
//! ```text
//!  handle ──a task for each call──▶ core ──▶ turn, one transaction ──▶ a schema for each crawl
//!                                    ▲          lanes locked, decided about here, written back
//!                                    └── again, when the database was not there
//! ```
//!
//! What is decided is decided in this process, under the locks of the lanes it is about; statements only lock, read and
//! write rows, many at once, by arrays of their keys. Nodes never wait for each other but for a lock: the one that is
//! killed keeps its lanes until their lease runs out, and nothing else. Of a polite lane a process may hold the next few URLs
//! besides, which [follow](successors) the one on lease without the database.

mod address;
mod tls;

mod failure;

mod backoff;

mod layout;

mod tally;

mod successors;

mod sessions;

mod turn;

mod core;

mod lanes;
mod layouts;

mod sites;

mod add;

mod ready;

mod claim;

mod next;

mod leases;

mod settle;

mod notes;

mod trace;

mod crawl;

mod node;
pub use node::{Membership, Node, Pulse};
mod handle;
pub use handle::PostgresFrontier;
mod options;
pub use options::PostgresOptions;
