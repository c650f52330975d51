//! No link, redirect, robots.txt or name server leads a crawl to an address that is not of the public internet, unless its
//! user said so. Each test has the word of the server that must not be asked: nobody connected to it.
//!
//! All servers are on this machine; one at 127.0.0.2 that is allowed by `--allow-net` stands for the public internet.

mod crawl;
mod dns;
mod forbidden;
mod links;
mod names;
mod site;
