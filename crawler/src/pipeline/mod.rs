//! The crawl as stages, in the order of the flow. What a page links to returns to the frontier with its outcome, never
//! over a subscription: a cycle that subscribes waits on itself.
//!
//! ```text
//!  frontier ──claim(free places)──▶ claims ──leases──▶ visits ──outcomes──▶ store ──records──▶ output files
//!      ▲                                          (robots, fetch, parse)      │
//!      └───────────── settle: outcomes with their links, in one step ─────────┘
//! ```
//!
//! Demand is places: the store asks for as many outcomes as there are places and for what it gathers, so a visit is begun
//! only when its outcome can be taken, and a URL is handed out only when a visit can begin; a few more are claimed ahead of
//! the places, where no other process could use them. A page is parsed in the place it was fetched in, so that what is
//! fetched and not settled is no more than the places and what the store gathers and settles.

mod own_hosts;
pub use own_hosts::OwnHosts;
mod rules;
pub use rules::{Obeys, Rules, lanes_for};
mod admission;
pub(crate) use admission::Admission;
mod history;
pub use history::History;
mod tally;
pub(crate) use tally::{Done, Tally};
mod counts;
pub use counts::{Counts, CountsNow, Failures};
mod leases;
pub(crate) use leases::Held;
mod claims;
pub use claims::ClaimSource;
mod cost;
pub(crate) use cost::Cost;
mod robots;
pub(crate) use robots::{Permission, Robots};
mod record;
pub use record::PageRecord;
mod capture;
mod parts;
mod refused;
mod sitemap;
mod visit;
pub use visit::{Visited, Visitor};
mod verdict;

mod free_space;
pub use free_space::LowSpaceError;
mod csv;
mod format;
pub use format::{Format, UnknownFormat};
mod output;
pub use output::{Overwritten, WriteError};
pub(crate) use output::{begins_as, closed};
mod payloads;
mod segments;
pub(crate) use segments::Segments;
mod lost;
pub(crate) use lost::Lost;
mod moved;
pub(crate) use moved::Moved;
mod archive;
pub use archive::ArchiveOptions;
mod pipes;
pub(crate) use pipes::open_pipe;
mod writing;
pub(crate) use writing::Writing;
mod outputs;
pub use outputs::Outputs;
pub(crate) use outputs::{Entry, EntryId};
mod window;
pub(crate) use window::SettleWindow;
mod settler;
mod store;
pub use store::Store;
