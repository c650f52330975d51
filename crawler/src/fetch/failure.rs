//! Why a fetch gave no answer.

use std::time::Duration;

use hyper_util::client::legacy::Error as ClientError;
use thiserror::Error as ThisError;

use super::causes;
use crate::policy::address::RefusedAddress;

/// A fetch that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{error}")]
pub struct NoAnswer {
    /// Why there is none.
    pub error: FetchError,
    /// How long its server was asked: not at all when its name was not found, or its address is refused.
    pub asked: Duration,
}

/// Why there is no answer. The URL is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum FetchError {
    /// The host has an address that may not be connected to.
    #[error("{0}")]
    Address(RefusedAddress),
    /// The host's name has no address.
    #[error("the host's name was not found: {0}")]
    Name(String),
    /// No connection was made.
    #[error("{0}")]
    Connect(String),
    /// The server's certificate is not to be trusted.
    #[error("the certificate is not valid: {0}")]
    Tls(String),
    /// No answer came in time.
    #[error("no answer came in time")]
    Timeout,
    /// What came is no HTTP.
    #[error("what came is no proper HTTP answer: {0}")]
    Protocol(String),
    /// The connection ended before the answer.
    #[error("the connection was lost before the answer: {0}")]
    Lost(String),
    /// The body is in a coding that is not known, or not what its coding says.
    #[error("{0}")]
    Coding(String),
    /// The fetch itself broke down.
    #[error("the fetch panicked: {0}")]
    Crashed(String),
}

impl FetchError {
    /// Returns the class, as it stands in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address(refused) => refused.code(),
            Self::Name(_) => "name-not-found",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::Protocol(_) => "protocol",
            Self::Lost(_) => "connection-lost",
            Self::Coding(_) => "coding",
            Self::Crashed(_) => "crashed",
        }
    }

    /// Returns whether another try may end better.
    #[must_use]
    pub const fn is_worth_another(&self) -> bool {
        match self {
            Self::Name(_)
            | Self::Connect(_)
            | Self::Timeout
            | Self::Protocol(_)
            | Self::Lost(_) => true,
            Self::Address(_) | Self::Tls(_) | Self::Coding(_) | Self::Crashed(_) => false,
        }
    }

    /// Reads a client's error, which is a chain of causes, most of which say where in the client they passed.
    pub(super) fn of(error: &ClientError) -> Self {
        if let Some(refused) = causes::find::<RefusedAddress>(error) {
            return Self::Address(*refused);
        }
        let last = causes::last(error);
        if causes::is_of_name(error) {
            return Self::Name(last);
        }
        if let Some(what) = causes::certificate(error) {
            return Self::Tls(what);
        }
        if let Some(what) = causes::malformed(error) {
            return Self::Protocol(what);
        }
        if error.is_connect() {
            let words = causes::of_connection(error).map(str::to_owned);
            return Self::Connect(
                words.unwrap_or_else(|| format!("no connection was made: {last}")),
            );
        }
        if causes::is_timed_out(error) {
            return Self::Timeout;
        }
        Self::Lost(last)
    }
}
