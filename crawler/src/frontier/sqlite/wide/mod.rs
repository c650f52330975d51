//! Sites of many lanes: their lanes, and the head of their queue, kept in memory.
//!
//! A page's links go to as many lanes as there are. In rows by lane each link would rewrite a page of the file of its own,
//! and so would each URL that is done. The queue of a site is in the order of its numbers instead: what is new is written
//! at its end, what is done is taken from its begin. Which lane is free, and which URL is the first of it, is known here.
//!
//! All of it can be read again from the file, and is, after a transaction that failed.

mod site;
pub(super) use site::{Place, Purpose, Taking, Waiting};
mod rows;
pub(super) use rows::{read_queue, read_queued};
mod sites;
pub(super) use sites::WideSites;
