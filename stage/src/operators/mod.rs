//! Whole stages ready to use: what would otherwise be a behaviour written by hand.

mod lanes;
pub use lanes::Order;
mod work;
pub use work::{Function, Work};
mod map_async;
pub use map_async::{DeadlinePassed, MapAsync, map_async};
mod map_service;
pub use map_service::{TowerService, map_service};
mod dead_letters;
pub use dead_letters::{DeadLetters, dead_letters};
