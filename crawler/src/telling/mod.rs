//! What people are told, on standard error, and what is kept from it.

mod counted;
pub(crate) use counted::Counted;
mod say;
pub(crate) use say::say;
mod user_info;
pub(crate) use user_info::{names_user, without_user_info};
