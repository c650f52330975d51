//! The crawler.
fn main() {}
