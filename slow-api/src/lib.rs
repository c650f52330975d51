//! An HTTP service that is slow on purpose, and counts what it was asked, so that tests have the server's word.
//!
//! | path | answer |
//! |---|---|
//! | `GET /api/crawl?url=U` | after the delay `{"message": "Processed U"}`, or a failure on purpose |
//! | `GET /api/stats` | the counts of `/api/crawl`, a [`Snapshot`] |
//! | `POST /api/stats/reset` | begins the counts anew; what is in flight stays in flight |
//! | `GET /healthz` | `{"service": "slow-api", "version": "…"}` |
//! | `GET /site/page/N` | page N of the local web: a seeded link graph, see [`Site`] |
//! | `GET /site/private/N` | a page that robots.txt disallows |
//! | `GET /robots.txt` | the rules, or the trouble that [`RobotsMode`] names |
//! | `GET /sitemap.xml` | the sitemap of all pages that may be reached |
//! | `GET /sitemaps/` | a page that links to sitemaps of each kind, good ones and bad ones |
//! | `GET /fault/` | a page that links to all faults: redirects, statuses, encodings, broken HTTP |
//! | `GET /calendar/…` | a part that a crawler may lose itself in, where there is one: see [`Trap`] |
//! | `GET /stats` | what was asked of the local web, host by host, a [`WebSnapshot`] |
//! | `POST /stats/reset` | begins these counts anew; what is in flight stays in flight |
//!
//! Whatever is refused is answered in JSON, `{"error": "…"}`: 400 without a usable `url`, 404 for an unknown path,
//! 405 for a wrong method with `Allow`, 414 for a `url` of more than 8,192 bytes. Only what is no HTTP, or whose
//! head is over 64 KiB, gets the bare status of the HTTP library.
//!
//! Delay and failures come from [`Options`]; the chance in them is drawn from the seed, the URL and the
//! how-manieth request of that URL it is, so a run repeats. A reset begins that count anew as well.
//!
//! The local web is what crawlers are tested with: [`WebOptions`] says on how many hosts and how large. A page is a
//! function of the seed and its number, and nothing of it is stored.
//!
//! It is bad at what a real server needs: it speaks HTTP/1.1 without TLS, and holds its counts in memory.

mod options;
pub use options::{FailureRate, FailureRateError, FailureStatus, FailureStatusError, Options};
mod counts;
mod decision;
mod query;
mod tally;
pub use counts::Snapshot;
mod faults;
mod web;
pub use web::{
    HostCount, HostCountError, HostSnapshot, Link, LinkForm, Page, RobotsMode, RobotsModeError,
    Site, Target, Trap, TrapError, WebOptions, WebSnapshot,
};
mod body;
mod connections;
mod play;
mod respond;
mod routes;
mod server;
mod stats;
pub use server::{Server, StartError, start};
