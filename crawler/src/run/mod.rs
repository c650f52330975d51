//! One run of the program: what it is to do, who does it, how it is watched, and how it ends. A list and a crawl differ in
//! their seeds and their rules alone.

mod plan;
pub(crate) use plan::{Kind, Plan};
mod archiving;
mod crew;
mod judge;
mod typed;
pub(crate) use crew::Crew;
mod home;
mod records;
pub(crate) use home::Home;
mod begin;
mod dry;
mod reopen;
pub(crate) use begin::{Unread, crawl, list, resume};
mod job;
pub(crate) use job::Job;
mod advice;
mod beats;
mod copy;
mod end;
mod export;
mod interrupt;
mod recorded;
mod unfinished;
pub(crate) use export::export;
mod nodes;
mod progress;
pub(crate) use nodes::nodes;
mod looking;
mod report;
mod status;
mod suspected;
pub(crate) use status::status;
mod explain;
pub(crate) use explain::explain;
