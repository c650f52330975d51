//! What is asked of the local web and what it replies, as plain data.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use thiserror::Error;
use warp::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use warp::http::{Response, StatusCode};

use crate::faults::Script;
use crate::query;

/// A request, as far as a reply depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    /// The query as it came, empty when there is none.
    pub(crate) query: &'a str,
    /// The how-manieth request of its path and query this is, from 1.
    pub(crate) nth: u64,
    /// The time of day, for what is told as a date.
    pub(crate) now: SystemTime,
}

/// How a request is replied to.
#[derive(Debug)]
#[must_use]
pub(crate) enum Reply {
    /// By HTTP as it should be, though what it says may be strange.
    Answer {
        response: Response<Bytes>,
        after: Duration,
    },
    /// By bytes and pauses that no library of HTTP would send; the connection ends with it.
    Script(Script),
}

/// Why there is no reply of the web's own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("there is nothing at this path")]
    Unknown,
    #[error("the query parameter '{name}' is no number from {least} to {most}")]
    Number {
        name: &'static str,
        least: u64,
        most: u64,
    },
    #[error(transparent)]
    Url(#[from] query::QueryError),
    #[error("the query parameter 'url' has a byte that no header may have")]
    Header,
}

impl Asked<'_> {
    /// Returns the number that the query gives for `name`, or else the `usual` one.
    pub(crate) fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
        usual: u64,
    ) -> Result<u64, Refusal> {
        let pairs = self.query.split('&');
        let Some((_, value)) = pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(given, _)| *given == name)
        else {
            return Ok(usual);
        };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or(Refusal::Number {
            name,
            least: *range.start(),
            most: *range.end(),
        })
    }

    /// Returns the time that the query gives in milliseconds for `ms`, or else the `usual` one.
    pub(crate) fn pause(&self, usual: Duration) -> Result<Duration, Refusal> {
        let usual = u64::try_from(usual.as_millis()).unwrap_or(u64::MAX);
        let ms = self.number("ms", 0..=PAUSE_MS_MAX, usual)?;
        Ok(Duration::from_millis(ms))
    }
}

impl Refusal {
    pub(crate) fn response(&self) -> Response<Bytes> {
        let status = match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Url(error) => error.status(),
            Self::Number { .. } | Self::Header => StatusCode::BAD_REQUEST,
        };
        refuse(status, &self.to_string())
    }
}

impl From<Response<Bytes>> for Reply {
    fn from(response: Response<Bytes>) -> Self {
        let after = Duration::ZERO;
        Self::Answer { response, after }
    }
}

/// Makes a response of a status, a content type and a body.
pub(crate) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let _none = response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Makes a page.
pub(crate) fn html(body: impl Into<Bytes>) -> Response<Bytes> {
    answer(StatusCode::OK, "text/html; charset=utf-8", body)
}

/// Makes a redirect.
pub(crate) fn redirect(status: StatusCode, to: HeaderValue) -> Response<Bytes> {
    let mut response = answer(
        status,
        "text/html; charset=utf-8",
        "<p>It is elsewhere.</p>\n",
    );
    let _none = response.headers_mut().insert(LOCATION, to);
    response
}

/// Makes a refusal, in JSON as all of the service's.
pub(crate) fn refuse(status: StatusCode, why: &str) -> Response<Bytes> {
    let body = serde_json::json!({"error": why}).to_string();
    answer(status, "application/json", body)
}

/// An hour: past every clock that a caller may have.
const PAUSE_MS_MAX: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked<'_> {
        Asked {
            path: "/fault/",
            query,
            nth: 1,
            now: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_number_is_in_its_range_or_refused() {
        fn check(query: &str, expected: Option<u64>) {
            let number = asked(query).number("n", 1..=10, 5);
            assert_eq!(number.ok(), expected, "{query}");
        }
        check("", Some(5));
        check("m=3", Some(5));
        check("m=3&n=10", Some(10));
        check("n=0", None);
        check("n=11", None);
        check("n=", None);
        check("n=two", None);
        check("n=-1", None);
    }

    #[test]
    fn a_refusal_says_what_would_have_been_right() {
        let refusal = asked("n=11").number("n", 1..=10, 5).unwrap_err();
        let response = refusal.response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = r#"{"error":"the query parameter 'n' is no number from 1 to 10"}"#;
        assert_eq!(response.body(), body);
        assert_eq!(Refusal::Unknown.response().status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_pause_is_in_milliseconds() {
        let usual = Duration::from_secs(2);
        assert_eq!(asked("").pause(usual), Ok(usual));
        assert_eq!(asked("ms=7").pause(usual), Ok(Duration::from_millis(7)));
        assert!(asked("ms=3600001").pause(usual).is_err());
    }
}
