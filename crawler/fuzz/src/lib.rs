//! Laws that any bytes must keep, each a function that panics where one is broken: for a fuzzer, which goes on for as long as
//! it is let, and for the tests, which try some thousand.

mod parts;

pub mod css;
pub mod sitemap;
pub mod warc;
