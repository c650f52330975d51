//! Which addresses a crawl may connect to: those of the public internet. A link, a redirect or a name server must not
//! lead it to the machine it runs on or to the network around it (server-side request forgery).
//!
//! The check belongs on the address that is really connected to, after the name was resolved.

mod block;
pub use block::Block;
mod allowed;
pub use allowed::{AllowedAddresses, RefusedAddress, literal};
