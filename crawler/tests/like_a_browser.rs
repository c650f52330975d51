//! The links of a page are those that a browser without scripts finds: held against html5ever, which builds the tree
//! that the HTML standard describes.
//!
//! 1. On a table of tricky documents both find the same links.
//! 2. So they do on any soup of tags, but for elements whose place in the tree decides (`select`, `frameset`), and as
//!    far as `svg` and `math` are closed.

use std::collections::BTreeSet;

use crawler::parse::{Response, parse_html};
use crawler::policy::robots::Product;
use crawler::web_url::WebUrl;
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, ns, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use proptest::prelude::*;

fn page() -> WebUrl {
    WebUrl::parse("http://h.example/dir/page").expect("the URL is whole")
}

/// Returns the URLs that our parser finds.
fn ours(html: &str) -> BTreeSet<String> {
    let (url, product) = (page(), Product::of("FooBot").expect("a name"));
    let page = parse_html(html.as_bytes(), &Response::new(&url), &product);
    page.links.iter().map(|link| link.url.to_string()).collect()
}

/// Returns the URLs that are in the tree.
fn theirs(html: &str) -> BTreeSet<String> {
    let options = ParseOpts {
        tree_builder: TreeBuilderOpts {
            scripting_enabled: false,
            ..TreeBuilderOpts::default()
        },
        ..ParseOpts::default()
    };
    let dom = parse_document(RcDom::default(), options).one(html);
    let (mut references, mut base) = (Vec::new(), None);
    collect(&dom.document, &mut references, &mut base);
    let base = base
        .and_then(|base| page().join(&base).ok())
        .unwrap_or_else(page);
    let urls = references
        .iter()
        .filter(|text| !text.trim_start().starts_with('#'));
    urls.filter_map(|text| Some(base.join(text).ok()?.to_string()))
        .collect()
}

fn collect(node: &Handle, references: &mut Vec<String>, base: &mut Option<String>) {
    if let NodeData::Element { name, attrs, .. } = &node.data
        && name.ns == ns!(html)
    {
        let attributes = attrs.borrow();
        let value = |wanted: &str| {
            let found = attributes
                .iter()
                .find(|attribute| &*attribute.name.local == wanted);
            found.map(|attribute| attribute.value.to_string())
        };
        match &*name.local {
            "a" | "area" => references.extend(value("href")),
            "iframe" => references.extend(value("src")),
            "base" if base.is_none() => *base = value("href"),
            _ => {}
        }
    }
    for child in node.children.borrow().iter() {
        collect(child, references, base);
    }
}

fn check(html: &str) {
    assert_eq!(ours(html), theirs(html), "{html}");
}

#[test]
fn values_are_decoded_as_a_browser_decodes_them() {
    for value in [
        "?a&amp;b",
        "?a&ampb",
        "?a&amp=b",
        "?a&amp",
        "?a&copy=1",
        "?a&copy1",
        "?a&copy;1",
        "?a&copy",
        "&notin;",
        "?&notit;",
        "&NotEqualTilde;",
        "&bne;",
        "&fjlig;",
        "&#0;",
        "&#x110000;",
        "&#xD800;",
        "&#x80;",
        "&#128;",
        "&#x9f;",
        "&#xfdd0;",
        "&#x;",
        "&#;",
        "&;",
        "&",
        "&&amp;",
        "&#47;&#x2F;b",
        "&#x2fb",
        "&Tab;a&NewLine;b",
        "&nbsp;a",
        "&quot;a&quot;",
        "?a&lt&gt;",
        "?a&unknown;",
        "?a&amp;amp;",
        "&CounterClockwiseContourIntegral;",
        "?a&not=b&not;b",
        "\0a",
        "ü",
    ] {
        check(&format!("<a href='{value}'>"));
        check(&format!("<a href=\"{value}\">"));
        check(&format!("<a href={value}>"));
        check(&format!("<a href={value}"));
    }
}

#[test]
fn tags_are_read_as_a_browser_reads_them() {
    for html in [
        "<a href=b/>",
        "<a/href=b>",
        "<a href = b>",
        "<a href\n=\nb>",
        "<a href=b href=c>",
        "<a href href=b>",
        "<A HREF=B>",
        "<a =href=b>",
        "<a href=b'c>",
        "<a href='b'c=d>",
        "<a href=\"b\"href=c>",
        "<a href=`b`>",
        "<a title='>' href=b>",
        "<a title=\"<a href=c>\" href=b>",
        "< a href=b>",
        "<a\0 href=b>",
        "<a href=b <a href=c>",
        "<a href=b",
        "</a href=b>",
        "<a href='b><a href=\"c'>",
        "<1a href=b>",
        "<?a href=b>",
        "<!a href=b>",
        "<a href=b\x0cc=d>",
        "<a href=b\rc=d>",
    ] {
        check(html);
    }
}

