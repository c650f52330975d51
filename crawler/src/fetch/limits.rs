//! How long one fetch may take, and how much it may bring.

use std::time::Duration;

/// The clocks and caps of one fetch.
///
/// | clock | from | to |
/// |---|---|---|
/// | `connect` | the start | the connection is made |
/// | `first_byte` | the start | the head of the answer is read |
/// | `idle` | any bytes of the body | the next ones |
/// | `total` | the start | the end of the body |
///
/// A body that is past a cap or a clock is kept as far as it came, and marked as truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection is made.
    pub connect: Duration,
    /// Until the head of the answer is read.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// Until the end of the body.
    pub total: Duration,
    /// Bytes of a body, decoded.
    pub body_bytes_max: usize,
    /// How many times as long as it was sent a body may become by decoding, once it is longer than a mebibyte.
    pub ratio_max: usize,
    /// Bytes of a body with a content coding that are kept as they came, beside the decoded ones; none without an archive.
    pub wire_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(15),
            total: Duration::from_secs(120),
            body_bytes_max: 10 * 1024 * 1024,
            // A page of markup rarely shrinks to a tenth; what shrinks to a hundredth was made for it.
            ratio_max: 100,
            wire_bytes_max: 0,
        }
    }
}
