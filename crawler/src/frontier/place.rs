//! Where a crawl is kept, as errors name it.

use std::fmt;
use std::path::{Path, PathBuf};

/// The file of a crawl, or its name in a database.
///
/// # Examples
///
/// ```
/// use std::path::PathBuf;
/// use crawler::frontier::Place;
///
/// let file = Place::File(PathBuf::from("crawl.db"));
/// let shared = Place::Database { server: "db.example:5432/web".to_owned(), crawl: "news".to_owned() };
/// assert_eq!(file.to_string(), "crawl.db");
/// assert_eq!(shared.to_string(), "crawl news in postgres://db.example:5432/web");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A crawl among others in a database.
    Database {
        /// Its host, port and name; never a user or a password.
        server: String,
        /// The name of the crawl.
        crawl: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database { server, crawl } => write!(f, "crawl {crawl} in postgres://{server}"),
        }
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}
