//! One run of the program: what it is to do, who does it, how it is watched, and how it ends. A list and a crawl differ in
//! their seeds and their rules alone.

mod plan;
pub(crate) use plan::{Kind, Plan};
mod crew;
mod typed;
pub(crate) use crew::Crew;
mod begin;
pub(crate) use begin::{crawl, list, resume};
mod job;
pub(crate) use job::Job;
mod advice;
mod end;
mod interrupt;
mod progress;
mod report;
