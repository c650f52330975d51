//! WARC 1.1, as bytes: records, what they are known by, and the heads of HTTP that they hold. Nothing here reads a clock,
//! draws a number or touches a file. Source: ISO 28500:2017, the WARC format 1.1.
//!
//! A file is a row of gzip members, each of which is one record. Of a URL that was answered there are three, of which the
//! others name the first by `WARC-Concurrent-To`:
//!
//! | record | its block |
//! |---|---|
//! | `response` | the status line, the headers and the body, in its content coding |
//! | `revisit` in place of it | the status line and the headers, where an earlier record holds the same body |
//! | `request` | the request line and the headers that were sent |
//! | `metadata` | what the crawl tells of the URL, as JSON |
//!
//! A header's name is in lower case, and those of one name stand together, in the order in which the first of each came:
//! that is how the HTTP client hands them on.

mod id;
pub use id::RecordId;
mod digest;
pub use digest::Digest;
pub(crate) use digest::hex;
mod http;
pub use http::{RequestHead, ResponseHead};
mod record;
pub use record::{IDENTICAL_PAYLOAD, Kind, Record};
