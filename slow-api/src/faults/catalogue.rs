//! All faults, each with its usual parameters, and the page that links to them.

use std::fmt::Write as _;

use crate::faults::{charsets, encodings, heads, pages, raw, redirects, statuses};
use crate::web::{Asked, Host, Refusal, Reply, html};

/// Replies to what stands below `/fault/`, segment by segment.
pub(crate) fn reply(host: &Host, asked: &Asked<'_>, segments: &[&str]) -> Result<Reply, Refusal> {
    match *segments {
        [""] => Ok(html(index()).into()),
        ["redirect" | "loop" | "location", ..] => redirects::reply(host, asked, segments),
        ["status" | "retry", ..] => statuses::reply(asked, segments),
        ["charset", name] => charsets::reply(name),
        ["encoding" | "bomb", ..] => encodings::reply(asked, segments),
        ["type" | "page", ..] => pages::reply(asked, segments),
        ["body" | "chunk" | "length", ..] => raw::reply(asked, segments),
        ["header" | "connection", ..] => heads::reply(asked, segments),
        _ => Err(Refusal::Unknown),
    }
}

fn index() -> String {
    let mut page =
        String::from("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Faults</title>\n<ul>\n");
    for (path, says) in FAULTS {
        let path = path.replace('&', "&amp;");
        let _ = writeln!(
            page,
            "<li><a href=\"/fault/{path}\">{path}</a>: {says}</li>"
        );
    }
    page.push_str("</ul>\n");
    page
}

