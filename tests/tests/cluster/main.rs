//! Several crawlers as processes that share one crawl through a real PostgreSQL: who fetches what, who joins, who dies.

mod job;

mod deaths;
mod joining;
mod refusals;
mod sharing;
