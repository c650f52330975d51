//! The local web: a site on each host, whose pages are functions of a seed, and what its visitors asked for.

mod draws;
mod link;
pub use link::{Link, LinkForm, Target};
mod site;
pub use site::{Page, Site};
mod trap;
pub use trap::{Trap, TrapError};
mod render;
mod robots;
mod text;
mod traps;
pub use robots::{RobotsMode, RobotsModeError};
mod options;
mod parts;
mod sitemap;
mod sitemaps;
pub use options::{HostCount, HostCountError, WebOptions};
mod reply;
pub(crate) use reply::{Asked, Refusal, Reply, answer, html, redirect, refuse};
mod host;
pub(crate) use host::{Host, owns};
mod visits;
pub use visits::{HostSnapshot, WebSnapshot};
mod log;
pub(crate) use log::{Visit, VisitLog, WebLog};
