//! What is taken of a sitemap, and what is wrong with one that is not read to its end.

use thiserror::Error;

/// How many URLs of a sitemap are taken. Source: sitemaps.org protocol 0.9.
pub const URLS_MAX: usize = 50_000;
/// How much of a sitemap is read, in bytes, uncompressed. Source: sitemaps.org protocol 0.9, "50MB (52,428,800 bytes)".
pub const BYTES_MAX: usize = 50 * 1024 * 1024;
/// How many indexes may lead to a sitemap, one naming the other. The protocol has one; sites of millions of pages have two.
pub const INDEXES_MAX: u8 = 3;

/// Why a sitemap was not read, or not to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SitemapFault {
    /// It declares a document type: no sitemap needs one, and what it defines may grow without an end.
    #[error("the sitemap has a document type, and nothing of it is taken")]
    Doctype,
    /// It goes on after what is taken of one.
    #[error("the sitemap is longer than 50 MB or 50,000 URLs; the rest is left out")]
    TooLong,
    /// It was made to blow up.
    #[error("the sitemap is compressed far more than any is, and nothing of it is taken")]
    Bomb,
    /// It is an index, and too many of them led to it.
    #[error("an index that {INDEXES_MAX} indexes led to, and nothing of it is taken")]
    TooDeep,
    /// The server has none there.
    #[error("the server answered {status} instead of a sitemap")]
    Missing {
        /// The status of its answer.
        status: u16,
    },
    /// It is none, or broken from some place on.
    #[error("it is no sitemap, or broken; what stands before that is taken")]
    Invalid,
}

impl SitemapFault {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Doctype => "sitemap-doctype",
            Self::TooLong | Self::Bomb => "sitemap-too-long",
            Self::TooDeep => "sitemap-depth",
            Self::Missing { .. } => "sitemap-missing",
            Self::Invalid => "sitemap-invalid",
        }
    }
}
