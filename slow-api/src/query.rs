//! Takes the `url` out of a query string, exactly as it was meant or not at all: a lenient reader would count two
//! broken URLs as one.

use thiserror::Error;
use warp::http::StatusCode;

/// The longest URL, in bytes: what RFC 9110 §4.1 asks servers to bear, rounded up. Bounds what a request in
/// flight and a remembered URL can cost.
pub(crate) const URL_BYTES_MAX: usize = 8192;

/// Why a query has no usable `url`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum QueryError {
    #[error("the query parameter 'url' is missing")]
    Missing,
    #[error("the query parameter 'url' is empty")]
    Empty,
    #[error("the query parameter 'url' is given more than once")]
    Repeated,
    #[error(
        "the query parameter 'url' has a '%' without two hexadecimal digits; write '%' as '%25'"
    )]
    Escape,
    #[error("the query parameter 'url' is no UTF-8")]
    Encoding,
    #[error("the query parameter 'url' is longer than {URL_BYTES_MAX} bytes")]
    TooLong,
}

impl QueryError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLong => StatusCode::URI_TOO_LONG,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Returns the decoded value of `url`; other parameters are left alone.
pub(crate) fn url(query: &str) -> Result<String, QueryError> {
    let mut values = query.split('&').filter_map(value);
    let value = values.next().ok_or(QueryError::Missing)?;
    if values.next().is_some() {
        return Err(QueryError::Repeated);
    }
    if value.is_empty() {
        return Err(QueryError::Empty);
    }
    String::from_utf8(decode(value)?).map_err(|_| QueryError::Encoding)
}

fn value(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (name == "url").then_some(value)
}

/// Source: WHATWG URL §5.1, `application/x-www-form-urlencoded` parsing, but strict about `%`.
fn decode(value: &str) -> Result<Vec<u8>, QueryError> {
    let mut bytes = value.bytes();
    let mut decoded = Vec::with_capacity(value.len().min(URL_BYTES_MAX));
    while let Some(byte) = bytes.next() {
        if decoded.len() == URL_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            _ => byte,
        });
    }
    Ok(decoded)
}

fn digit(byte: Option<u8>) -> Result<u8, QueryError> {
    match byte.ok_or(QueryError::Escape)? {
        digit @ b'0'..=b'9' => Ok(digit - b'0'),
        digit @ b'a'..=b'f' => Ok(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(QueryError::Escape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_taken_as_it_was_meant_or_refused() {
        fn check(query: &str, expected: Result<&str, QueryError>) {
            assert_eq!(url(query), expected.map(str::to_owned), "{query}");
        }
        check("url=a", Ok("a"));
        check(
            "n=1&url=https://example.com/?x=1&m=2",
            Ok("https://example.com/?x=1"),
        );
        check("url=a%26b%3Dc", Ok("a&b=c"));
        check("url=a+b%2Bc", Ok("a b+c"));
        check("url=%e2%82%AC", Ok("€"));
        check("url=%00%0d%0A", Ok("\0\r\n"));
        check("", Err(QueryError::Missing));
        check("URL=a&urls=b&u%72l=c", Err(QueryError::Missing));
        check("url", Err(QueryError::Empty));
        check("url=&n=1", Err(QueryError::Empty));
        check("url=a&url=a", Err(QueryError::Repeated));
        check("url=%", Err(QueryError::Escape));
        check("url=%4", Err(QueryError::Escape));
        check("url=%zz", Err(QueryError::Escape));
        check("url=%+1", Err(QueryError::Escape));
        check("url=100%25", Ok("100%"));
        check("url=%ff", Err(QueryError::Encoding));
        check("url=%ed%a0%80", Err(QueryError::Encoding));
    }

    #[test]
    fn the_length_is_bounded_after_decoding() {
        fn check(letter: &str, count: usize, expected: &Result<usize, QueryError>) {
            let length = url(&format!("url={}", letter.repeat(count))).map(|url| url.len());
            assert_eq!(&length, expected, "{count} of {letter}");
        }
        check("a", URL_BYTES_MAX, &Ok(URL_BYTES_MAX));
        check("%61", URL_BYTES_MAX, &Ok(URL_BYTES_MAX));
        check("a", URL_BYTES_MAX + 1, &Err(QueryError::TooLong));
        check("%61", URL_BYTES_MAX + 1, &Err(QueryError::TooLong));
        check("a", 1 << 20, &Err(QueryError::TooLong));
    }

    #[test]
    fn only_what_is_too_long_is_more_than_a_bad_request() {
        assert_eq!(QueryError::TooLong.status(), StatusCode::URI_TOO_LONG);
        assert_eq!(QueryError::Missing.status(), StatusCode::BAD_REQUEST);
    }
}
