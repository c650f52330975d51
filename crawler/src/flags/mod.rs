//! The flags, checked where they are read, so that all else may trust them. A flag goes before its variable, that
//! before the configuration file, and that before the default.

mod list;
mod values;
pub(crate) use list::ListFlags;
mod crawl;
pub(crate) use crawl::{CrawlFlags, FollowName, ReachFlags, ResumeFlags, ScopeName};
mod manners;
pub(crate) use manners::MannersFlags;
mod shared;
pub(crate) use shared::{SharedFlags, machine};
mod job;
pub(crate) use job::{ExplainFlags, LookFlags, StatusFlags};
mod export;
pub(crate) use export::ExportFlags;
mod how;
pub(crate) use how::{HowFlags, LogFormat};
mod help;
mod program;
pub(crate) use program::{Command, Flags};
mod config;
mod read;
pub(crate) use read::{BAD_USAGE, read};
