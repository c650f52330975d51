//! `crawler`: crawls the web or fetches a list through demand-driven stages, each URL once. The program is [`main`];
//! the public modules are here so that tests and benches reach them, and stand in the order of their floors.

pub mod fetch;
mod flags;
pub mod frontier;
pub mod parse;
pub mod pipeline;
pub mod policy;
mod program;
mod run;
mod seeds;
mod telling;
pub mod warc;
pub mod web_url;
pub use program::main;
