//! Where the first URLs come from: typed ones, a list, or the pages of an API; and how they get into the frontier.

mod api;
pub(crate) use api::{Api, find};
mod list;
pub(crate) use list::{Line, UrlList};
mod same_file;
pub(crate) use same_file::is_list;
mod roots;
pub(crate) use roots::Roots;
mod source;
pub(crate) use source::Seeds;
mod seeding;
pub(crate) use seeding::{Seeded, seed};
