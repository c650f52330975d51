//! Statuses: those that are final, and those that end after some tries.

use std::time::Duration;

use hyper::body::Bytes;
use warp::http::header::{HeaderValue, RETRY_AFTER};
use warp::http::{Response, StatusCode};

use crate::web::{Asked, Refusal, Reply, answer, html};

/// Seconds that `Retry-After` may say: longer than any caller waits.
const SECONDS_MAX: u64 = 10_000_000;

/// `/fault/status/S` has always the status, `/fault/retry/S` for the first `tries` requests; both say `Retry-After`
/// as the query wants it: `after=SECONDS`, or `date=SECONDS` for a date so far from now.
pub(crate) fn reply(asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    match *rest {
        ["status", status] => Ok(failure(asked, status)?.into()),
        ["retry", status] => {
            let tries = asked.number("tries", 0..=u64::MAX, 2)?;
            let failure = failure(asked, status)?;
            if asked.nth <= tries {
                return Ok(failure.into());
            }
            let page = format!("<title>After {tries} failures</title>\n");
            Ok(html(page).into())
        }
        _ => Err(Refusal::Unknown),
    }
}

fn failure(asked: &Asked<'_>, status: &str) -> Result<Response<Bytes>, Refusal> {
    let status: StatusCode = status.parse().map_err(|_| Refusal::Unknown)?;
    // Those below 200 are no answers, and a library of HTTP would not send them as such.
    if status.is_informational() || status.as_u16() > 599 {
        return Err(Refusal::Unknown);
    }
    let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_no_body {
        String::new()
    } else {
        format!("<title>{status}</title>\n")
    };
    let mut response = answer(status, "text/html; charset=utf-8", body);
    if let Some(value) = retry_after(asked)? {
        let _none = response.headers_mut().insert(RETRY_AFTER, value);
    }
    Ok(response)
}

fn retry_after(asked: &Asked<'_>) -> Result<Option<HeaderValue>, Refusal> {
    // A number that nobody gives stands for its absence.
    let absent = SECONDS_MAX + 1;
    let after = asked.number("after", 0..=SECONDS_MAX, absent)?;
    if after != absent {
        return Ok(Some(after.into()));
    }
    let date = asked.number("date", 0..=SECONDS_MAX, absent)?;
    if date == absent {
        return Ok(None);
    }
    let date = asked.now + Duration::from_secs(date);
    let date = HeaderValue::try_from(httpdate::fmt_http_date(date));
    Ok(Some(date.expect("a date is header text")))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn replied(path: &str, query: &str, nth: u64) -> Option<(u16, Option<String>)> {
        let asked = Asked {
            path,
            query,
            nth,
            now: SystemTime::UNIX_EPOCH,
        };
        let segments: Vec<_> = path.split('/').collect();
        match reply(&asked, &segments).ok()? {
            Reply::Answer { response, .. } => {
                let after = response.headers().get(RETRY_AFTER);
                let after = after.map(|value| value.to_str().expect("it is text").to_owned());
                Some((response.status().as_u16(), after))
            }
            Reply::Script(_) => None,
        }
    }

    #[test]
    fn a_status_is_as_asked_and_says_when_to_come_again() {
        fn check(path: &str, query: &str, expected: Option<(u16, Option<&str>)>) {
            let expected = expected.map(|(status, after)| (status, after.map(str::to_owned)));
            assert_eq!(replied(path, query, 9), expected, "{path}?{query}");
        }
        check("status/404", "", Some((404, None)));
        check("status/503", "after=7", Some((503, Some("7"))));
        check(
            "status/429",
            "date=60",
            Some((429, Some("Thu, 01 Jan 1970 00:01:00 GMT"))),
        );
        check("status/204", "", Some((204, None)));
        check("status/101", "", None);
        check("status/600", "", None);
        check("status/ok", "", None);
        check("status/503", "after=soon", None);
    }

    #[test]
    fn a_retry_succeeds_after_its_tries() {
        let statuses = [1, 2, 3, 4].map(|nth| {
            let (status, after) =
                replied("retry/503", "tries=2&after=1", nth).expect("it is a path");
            (status, after.is_some())
        });
        assert_eq!(
            statuses,
            [(503, true), (503, true), (200, false), (200, false)]
        );
    }
}
