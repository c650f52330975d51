//! The nouns of a crawl, so that stages and policy speak of the same things.

mod job;
pub(crate) use job::{Job, has_private_part, shown};
mod outcome;
pub(crate) use outcome::{Outcome, Problem};
mod url_list;
#[cfg(test)]
pub(crate) use url_list::Reason;
pub(crate) use url_list::{ReadListError, Rejected, UrlList};
mod user_info;
pub(crate) use user_info::without_user_info;