/// Each fault: its path below `/fault/` with its parameters as they usually are, and what it does.
const FAULTS: &[(&str, &str)] = &[
    (
        "redirect/5?status=302",
        "so many redirects, and then a page",
    ),
    ("redirect/20", "more redirects than anybody follows"),
    ("loop/a", "redirects in a circle of three"),
    ("loop/self", "a redirect to itself"),
    (
        "loop/growing",
        "redirects without an end, each to a new URL",
    ),
    ("location/host", "a redirect to another host"),
    ("location/https", "a redirect to a port that speaks no TLS"),
    ("location/ftp", "a redirect to FTP"),
    ("location/file", "a redirect to a file"),
    ("location/mail", "a redirect to an address of mail"),
    ("location/script", "a redirect to a script"),
    ("location/data", "a redirect to a data URL"),
    (
        "location/private",
        "a redirect to what robots.txt disallows",
    ),
    ("location/user", "a redirect with user and password"),
    (
        "location/relative",
        "a redirect by a relative path with a fragment",
    ),
    ("location/empty", "a redirect to an empty location"),
    ("location/no-url", "a redirect to what is no URL"),
    ("location/long", "a redirect to a URL of 8,000 bytes"),
    ("location/bytes", "a redirect with bytes that are no ASCII"),
    ("location/missing", "a redirect without a location"),
    (
        "location/to?url=%2Fsite%2Fpage%2F1",
        "a redirect to any URL",
    ),
    ("status/204", "no content"),
    ("status/304", "not modified, though nobody asked whether"),
    ("status/404", "not found"),
    ("status/408", "request timeout"),
    ("status/410", "gone"),
    ("status/500", "server error"),
    (
        "status/429?after=1",
        "too many requests, always; come again in a second",
    ),
    (
        "status/503?date=1",
        "unavailable, always; come again at a date, a second from now",
    ),
    (
        "retry/429?tries=2&after=1",
        "too many requests, the first two times",
    ),
    (
        "retry/503?tries=2&date=1",
        "unavailable, the first two times",
    ),
    ("retry/500?tries=2", "server error, the first two times"),
    ("charset/utf-8-bom", "UTF-8 by its byte order mark"),
    (
        "charset/bom-over-header",
        "UTF-8 by its mark, Windows-1251 by its header",
    ),
    ("charset/windows-1251", "Windows-1251 by its header"),
    ("charset/koi8-r", "KOI8-R by its header"),
    ("charset/shift-jis", "Shift JIS by its meta element"),
    (
        "charset/meta-http-equiv",
        "Windows-1251 by its other meta element",
    ),
    ("charset/undeclared", "Windows-1251, which nothing says"),
    ("charset/utf-16le", "UTF-16, little end first, by its mark"),
    ("charset/utf-16be", "UTF-16, big end first, by its mark"),
    ("charset/lying-header", "Windows-1251 that says it is UTF-8"),
    (
        "charset/lying-meta",
        "Windows-1251 by its header, UTF-8 by its meta element",
    ),
    ("charset/unknown", "a charset that there is not"),
    ("charset/broken-utf-8", "UTF-8 with bytes that are none"),
    ("encoding/gzip", "gzip"),
    ("encoding/x-gzip", "gzip by its old name"),
    ("encoding/deflate", "deflate, which is zlib"),
    ("encoding/deflate-raw", "deflate, as it should not be"),
    ("encoding/br", "Brotli"),
    ("encoding/zstd", "Zstandard"),
    ("encoding/identity", "none, and it says so"),
    ("encoding/two-layers", "gzip in Brotli"),
    ("encoding/ten-layers", "gzip ten times"),
    ("encoding/members", "gzip of two members"),
    ("encoding/lying", "plain text that says it is gzip"),
    ("encoding/lying-br", "gzip that says it is Brotli"),
    ("encoding/silent", "gzip that does not say so"),
    ("encoding/unknown", "an encoding that there is not"),
    ("encoding/empty", "an empty body that says it is gzip"),
    ("encoding/truncated", "gzip without its end"),
    ("encoding/checksum", "gzip with a wrong checksum"),
    ("encoding/garbage", "gzip and then something else"),
    ("bomb/gzip?mib=32", "so many MiB in a thousandth"),
    ("bomb/deflate?mib=32", "the same in zlib"),
    ("bomb/br?mib=32", "the same in Brotli"),
    ("bomb/zstd?mib=32", "the same in Zstandard"),
    (
        "bomb/two-layers?mib=32",
        "the same in gzip, and that in gzip",
    ),
    ("type/image", "an image"),
    ("type/image-as-html", "an image that says it is HTML"),
    ("type/html-as-image", "HTML that says it is an image"),
    ("type/html-as-text", "HTML that says it is plain text"),
    (
        "type/binary-as-html",
        "64 KiB of nothing that says it is HTML",
    ),
    ("type/xhtml", "XHTML"),
    ("type/nonsense", "a content type that is none"),
    ("type/twice", "two content types"),
    ("type/none", "no content type"),
    ("page/links?count=100000", "so many links"),
    (
        "page/deep?count=100000",
        "so many elements within each other",
    ),
    ("page/empty", "an empty page"),
    (
        "page/unclosed",
        "elements, a comment and a script that do not end",
    ),
    (
        "page/traps?n=0",
        "a calendar without an end, and paths that grow",
    ),
    ("page/nuls", "NULs in text and links"),
    ("page/robots-meta", "a page that says nofollow in itself"),
    (
        "page/robots-header",
        "a page that says nofollow in its header",
    ),
    ("page/base", "two base elements, of which the first counts"),
    (
        "page/strange-links",
        "links that lead nowhere, or where one should not go",
    ),
    ("body/endless?ms=0", "a body without an end"),
    ("body/endless-chunks?ms=0", "chunks without an end"),
    (
        "body/slow?ms=100&bytes=100",
        "so many bytes, each after a pause",
    ),
    ("body/stalled", "a part of a body, and then nothing"),
    ("body/truncated", "a part of a body, and then the end"),
    ("body/reset", "a part of a body, and then a reset"),
    ("body/huge?mib=20", "so many MiB"),
    ("body/blob?mib=20", "so many MiB that are no page"),
    ("chunk/truncated", "chunks without the last one"),
    ("chunk/cut", "a chunk without its end"),
    ("chunk/size", "a chunk size that is no number"),
    ("chunk/negative", "a chunk size below zero"),
    ("chunk/overflow", "a chunk size over 64 bits"),
    ("chunk/no-line-end", "a chunk without the line end after it"),
    (
        "chunk/extension",
        "a chunk with an extension of 100,000 bytes",
    ),
    ("chunk/trailers", "a thousand trailers"),
    ("length/short", "more bytes than its length says"),
    ("length/twice", "two lengths"),
    ("length/negative", "a length below zero"),
    ("length/nonsense", "a length that is no number"),
    ("length/overflow", "a length over 64 bits"),
    ("length/huge", "a length that no memory has"),
    ("length/and-chunked", "a length and chunks"),
    ("header/huge?kib=1024", "a header line of so many KiB"),
    ("header/many?count=10000", "so many header lines"),
    ("header/endless?ms=0", "header lines without an end"),
    ("header/bytes", "a header value that is no text"),
    ("header/nul", "a header value with a NUL"),
    ("header/name", "a header name with a space and more"),
    ("header/no-colon", "a header line without a colon"),
    ("header/no-name", "a header line without a name"),
    ("header/folded", "a header line that goes on in the next"),
    ("header/return", "a header value with a carriage return"),
    (
        "header/line-feeds",
        "header lines that end in a line feed alone",
    ),
    (
        "header/space",
        "a header name with a space before its colon",
    ),
    ("connection/empty", "an end without an answer"),
    ("connection/silent", "neither an answer nor an end"),
    ("connection/reset", "a reset without an answer"),
    ("connection/reset-in-head", "a reset in the head"),
    ("connection/reset-after-head", "a reset after the head"),
    (
        "connection/slow-head?ms=100",
        "an answer byte by byte, each after a pause",
    ),
    (
        "connection/stalled-head",
        "a part of a head, and then nothing",
    ),
    ("connection/cut-head", "a part of a head, and then the end"),
    ("connection/garbage", "bytes that are no HTTP"),
    ("connection/http-0.9", "a page without a head"),
    ("connection/http-9.9", "a version that there is not"),
    (
        "connection/http-1.0",
        "an answer of HTTP/1.0, which ends with its connection",
    ),
    ("connection/no-status", "a status that is no number"),
    ("connection/status-999", "a status that there is not"),
    (
        "connection/continues",
        "a thousand interim answers before the answer",
    ),
    (
        "connection/more",
        "an answer, and the beginning of another nobody asked for",
    ),
    ("connection/ssh", "the greeting of another protocol"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::SystemTime;

    use super::*;
    use crate::options::Options;

    fn replied(path_and_query: &str) -> Result<Reply, Refusal> {
        let address = "127.0.0.1:4000".parse().expect("it is an address");
        let host = Host::new(&Options::default(), &[address], 0);
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let asked = Asked {
            path,
            query,
            nth: 1,
            now: SystemTime::UNIX_EPOCH,
        };
        host.reply(&asked)
    }

    #[test]
    fn each_fault_of_the_index_is_a_reply_and_named_once() {
        for (path, _) in FAULTS {
            assert!(replied(&format!("/fault/{path}")).is_ok(), "{path}");
        }
        let paths: BTreeSet<_> = FAULTS.iter().map(|(path, _)| path).collect();
        assert_eq!(paths.len(), FAULTS.len());
    }

    #[test]
    fn the_index_links_to_each_fault() {
        let page = index();
        assert_eq!(page.matches("<a href=\"/fault/").count(), FAULTS.len());
        assert!(
            page.contains("href=\"/fault/retry/429?tries=2&amp;after=1\""),
            "{page}"
        );
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for path in [
            "none",
            "redirect",
            "redirect/x",
            "charset",
            "status",
            "bomb/rar",
            "body/slow/er",
        ] {
            let refusal = replied(&format!("/fault/{path}")).expect_err(path);
            assert_eq!(refusal, Refusal::Unknown, "{path}");
        }
    }
}