#[test]
fn what_is_no_markup_holds_no_links() {
    for html in [
        "<!--<a href=b>--><a href=c>",
        "<!--><a href=b>",
        "<!---><a href=b>",
        "<!-- --!><a href=b>",
        "<!-- -- ><a href=b>",
        "<!--<!--><a href=b>",
        "<!-- <a href=b>",
        "<script>'<a href=b>'</script><a href=c>",
        "<script><!--<script></script><a href=b></script>--></script><a href=c>",
        "<script></script ><a href=b>",
        "<script></scripts><a href=b></script><a href=c>",
        "<style><a href=b></style><a href=c>",
        "<title><a href=b></title><a href=c>",
        "<textarea><a href=b></textarea><a href=c>",
        "<xmp><a href=b></xmp><a href=c>",
        "<iframe src=d><a href=b></iframe><a href=c>",
        "<noembed><a href=b></noembed><a href=c>",
        "<noframes><a href=b></noframes><a href=c>",
        "<noscript><a href=b></noscript>",
        "<plaintext><a href=b>",
        "<template><a href=b></template><a href=c>",
        "<template><template></template><a href=b></template>",
        "<![CDATA[<a href=b>]]>",
        "<title><!--</title>--><a href=b>",
        "<title>&lt;/title><a href=b>",
    ] {
        check(html);
    }
}

#[test]
fn svg_and_mathml_are_what_they_are() {
    for html in [
        "<svg><a href=b></a></svg><a href=c>",
        "<svg><style><a href=b></style></svg>",
        "<svg><title><a href=b></title></svg>",
        "<svg><desc><a href=b></desc></svg>",
        "<svg><foreignObject><a href=b></foreignObject></svg>",
        "<svg><foreignObject><style><a href=b></style></foreignObject></svg><a href=c>",
        "<svg><script><a href=b></script>",
        "<svg><![CDATA[<a href=b>]]></svg><a href=c>",
        "<svg><p><a href=b>",
        "<svg><g><style><p><a href=b></style>",
        "<svg/><style><a href=b></style>",
        "<svg><g/></svg><a href=b>",
        "<math><mi><a href=b></mi></math><a href=c>",
        "<math><mtext><style><a href=b></style></mtext></math>",
        "<math><style><a href=b></style></math>",
        "<svg></p><a href=b>",
        "<svg><svg></svg><a href=b></svg><a href=c>",
        "<math><svg><a href=b></svg></math>",
    ] {
        check(html);
    }
}

#[test]
fn a_base_is_found_where_a_browser_finds_it() {
    for html in [
        "<base href=/x/><a href=b>",
        "<a href=b><base href=/x/>",
        "<base><base href=/x/><base href=/y/><a href=b>",
        "<svg><base href=/x/></svg><a href=b>",
        "<template><base href=/x/></template><a href=b>",
        "<table><base href=/x/><a href=b>",
    ] {
        check(html);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_soup_has_the_links_a_browser_finds(
        parts in prop::collection::vec(prop::sample::select(SOUP.to_vec()), 0..24),
    ) {
        let html = parts.concat();
        prop_assert_eq!(ours(&html), theirs(&html), "{}", html);
    }
}

const SOUP: [&str; 50] = [
    "<a href=b>",
    "<a href='c'>",
    "<a href=\"d&amp;e\">",
    "<a href=f",
    "<a ",
    "</a>",
    "<area href=g>",
    "<iframe src=i>",
    "</iframe>",
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<table>",
    "<tr>",
    "<td>",
    "</table>",
    "<b>",
    "</b>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<!--",
    "-->",
    "<noscript>",
    "</noscript>",
    "<head>",
    "<body>",
    "</body>",
    "</html>",
    "<svg><style><a href=s></style></svg>",
    "<svg><foreignObject><a href=t></foreignObject></svg>",
    "<math><mi><a href=u></a></mi></math>",
    "<svg/>",
    "<base href=/x/>",
    "'",
    "\"",
    ">",
    "=",
    "&copy",
    "&#x41;",
    "x",
    " ",
    "\n",
    "ü",
];
