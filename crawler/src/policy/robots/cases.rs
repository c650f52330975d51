//! Cases that other crawlers agree on, as facts: a body, and for each name and URL whether it is allowed.
//!
//! Sources: RFC 9309 §5; the cases of `robots_test.cc` and of the correctness suite that Google published. Where they
//! say something else than is expected here, the case says so.

use super::{Product, Rules};
use crate::web_url::WebUrl;

const YES: bool = true;
const NO: bool = false;

/// Checks cases of one body: the name, a URL or the path of one, and whether it is allowed.
fn check(body: &str, cases: &[(&str, &str, bool)]) {
    for (name, url, expected) in cases {
        let url = match url.strip_prefix('/') {
            Some(path) => format!("http://foo.bar/{path}"),
            None => (*url).to_owned(),
        };
        let rules = Rules::parse(body.as_bytes(), &Product::of(name).unwrap());
        let allowed = rules.check(&WebUrl::parse(&url).unwrap()).is_ok();
        assert_eq!(allowed, *expected, "{name} and {url} by {body:?}");
    }
}

/// Checks paths for `FooBot`, of which everything is disallowed but what the rule allows.
fn check_allow(rule: &str, allowed: &[&str], disallowed: &[&str]) {
    let body = format!("user-agent: FooBot\ndisallow: /\nallow: {rule}\n");
    for (paths, expected) in [(allowed, YES), (disallowed, NO)] {
        for path in paths {
            check(&body, &[("FooBot", path, expected)]);
        }
    }
}

#[test]
fn the_examples_of_the_rfc() {
    // Source: RFC 9309 §5.1.
    let body = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
        User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
        User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\nUser-Agent: quxbot\n";
    check(
        body,
        &[
            ("other", "/a.gif", NO),
            ("other", "/a.gif?b", YES),
            ("other", "/example/a", NO),
            ("other", "/publications/a", YES),
            ("foobot", "/publications/", NO),
            ("foobot", "/example/page.html", YES),
            ("foobot", "/example/allowed.gif", YES),
            ("barbot", "/example/page.html", NO),
            ("bazbot", "/example/page.html", NO),
            ("bazbot", "/example/a", YES),
            ("quxbot", "/example/page.html", YES),
        ],
    );
    // Source: RFC 9309 §5.2.
    let body =
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
    check(
        body,
        &[
            ("foobot", "/example/page/disallowed.gif", NO),
            ("foobot", "/example/page/", YES),
        ],
    );
}

#[test]
fn an_empty_body_allows_everything() {
    check("", &[("FooBot", "/", YES), ("FooBot", "/x/y", YES)]);
    // Google's cases with an empty URL or an empty name have no counterpart: neither exists here.
    check(
        "user-agent: FooBot\ndisallow: /\n",
        &[("FooBot", "/", NO), ("BarBot", "/", YES)],
    );
}

#[test]
fn a_line_is_a_name_a_colon_and_a_value() {
    let url = "/x/y";
    check("user-agent: FooBot\ndisallow: /\n", &[("FooBot", url, NO)]);
    check("foo: FooBot\nbar: /\n", &[("FooBot", url, YES)]);
    check("user-agent FooBot\ndisallow /\n", &[("FooBot", url, NO)]);
}

#[test]
fn groups_end_with_the_next_name_and_are_merged() {
    let body = "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\n\
        disallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\nallow: /z/\n\
        disallow: /\n";
    check(
        body,
        &[
            ("FooBot", "/x/b", YES),
            ("FooBot", "/z/d", YES),
            ("FooBot", "/y/c", NO),
            ("BarBot", "/y/c", YES),
            ("BarBot", "/w/a", YES),
            ("BarBot", "/z/d", NO),
            ("BazBot", "/z/d", YES),
            // Rules before any group belong to nobody.
            ("FooBot", "/foo/bar/", NO),
            ("BarBot", "/foo/bar/", NO),
            ("BazBot", "/foo/bar/", NO),
        ],
    );
}

