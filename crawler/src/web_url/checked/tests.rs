//! What is taken for a URL, in which form, and what its parts are.

use encoding_rs::{UTF_16LE, WINDOWS_1251};
use proptest::prelude::*;

use super::*;
use crate::web_url::Grouping;

fn check(text: &str, expected: Result<&str, &str>) {
    let url = WebUrl::parse(text);
    let url = url
        .as_ref()
        .map(WebUrl::as_str)
        .map_err(|refused| refused.code());
    assert_eq!(url, expected, "{text:?}");
}

#[test]
fn a_url_takes_the_form_of_the_standard() {
    check("http://h", Ok("http://h/"));
    check(
        "HTTPS://EXAMPLE.com:443/A?B=C",
        Ok("https://example.com/A?B=C"),
    );
    check(" http://h/a b\t\n", Ok("http://h/a%20b"));
    check(r"http:\\h\a", Ok("http://h/a"));
    check("http://h/a/./b/../%2e%2E/c", Ok("http://h/c"));
    check(
        "http://bücher.example/ü?ü",
        Ok("http://xn--bcher-kva.example/%C3%BC?%C3%BC"),
    );
    check("http://h:8080/#top", Ok("http://h:8080/"));
    check("http://h/?", Ok("http://h/?"));
}

#[test]
fn user_info_is_dropped_and_is_in_no_message() {
    check("http://ann:secret@h/a", Ok("http://h/a"));
    check("http://ann@h/a", Ok("http://h/a"));
    let refused = WebUrl::parse("http://ann:secret@h:99999/").unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("secret"));
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0x7f.0.0.1.",
    ] {
        check(&format!("http://{host}/"), Ok("http://127.0.0.1/"));
    }
    check(
        "http://[0:0:0:0:0:FFFF:7f00:1]/",
        Ok("http://[::ffff:7f00:1]/"),
    );
    check("http://１２７.0.0.1/", Ok("http://127.0.0.1/"));
}

#[test]
fn what_no_web_server_answers_for_is_refused() {
    for text in [
        "ftp://h/",
        "mailto:ann@h",
        "javascript:alert(1)",
        "data:,a",
        "file:///etc/passwd",
    ] {
        check(text, Err("url-scheme"));
    }
}

#[test]
fn what_is_no_url_is_refused() {
    for text in [
        "",
        "h/a",
        "/a",
        "http://",
        "http://h:99999/",
        "http://[::1",
        "http://a b/",
        "http://./",
        "http://256.1.1.1/",
    ] {
        check(text, Err("url-invalid"));
    }
}

#[test]
fn the_longest_url_is_taken_and_a_longer_one_is_not() {
    let path = "a".repeat(URL_BYTES_MAX - "http://h/".len());
    check(
        &format!("http://h/{path}#{path}"),
        Ok(&format!("http://h/{path}")),
    );
    check(&format!("http://h/{path}a"), Err("url-too-long"));
    check(&"a".repeat(TEXT_BYTES_MAX + 1), Err("url-too-long"));
}

#[test]
fn a_host_longer_than_any_name_is_not_decoded() {
    let label = "xn--".to_owned() + &"a".repeat(HOST_BYTES_MAX);
    for text in [
        format!("http://{label}/"),
        format!("HTTP:{label}"),
        format!(" h\ttt\np:\\\\ann:secret@{label}?"),
    ] {
        check(&text, Err("url-invalid"));
    }
    let page = WebUrl::parse("http://h/").unwrap();
    for text in [format!("//{label}/"), format!("\n/\t/{label}")] {
        assert!(page.join(&text).is_err(), "{text:?}");
    }
    // Where there is no host, any length is a path.
    for text in [format!("/{label}"), label.clone(), format!("?//{label}")] {
        assert!(page.join(&text).is_ok(), "{text:?}");
    }
    check(&format!("http://{}@h/", label.repeat(2)), Ok("http://h/"));
}

#[test]
fn a_reference_is_read_against_its_page() {
    fn check(reference: &str, expected: &str) {
        let page = WebUrl::parse("http://h/a/b?c").unwrap();
        assert_eq!(
            page.join(reference).unwrap().as_str(),
            expected,
            "{reference:?}"
        );
    }
    check("", "http://h/a/b?c");
    check("?d", "http://h/a/b?d");
    check("d#e", "http://h/a/d");
    check("//i/d", "http://i/d");
    check("../../../d", "http://h/d");
    check("https:d", "https://d/");
}

#[test]
fn a_query_is_sent_in_the_encoding_of_its_document() {
    fn check(encoding: &'static Encoding, expected: &str) {
        let page = WebUrl::parse("http://h/").unwrap();
        let url = Base::new(&page, encoding).join("ю?ю").unwrap();
        assert_eq!(url.as_str(), expected);
    }
    check(UTF_8, "http://h/%D1%8E?%D1%8E");
    check(WINDOWS_1251, "http://h/%D1%8E?%FE");
    check(UTF_16LE, "http://h/%D1%8E?%D1%8E");
}

/// Checks that each part is what the standard's parser says of the text.
fn assert_same_parts(url: &WebUrl) {
    let parsed = url.to_url();
    assert_eq!(parsed.as_str(), url.as_str());
    assert!(parsed.username().is_empty() && parsed.password().is_none());
    assert_eq!(parsed.fragment(), None, "{url}");
    assert_eq!(parsed.scheme(), url.scheme());
    assert_eq!(parsed.host(), Some(url.host()), "{url}");
    assert_eq!(parsed.host_str(), Some(url.host_str()));
    assert_eq!(parsed.port(), url.written_port(), "{url}");
    assert_eq!(parsed.port_or_known_default(), Some(url.port()));
    assert_eq!(parsed.path(), url.path());
    assert_eq!(parsed.query(), url.query());
}

#[test]
fn its_parts_are_those_of_the_standard() {
    for text in [
        "http://h",
        "https://h:80/?",
        "http://127.1:8080/a?b",
        "https://[::1]/",
        "http://[::ffff:1.2.3.4]:81//a//?b?c",
        "http://1.2.3.4.example/",
        "http://a.1b/",
        "http://ann:secret@h:8080/a#b",
    ] {
        assert_same_parts(&WebUrl::parse(text).unwrap());
    }
}

proptest! {
    #[test]
    fn any_text_is_a_url_that_keeps_the_rules_or_is_refused(
        text in "(http|https|ftp)?:?/{0,3}([a-z]{0,3}:?[a-z]?@)?\\PC{0,8}(:[0-9]{0,6})?[/?#]?\\PC{0,20}",
    ) {
        if let Ok(url) = WebUrl::parse(&text) {
            prop_assert!(url.as_str().is_ascii() && url.as_str().len() <= URL_BYTES_MAX);
            assert_same_parts(&url);
            let site = url.site(Grouping::RegistrableDomain);
            prop_assert!(!site.name().is_empty() && url.host_str().contains(site.name()));
            prop_assert_eq!(WebUrl::parse(url.as_str()), Ok(url));
        }
    }
}
