//! Pages in several charsets, said where a page may say it; and where it lies.
//!
//! The title tells what a reader must find: `Привет, мир` in Cyrillic, `こんにちは` in Japanese, `Grüße` else.

use hyper::body::Bytes;
use warp::http::{Response, StatusCode};

use crate::web::{Refusal, Reply, answer};

pub(crate) fn reply(name: &str) -> Result<Reply, Refusal> {
    let plain = "text/html";
    let (content_type, body) = match name {
        "utf-8-bom" => (
            plain,
            [
                "\u{feff}".as_bytes(),
                page("", "Grüße".as_bytes()).as_slice(),
            ]
            .concat(),
        ),
        // The mark of the bytes wins over the header.
        "bom-over-header" => (
            "text/html; charset=windows-1251",
            [
                "\u{feff}".as_bytes(),
                page("", "Привет, мир".as_bytes()).as_slice(),
            ]
            .concat(),
        ),
        "windows-1251" => ("text/html; charset=windows-1251", page("", CYRILLIC)),
        "koi8-r" => ("text/html; charset=KOI8-R", page("", KOI8)),
        "shift-jis" => (plain, page("<meta charset=\"shift_jis\">", JAPANESE)),
        "meta-http-equiv" => (
            plain,
            page(
                "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>",
                CYRILLIC,
            ),
        ),
        "undeclared" => (plain, page("", CYRILLIC)),
        "utf-16le" => (plain, utf_16(u16::to_le_bytes)),
        "utf-16be" => ("text/html; charset=utf-16", utf_16(u16::to_be_bytes)),
        "lying-header" => ("text/html; charset=utf-8", page("", CYRILLIC)),
        // The header wins over the page.
        "lying-meta" => (
            "text/html; charset=windows-1251",
            page("<meta charset=\"utf-8\">", CYRILLIC),
        ),
        "unknown" => ("text/html; charset=klingon", page("", "Grüße".as_bytes())),
        "broken-utf-8" => (
            "text/html; charset=utf-8",
            page("", b"Gr\xc3\xfc\xed\xa0\x80\xff\xc3"),
        ),
        _ => return Err(Refusal::Unknown),
    };
    Ok(response(content_type, body).into())
}

fn response(content_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    answer(StatusCode::OK, content_type, body)
}

fn page(meta: &str, title: &[u8]) -> Vec<u8> {
    [
        b"<!DOCTYPE html>\n<html><head>",
        meta.as_bytes(),
        b"<title>",
        title,
        b"</title></head>\n<body><p>",
        title,
        b"</p><p><a href=\"/site/page/0\">",
        title,
        b"</a></p></body></html>\n",
    ]
    .concat()
}

fn utf_16(to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let page = String::from_utf8_lossy(&page("", "こんにちは".as_bytes())).into_owned();
    let marked = format!("\u{feff}{page}");
    marked.encode_utf16().flat_map(to_bytes).collect()
}

/// `Привет, мир` in Windows-1251, in KOI8-R, and `こんにちは` in Shift JIS.
const CYRILLIC: &[u8] = b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0";
const KOI8: &[u8] = b"\xf0\xd2\xc9\xd7\xc5\xd4, \xcd\xc9\xd2";
const JAPANESE: &[u8] = b"\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd";

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: &str) -> Vec<u8> {
        match reply(name).expect("it is a charset") {
            Reply::Answer { response, .. } => response.into_body().to_vec(),
            Reply::Script(_) => Vec::new(),
        }
    }

    /// Reads Windows-1251 as far as it has letters: they stand there as in Unicode.
    fn cyrillic(bytes: &[u8]) -> String {
        let letters = bytes.iter().map(|&byte| match byte {
            0xc0.. => char::from_u32(u32::from(byte) - 0xc0 + 0x410).expect("it is a letter"),
            _ => char::from(byte),
        });
        letters.collect()
    }

    #[test]
    fn the_titles_are_what_the_charsets_make_of_them() {
        fn check(text: &str, title: &str) {
            let title = format!("<title>{title}</title>");
            assert!(text.contains(&title), "{text}");
        }
        for name in [
            "windows-1251",
            "meta-http-equiv",
            "undeclared",
            "lying-header",
            "lying-meta",
        ] {
            check(&cyrillic(&sent(name)), "Привет, мир");
        }
        let text = |name| String::from_utf8(sent(name)).expect("it is UTF-8");
        check(&text("utf-8-bom"), "Grüße");
        check(&text("bom-over-header"), "Привет, мир");
        for (name, number) in [
            ("utf-16le", u16::from_le_bytes as fn([u8; 2]) -> u16),
            ("utf-16be", u16::from_be_bytes),
        ] {
            let bytes = sent(name);
            let numbers = bytes.chunks_exact(2).map(|pair| number([pair[0], pair[1]]));
            let text = String::from_utf16(&numbers.collect::<Vec<_>>()).expect(name);
            assert!(text.starts_with('\u{feff}'), "{name}");
            check(&text, "こんにちは");
        }
        assert!(String::from_utf8(sent("broken-utf-8")).is_err());
    }
}
