//! Pages that are well sent and hard to take: of wrong types, of great depth, with too many links.

use std::fmt::Write as _;

use hyper::body::Bytes;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::http::{Response, StatusCode};

use crate::web::{Asked, Refusal, Reply, answer, html};

/// Links that one page may have, and elements that may stand within each other: some 60 MB of HTML.
const COUNT_MAX: u64 = 1_000_000;

pub(crate) fn reply(asked: &Asked<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
    let response = match *rest {
        ["type", "image"] => answer(StatusCode::OK, "image/png", PIXEL),
        ["type", "image-as-html"] => html(PIXEL),
        ["type", "html-as-image"] => answer(StatusCode::OK, "image/png", SMALL),
        ["type", "html-as-text"] => answer(StatusCode::OK, "text/plain", SMALL),
        ["type", "binary-as-html"] => html(binary()),
        ["type", "xhtml"] => answer(StatusCode::OK, "application/xhtml+xml", XHTML),
        ["type", "nonsense"] => answer(StatusCode::OK, ";;=/", SMALL),
        ["type", "twice"] => {
            let mut response = answer(StatusCode::OK, "text/html", SMALL);
            let other = HeaderValue::from_static("application/pdf");
            let _second = response.headers_mut().append(CONTENT_TYPE, other);
            response
        }
        ["type", "none"] => {
            let mut response = answer(StatusCode::OK, "text/html", SMALL);
            response.headers_mut().remove(CONTENT_TYPE);
            response
        }
        ["page", "links"] => html(links(asked.number("count", 0..=COUNT_MAX, 100_000)?)),
        ["page", "deep"] => deep(asked.number("count", 0..=COUNT_MAX, 100_000)?),
        ["page", "empty"] => html(""),
        ["page", "unclosed"] => html(UNCLOSED),
        ["page", "traps"] => html(traps(asked.number("n", 0..=COUNT_MAX, 0)?)),
        ["page", "nuls"] => {
            html("<title>Nul\0s</title>\0<a href=\"/site/\0page/0\">Page\0 0</a>\n")
        }
        ["page", "robots-meta"] => html(ROBOTS_META),
        ["page", "robots-header"] => {
            let mut response = html(SMALL);
            let value = HeaderValue::from_static("noindex, nofollow");
            let _none = response.headers_mut().insert("x-robots-tag", value);
            response
        }
        ["page", "base"] => html(BASE),
        ["page", "strange-links"] => html(STRANGE_LINKS),
        _ => return Err(Refusal::Unknown),
    };
    Ok(response.into())
}

fn links(count: u64) -> String {
    let mut html = String::from("<title>Many links</title>\n");
    for number in 0..count {
        let _ = writeln!(html, "<a href=\"/site/page/{number}\">{number}</a>");
    }
    html
}

fn deep(count: u64) -> Response<Bytes> {
    let count = usize::try_from(count).unwrap_or_default();
    let (open, close) = ("<div>".repeat(count), "</div>".repeat(count));
    html(format!(
        "<title>Deep</title>\n{open}<a href=\"/site/page/0\">Page 0</a>{close}\n"
    ))
}

/// A page of a calendar without an end, and with paths that grow.
fn traps(n: u64) -> String {
    format!(
        "<title>Day {n}</title>\n<a href=\"/fault/page/traps?n={next}\">Tomorrow</a>\n\
         <a href=\"traps/traps/traps/traps/traps?n={n}\">Deeper</a>\n\
         <a href=\"?n={n}&amp;n={n}&amp;n={n}&amp;n={n}\">Again</a>\n",
        next = n + 1
    )
}

/// Every byte there is, many times and in no order of text.
fn binary() -> Vec<u8> {
    (0..16_384_u32)
        .map(|at| (at.wrapping_mul(at ^ 0x9e37) >> 3).to_le_bytes()[0])
        .collect()
}

const SMALL: &str = "<!DOCTYPE html>\n<title>Small</title>\n<a href=\"/site/page/0\">Page 0</a>\n";
const XHTML: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
    <html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>Strict</title></head>\
    <body><p><a href=\"/site/page/0\">Page 0</a><br/></p></body></html>\n";
const UNCLOSED: &str = "<title>Unclosed</title><p><a href=\"/site/page/0\">Page 0<table><tr><td>\
    <!-- <a href=\"/site/page/1\">Page 1</a> <script>let s = \"<a href='/site/page/2'>\"; <a href=\"/site/page/3";
const ROBOTS_META: &str = "<title>Keep out</title>\n<meta name=\"ROBOTS\" content=\"NoIndex, NoFollow\">\n\
    <a href=\"/site/page/0\">Page 0</a>\n";
const BASE: &str = "<title>Base</title>\n<base href=\"/site/page/\">\n<base href=\"/elsewhere/\">\n\
    <a href=\"0\">Page 0</a> <a href=\"?q=1\">The folder</a>\n";
const STRANGE_LINKS: &str = "<title>Strange links</title>\n\
    <a href=\"\">Itself</a> <a>Nowhere</a> <a href=\"#top\">Top</a> <a href=\"javascript:void(0)\">Script</a>\n\
    <a href=\"mailto:nobody@example.com\">Mail</a> <a href=\"data:,x\">Data</a> <a href=\"http://[::1\">Broken</a>\n\
    <a href=\"http://user:secret@127.0.0.1/\">User</a> <a href=\"http://2130706433/\">A number</a>\n\
    <a href=\"http://169.254.169.254/latest/meta-data/\">Metadata</a> <a href=\"http://127.0.0.1:1/\">Port 1</a>\n\
    <a href=\"//\">Slashes</a> <a href=\"\\\\site\\page\\0\">Backslashes</a> <a href=\"/site/%zz\">Percent</a>\n\
    <a href=\"http://xn--/\">Punycode</a> <a href=\"/site/page/0\u{202e}\">Turned</a> <a href=\"ftp://a/\">FTP</a>\n";
/// A transparent pixel. Source: W3C PNG, third edition.
const PIXEL: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\
    \nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";
