//! Whole URLs that the URL standard takes as they stand: those that it wrote, as a frontier holds them, and most that
//! pages hold. All others are parsed.
//!
//! What is taken is a subset, on purpose small enough to be seen: a scheme and a host in lower case, with a port only if
//! that is not the scheme's own, and a [plain](super::plain) path. The host is a name of letters, digits and single
//! hyphens, of which the last label begins with a letter, or an IPv4 address.

use std::net::Ipv4Addr;

use super::plain::ends;

/// The longest name. Source: RFC 1035 §2.3.4.
const NAME_BYTES_MAX: usize = 253;

/// Where the parts of a URL are in its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) host_at: usize,
    pub(super) host_end: usize,
    pub(super) path_at: usize,
    pub(super) path_end: usize,
    /// Before its fragment, if it has one.
    pub(super) end: usize,
}

impl Whole {
    /// Reads a text; `None` says nothing about it.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (scheme, own_port) = match text.strip_prefix("https://") {
            Some(_) => ("https://", 443),
            None => ("http://", 80),
        };
        let rest = text.strip_prefix(scheme)?;
        let authority = &rest[..rest.bytes().position(|byte| byte == b'/')?];
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let is_host = is_name(host) || host.parse::<Ipv4Addr>().is_ok();
        if !is_host || port.is_some_and(|port| !is_port(port, own_port)) {
            return None;
        }
        let (path_length, length) = ends(&rest[authority.len()..])?;
        let path_at = scheme.len() + authority.len();
        Some(Self {
            host_at: scheme.len(),
            host_end: scheme.len() + host.len(),
            path_at,
            path_end: path_at + path_length,
            end: path_at + length,
        })
    }
}

/// Returns whether a text is a name that stays as it is. What ends in a number is an address to the standard, and what has
/// two hyphens may be a name in another script.
fn is_name(text: &str) -> bool {
    let (mut before, mut last_begin) = (b'.', b'.');
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' | b'.' if before.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        if before == b'.' {
            last_begin = byte;
        }
        before = byte;
    }
    text.len() <= NAME_BYTES_MAX
        && last_begin.is_ascii_lowercase()
        && before.is_ascii_alphanumeric()
}

/// Returns whether a port is written as the standard writes it, which leaves out the scheme's own.
fn is_port(text: &str, own: u16) -> bool {
    let is_written = text.starts_with(|first: char| ('1'..='9').contains(&first));
    is_written && text.parse().is_ok_and(|port: u16| port != own)
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;
    use proptest::prelude::*;

    use super::*;
    use crate::web_url::WebUrl;

    fn check(text: &str, is_whole: bool) {
        assert_eq!(Whole::of(text).is_some(), is_whole, "{text}");
        assert_eq!(
            WebUrl::parse(text),
            WebUrl::read(text, None, UTF_8),
            "{text}"
        );
    }

    #[test]
    fn what_the_standard_writes_is_taken_as_it_stands() {
        for text in [
            "http://h/",
            "https://www.a-b.example.com/c/d.e?f=g&h#i",
            "http://127.0.0.1:4000/a//b",
            "http://3com.example:443/",
            "https://h:80/",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn all_else_is_parsed() {
        for text in [
            "",
            "http://",
            "http:///a",
            "http://h",
            "http://h?a",
            "http://h/a/../b",
            "http://h/a b",
            "HTTP://h/",
            "ftp://h/",
            "http://H/",
            "http://h:80/",
            "https://h:443/",
            "http://h:080/",
            "http://h:/",
            "http://h:0/",
            "http://h:65536/",
            "http://h:+1/",
            "http://a:b@h/",
            "http://h\\a/",
            "http://h%41/",
            "http://h./",
            "http://.h/",
            "http://a..h/",
            "http://-h/",
            "http://h-/",
            "http://xn--mnchen-3ya.example/",
            "http://1.2.3/",
            "http://0x7f.1/",
            "http://127.0.0.01/",
            "http://a.1/",
            "http://a.0x/",
            "http://[::1]/",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_length_is_refused_as_ever() {
        use crate::web_url::{TEXT_BYTES_MAX, URL_BYTES_MAX};
        for length in [URL_BYTES_MAX, URL_BYTES_MAX + 1] {
            check(&format!("{:a<length$}", "http://h/"), true);
            check(&format!("{:a<length$}#b", "http://h/"), true);
        }
        for length in [TEXT_BYTES_MAX, TEXT_BYTES_MAX + 1] {
            check(&format!("{:a<length$}", "http://h/#"), true);
        }
        check(&format!("http://{:a<253}/", ""), true);
        check(&format!("http://{:a<254}/", ""), false);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_text_is_the_url_of_the_standard(
            scheme in "https?://|HTTP://|http:/",
            host in "[a-b0-9x.-]{0,6}|([0-3]{1,3}\\.){0,4}[0-9]{0,3}|[ -~]{0,5}",
            port in "|:[0-9]{0,6}|:80|:443",
            text in "/[a-z./?#%2eE:@'\\\\ü\t]{0,8}|[ -~]{0,4}",
        ) {
            let text = format!("{scheme}{host}{port}{text}");
            let parsed = WebUrl::read(&text, None, UTF_8);
            prop_assert_eq!(WebUrl::parse(&text), parsed, "{:?}", text);
        }
    }
}
