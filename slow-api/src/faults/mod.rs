//! The faults of the local web, each at a path of its own under `/fault/`: what a crawler meets, on request.
//!
//! What is still HTTP, though it says strange things, is an ordinary response; what no library of HTTP would send
//! is a [`Script`] of bytes and pauses for the bare connection.

mod script;
pub(crate) use script::{End, Script, Step};
mod catalogue;
pub(crate) use catalogue::reply;
mod charsets;
mod encodings;
mod heads;
mod pages;
mod raw;
mod redirects;
mod statuses;