#[test]
fn other_records_end_no_group() {
    for other in [
        "Sitemap: https://foo.bar/sitemap",
        "Invalid-Unknown-Line: unknown",
    ] {
        let body = format!("User-agent: BarBot\n{other}\nUser-agent: *\nDisallow: /\n");
        check(&body, &[("FooBot", "/", NO), ("BarBot", "/", NO)]);
        let body = format!("User-agent: FooBot\n{other}\nUser-agent: *\nDisallow: /\n");
        check(&body, &[("FooBot", "/", NO), ("BarBot", "/", NO)]);
    }
}

#[test]
fn names_of_records_have_no_case() {
    for body in [
        "USER-AGENT: FooBot\nALLOW: /x/\nDISALLOW: /\n",
        "user-agent: FooBot\nallow: /x/\ndisallow: /\n",
        "uSeR-aGeNt: FooBot\nAlLoW: /x/\ndIsAlLoW: /\n",
    ] {
        check(body, &[("FooBot", "/x/y", YES), ("FooBot", "/a/b", NO)]);
    }
}

#[test]
fn names_of_crawlers_have_no_case() {
    for name in ["FOO BAR", "foo bar", "FoO bAr"] {
        let body = format!("User-Agent: {name}\nAllow: /x/\nDisallow: /\n");
        for crawler in ["Foo", "foo"] {
            check(&body, &[(crawler, "/x/y", YES), (crawler, "/a/b", NO)]);
        }
    }
}

#[test]
fn a_name_ends_with_its_token() {
    let body = "User-Agent: *\nDisallow: /\nUser-Agent: Foo Bar\nAllow: /x/\nDisallow: /\n";
    check(body, &[("Foo", "/x/y", YES)]);
    // Google's crawler that calls itself `Foo Bar` is none of those; here its token is `Foo`.
    check(body, &[("Foo Bar", "/x/y", YES), ("FooBar", "/x/y", NO)]);
}

#[test]
fn the_groups_for_all_hold_where_no_other_does() {
    check(
        "user-agent: *\nallow: /\nuser-agent: FooBot\ndisallow: /\n",
        &[("FooBot", "/x/y", NO), ("BarBot", "/x/y", YES)],
    );
    check(
        "user-agent: *\ndisallow: /x\nuser-agent: FooBot\nallow: /x/y\n",
        &[("FooBot", "/x/y", YES), ("BarBot", "/x/y", NO)],
    );
    check(
        "user-agent: FooBot\nallow: /\nuser-agent: BarBot\ndisallow: /\nuser-agent: BazBot\ndisallow: /\n",
        &[("QuxBot", "/x/y", YES)],
    );
    check(
        "User-agent: *\nDisallow: /x/\nUser-agent: FooBot\nDisallow: /y/\n",
        &[("FooBot", "/x/page", YES), ("FooBot", "/y/page", NO)],
    );
}

#[test]
fn paths_have_case() {
    check(
        "user-agent: FooBot\ndisallow: /x/\n",
        &[("FooBot", "/x/y", NO)],
    );
    check(
        "user-agent: FooBot\ndisallow: /X/\n",
        &[("FooBot", "/x/y", YES)],
    );
}

#[test]
fn the_longest_match_decides_and_allow_wins_a_tie() {
    fn check(rules: &str, cases: &[(&str, bool)]) {
        for (path, expected) in cases {
            super::cases::check(
                &format!("user-agent: FooBot\n{rules}"),
                &[("FooBot", path, *expected)],
            );
        }
    }
    check(
        "disallow: /x/page.html\nallow: /x/\n",
        &[("/x/page.html", NO)],
    );
    check(
        "allow: /x/page.html\ndisallow: /x/\n",
        &[("/x/page.html", YES), ("/x/", NO)],
    );
    check("disallow: \nallow: \n", &[("/x/page.html", YES)]);
    check("disallow: /\nallow: /\n", &[("/x/page.html", YES)]);
    check("disallow: /x\nallow: /x/\n", &[("/x", NO), ("/x/", YES)]);
    check(
        "disallow: /x/page.html\nallow: /x/page.html\n",
        &[("/x/page.html", YES)],
    );
    check(
        "allow: /page\ndisallow: /*.html\n",
        &[("/page.html", NO), ("/page", YES)],
    );
    check(
        "allow: /x/page.\ndisallow: /*.html\n",
        &[("/x/page.html", YES), ("/x/y.html", NO)],
    );
    check("allow: /p\ndisallow: /\n", &[("/page", YES)]);
    check(
        "allow: /folder\ndisallow: /folder\n",
        &[("/folder/page", YES)],
    );
    check("allow: /page\ndisallow: /*.htm\n", &[("/page.htm", NO)]);
    check(
        "allow: /$\ndisallow: /\n",
        &[("/", YES), ("/page.html", NO)],
    );
}

