//! Redirects: chains, loops, and targets of every kind.

use warp::http::StatusCode;
use warp::http::header::{HeaderValue, LOCATION};

use crate::query;
use crate::web::{Asked, Host, Refusal, Reply, html, redirect};

const STATUS: (u64, u64) = (300, 399);

pub(crate) fn reply(host: &Host, asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    let status = asked.number("status", STATUS.0..=STATUS.1, 302)?;
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or(Refusal::Unknown)?;
    let to = match *rest {
        ["redirect", "0"] => return Ok(html("<title>The end of the chain</title>\n").into()),
        ["redirect", hops] => {
            let hops: u64 = hops.parse().map_err(|_| Refusal::Unknown)?;
            let query = if asked.query.is_empty() {
                String::new()
            } else {
                format!("?{}", asked.query)
            };
            format!("/fault/redirect/{}{query}", hops.saturating_sub(1))
        }
        ["loop", "a"] => "/fault/loop/b".to_owned(),
        ["loop", "b"] => "/fault/loop/c".to_owned(),
        ["loop", "c"] => "/fault/loop/a".to_owned(),
        ["loop", "self"] => "/fault/loop/self".to_owned(),
        ["loop", "growing"] => {
            let n = asked.number("n", 0..=u64::MAX - 1, 0)?;
            format!("/fault/loop/growing?n={}", n + 1)
        }
        ["location", "host"] => format!("{}/site/page/0", host.other_origin()),
        ["location", "https"] => host.origin().replacen("http:", "https:", 1) + "/site/page/0",
        ["location", "ftp"] => host.origin().replacen("http:", "ftp:", 1) + "/site/page/0",
        ["location", "file"] => "file:///etc/passwd".to_owned(),
        ["location", "mail"] => "mailto:nobody@example.com".to_owned(),
        ["location", "script"] => "javascript:alert(1)".to_owned(),
        ["location", "data"] => "data:text/html,<p>It%20is%20here.</p>".to_owned(),
        ["location", "private"] => "/site/private/1".to_owned(),
        ["location", "user"] => {
            host.origin().replacen("http://", "http://user:secret@", 1) + "/site/page/0"
        }
        ["location", "relative"] => "../../site/page/0#part-2".to_owned(),
        ["location", "empty"] => String::new(),
        ["location", "no-url"] => "http://[::1".to_owned(),
        ["location", "long"] => format!("/site/page/0?{}", "q".repeat(8_000)),
        ["location", "bytes"] => return Ok(redirect(status, bytes()).into()),
        ["location", "missing"] => {
            let mut response = redirect(status, HeaderValue::from_static("/"));
            response.headers_mut().remove(LOCATION);
            return Ok(response.into());
        }
        ["location", "to"] => query::url(asked.query)?,
        _ => return Err(Refusal::Unknown),
    };
    let to = HeaderValue::try_from(to).map_err(|_| Refusal::Header)?;
    Ok(redirect(status, to).into())
}

/// A path in Windows-1251, as some servers send it.
fn bytes() -> HeaderValue {
    HeaderValue::from_bytes(b"/site/page/0?q=\xcf\xf0\xe8").expect("a header may have such bytes")
}
