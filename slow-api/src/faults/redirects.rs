//! Redirects: chains, loops, and targets of every kind.

use std::ops::RangeInclusive;

use warp::http::StatusCode;
use warp::http::header::{HeaderValue, LOCATION};

use crate::query;
use crate::web::{Asked, Host, Refusal, Reply, html, redirect};

/// What a redirect's status may be.
const STATUSES: RangeInclusive<u64> = 300..=399;

pub(crate) fn reply(host: &Host, asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    let status = asked.number("status", STATUSES, 302)?;
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or(Refusal::Unknown)?;
    let to = match *rest {
        ["redirect", "0"] => return Ok(html("<title>The end of the chain</title>\n").into()),
        ["redirect", hops] => shorter(asked, hops)?,
        ["loop", name] => on_the_loop(asked, name)?,
        ["location", "to"] => query::url(asked.query)?,
        // A path in Windows-1251, as some servers send it.
        ["location", "bytes"] => {
            let to = HeaderValue::from_bytes(b"/site/page/0?q=\xcf\xf0\xe8");
            let to = to.map_err(|_| Refusal::Header)?;
            return Ok(redirect(status, to).into());
        }
        ["location", "missing"] => {
            let mut response = redirect(status, HeaderValue::from_static("/"));
            response.headers_mut().remove(LOCATION);
            return Ok(response.into());
        }
        ["location", name] => location(host, name)?,
        _ => return Err(Refusal::Unknown),
    };
    let to = HeaderValue::try_from(to).map_err(|_| Refusal::Header)?;
    Ok(redirect(status, to).into())
}

/// Returns the next of a chain, with the same query.
fn shorter(asked: &Asked<'_>, hops: &str) -> Result<String, Refusal> {
    let hops: u64 = hops.parse().map_err(|_| Refusal::Unknown)?;
    let next = format!("/fault/redirect/{}", hops.saturating_sub(1));
    Ok(match asked.query {
        "" => next,
        query => format!("{next}?{query}"),
    })
}

fn on_the_loop(asked: &Asked<'_>, name: &str) -> Result<String, Refusal> {
    let next = match name {
        "a" => "b",
        "b" => "c",
        "c" => "a",
        "self" => "self",
        "growing" => {
            let n = asked.number("n", 0..=u64::MAX - 1, 0)?;
            return Ok(format!("/fault/loop/growing?n={}", n + 1));
        }
        _ => return Err(Refusal::Unknown),
    };
    Ok(format!("/fault/loop/{next}"))
}

fn location(host: &Host, name: &str) -> Result<String, Refusal> {
    let front_by = |scheme: &str| {
        let origin = host.origin().replacen("http://", scheme, 1);
        format!("{origin}/site/page/0")
    };
    Ok(match name {
        "host" => format!("{}/site/page/0", host.other_origin()),
        "https" => front_by("https://"),
        "ftp" => front_by("ftp://"),
        "user" => front_by("http://user:secret@"),
        "file" => "file:///etc/passwd".to_owned(),
        "mail" => "mailto:nobody@example.com".to_owned(),
        "script" => "javascript:alert(1)".to_owned(),
        "data" => "data:text/html,<p>It%20is%20here.</p>".to_owned(),
        "private" => "/site/private/1".to_owned(),
        "relative" => "../../site/page/0#part-2".to_owned(),
        "empty" => String::new(),
        "no-url" => "http://[::1".to_owned(),
        "long" => format!("/site/page/0?{}", "q".repeat(8_000)),
        _ => return Err(Refusal::Unknown),
    })
}