#[test]
fn octets_are_compared_as_triplets() {
    let url = "/foo/bar?qux=taz&baz=http://foo.bar?tar&par";
    check_allow(url, &[url], &[]);
    // Google leaves the encoding of URLs to its callers, and refuses the raw form; a URL here is always encoded.
    check_allow("/foo/bar/ツ", &["/foo/bar/%E3%83%84", "/foo/bar/ツ"], &[]);
    check_allow(
        "/foo/bar/%E3%83%84",
        &["/foo/bar/%E3%83%84", "/foo/bar/ツ"],
        &[],
    );
    check_allow("/foo/bar/%aa", &["/foo/bar/%AA"], &["/foo/bar/%ab"]);
    // Google refuses `baz`; the RFC's table allows it.
    check_allow(
        "/foo/bar/%62%61%7A",
        &["/foo/bar/%62%61%7A", "/foo/bar/baz"],
        &[],
    );
}

#[test]
fn special_characters() {
    check(
        "User-agent: FooBot\nDisallow: /foo/bar/quz\nAllow: /foo/*/qux\n",
        &[
            ("FooBot", "/foo/bar/quz", NO),
            ("FooBot", "/foo/quz", YES),
            ("FooBot", "/foo//quz", YES),
            ("FooBot", "/foo/bax/quz", YES),
        ],
    );
    check(
        "User-agent: FooBot\nDisallow: /foo/bar$\nAllow: /foo/bar/qux\n",
        &[
            ("FooBot", "/foo/bar", NO),
            ("FooBot", "/foo/bar/qux", YES),
            ("FooBot", "/foo/bar/", YES),
            ("FooBot", "/foo/bar/baz", YES),
        ],
    );
    check(
        "User-agent: FooBot\n# Disallow: /\nDisallow: /foo/quz#qux\nAllow: /\n",
        &[("FooBot", "/foo/bar", YES), ("FooBot", "/foo/quz", NO)],
    );
}

#[test]
fn an_index_page_is_its_directory() {
    check(
        "User-Agent: *\nAllow: /allowed-slash/index.html\nDisallow: /\n",
        &[
            ("foobot", "/allowed-slash/", YES),
            ("foobot", "/allowed-slash/index.htm", NO),
            ("foobot", "/allowed-slash/index.html", YES),
            ("foobot", "/anyother-url", NO),
        ],
    );
}

#[test]
fn paths_are_matched_from_their_beginning() {
    let below_fish = [
        "/fish",
        "/fish.html",
        "/fish/salmon.html",
        "/fishheads",
        "/fishheads/yummy.html",
        "/fish.html?id=anything",
    ];
    let elsewhere = ["/bar", "/Fish.asp", "/catfish", "/?id=fish"];
    check_allow("/fish", &below_fish, &elsewhere);
    check_allow("/fish*", &below_fish, &elsewhere);
    check_allow(
        "/fish/",
        &[
            "/fish/",
            "/fish/salmon",
            "/fish/?salmon",
            "/fish/salmon.html",
            "/fish/?id=anything",
        ],
        &["/bar", "/fish", "/fish.html", "/Fish/Salmon.html"],
    );
}

#[test]
fn paths_are_matched_by_their_extension() {
    check_allow(
        "/*.php",
        &[
            "/filename.php",
            "/folder/filename.php",
            "/folder/filename.php?parameters",
            "//folder/any.php.file.html",
            "/filename.php/",
            "/index?f=filename.php/",
        ],
        &["/bar", "/php/", "/index?php", "/windows.PHP"],
    );
    check_allow(
        "/*.php$",
        &["/filename.php", "/folder/filename.php"],
        &[
            "/bar",
            "/filename.php?parameters",
            "/filename.php/",
            "/filename.php5",
            "/php/",
            "/filename?php",
            "/aaaphpaaa",
            "//windows.PHP",
        ],
    );
    check_allow(
        "/fish*.php",
        &["/fish.php", "/fishheads/catfish.php?parameters"],
        &["/bar", "/Fish.PHP"],
    );
}

