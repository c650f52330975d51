//! What the floors share: what was seen and what waits, the links of a page, and their command line.
//!
//! A floor keeps everything in memory and does nothing but fetch and follow. It knows by heart what the local web asks
//! of crawlers, so that it fetches the same pages as a crawler that obeys: it follows no `rel=nofollow`, asks for no
//! private page, and decodes the three character references that stand there.

mod frontier;
pub use frontier::Frontier;

mod links;
pub use links::{decode, may_follow, resolve, scan};

mod run;
pub use run::{Args, Failure, crawl};
