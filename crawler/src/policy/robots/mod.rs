//! What a site's owner asks of crawlers, by RFC 9309: reading a robots.txt, asking it about a URL, and what holds when
//! it can't be had.

mod product;
pub use product::Product;
mod groups;
mod lines;
mod pattern;
mod rules;
pub use rules::{BODY_BYTES_MAX, RobotsRefusal, Rules};
mod standing;
pub use standing::{Cached, Kept, Outcome, PATIENCE, REDIRECTS_MAX, Standing, Step, tries_within};
#[cfg(test)]
mod cases;