#[test]
fn rules_as_sites_have_them() {
    let body = "User-agent: *\nAllow: /*.js\nAllow: /*?ref=\nDisallow: /*?\nDisallow: /stat/\nDisallow: /id/1\n\
        Disallow: /*_escaped_pattern_=\nDisallow: /*-*-*-*-321$\nDisallow: /*-0-0-\n\nSitemap: http://foo.bar/s\n";
    check(
        body,
        &[
            ("foobot", "/foo.js", YES),
            ("foobot", "/x/y/z?ref=bar", YES),
            ("foobot", "/x/y/z?bar", NO),
            ("foobot", "/status/x", YES),
            ("foobot", "/stat/perf", NO),
            ("foobot", "/id/13579", NO),
            ("foobot", "/id/24680", YES),
            ("foobot", "/foo_bar_escaped_pattern_=123", NO),
            ("foobot", "/foo-bar-vaz-qux-321", NO),
            ("foobot", "/foo-bar-vaz-qux-3216", YES),
            ("foobot", "/-0-0-312", NO),
        ],
    );
    check(
        "User-agent: *\nDisallow: /data/*\nDisallow: /?*/\nDisallow: /id/*/page/\nDisallow: /actions$\nDisallow: /actions?\n",
        &[
            ("foobot", "/database", YES),
            ("foobot", "/data/recent", NO),
            ("foobot", "/foo/?user=admin/data", YES),
            ("foobot", "/?user=admin/data", NO),
            ("foobot", "/id/page/", YES),
            ("foobot", "/id/some/page/", NO),
            ("foobot", "/actions", NO),
            ("foobot", "/actions?id=123", NO),
            ("foobot", "/actions/new", YES),
        ],
    );
    check(
        "User-agent: quxbot\nDisallow: /\nUser-agent: *\nDisallow:\nSitemap: https://foo.bar/s\n",
        &[
            ("foo_bot", "/log?id=132", YES),
            ("quxbot", "/index.htm", NO),
        ],
    );
    check(
        "User-agent: barbot*\nDisallow: /bin/\n\nUser-agent: *\nDisallow: /\n",
        &[
            ("barbot", "/foo", YES),
            ("barbot", "/bin/bash", NO),
            ("barbot-prod", "/foo", NO),
        ],
    );
    check(
        "User-Agent: *\nCrawl-delay : 60\nDisallow : /*baz*\n\nUser-agent: XYZ123bot\nDisallow: /\n\n",
        &[
            ("foo_bot", "/new_baz", NO),
            ("foo_bot", "/foo", YES),
            ("XYZ", "/foo", NO),
            // Google refuses this one; the RFC always allows it.
            ("XYZ", "/robots.txt", YES),
            // To Google this name is none, as it has digits; here its token is `XYZ`.
            ("XYZ123bot", "/foo", NO),
        ],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let body = "User-Agent: foo\nDisallow: /AnyValue\n";
    check(&format!("\u{feff}{body}"), &[("foo", "/AnyValue", NO)]);
    // A mark elsewhere, or another character, spoils its line; Google's two suites disagree about part of a mark.
    check(
        "User-Agent: foo\n\u{feff}Disallow: /AnyValue\n",
        &[("foo", "/AnyValue", YES)],
    );
    check(&format!("\u{11}{body}"), &[("foo", "/AnyValue", YES)]);
}

#[test]
fn a_long_line_is_a_rule_like_another() {
    // Google cuts lines at 16,664 bytes; a body is bounded here, and a URL is shorter than a rule cut there.
    let path = format!("/x/{}", "a".repeat(20_000));
    check(
        &format!("user-agent: FooBot\ndisallow: {path}/qux\n"),
        &[("FooBot", "/fux", YES), ("FooBot", "/x/a", YES)],
    );
}
