use proptest::prelude::*;

use super::*;

const PAGE: &str = "http://h.example/dir/page";

fn parse(html: &str) -> Page {
    let url = WebUrl::parse(PAGE).unwrap();
    parse_html(
        html.as_bytes(),
        &Response::new(&url),
        &Product::of("FooBot").unwrap(),
    )
}

/// Checks the links of a page on `http://h.example/dir/page`.
fn check(html: &str, expected: &[&str]) {
    let page = parse(html);
    let links: Vec<&str> = page.links.iter().map(|link| link.url.as_str()).collect();
    assert_eq!(links, expected, "{html}");
}

#[test]
fn each_kind_of_link_is_found() {
    fn check(html: &str, expected: LinkKind) {
        let page = parse(html);
        let links: Vec<_> = page
            .links
            .iter()
            .map(|link| (link.url.path(), link.kind))
            .collect();
        assert_eq!(links, [("/a", expected)], "{html}");
    }
    check("<a href=/a>", LinkKind::Anchor);
    check("<map><area href=/a></map>", LinkKind::Area);
    check("<iframe src=/a></iframe>", LinkKind::Frame);
    check("<frameset><frame src=/a></frameset>", LinkKind::Frame);
    check(
        "<meta http-equiv=refresh content='0;url=/a'>",
        LinkKind::Refresh,
    );
    check("<link rel=canonical href=/a>", LinkKind::Canonical);
    check(
        "<link rel='alternate' hreflang=de href=/a>",
        LinkKind::Alternate,
    );
    check("<link rel=next href=/a>", LinkKind::Next);
    check("<link rel=prev href=/a>", LinkKind::Prev);
}

#[test]
fn what_is_no_link_is_not_found() {
    check(
        "<a name=a><img src=/a><link rel=icon href=/a><link href=/a><script src=/a></script>",
        &[],
    );
    check(
        "<a data-href=/a><x href=/a><meta name=refresh content='0;url=/a'>",
        &[],
    );
    check("<svg><a href=/a></svg>", &[]);
    check(
        "<template><a href=/a><template></template><a href=/b></template><a href=/c>",
        &["http://h.example/c"],
    );
}

/// Checks the paths of the links of a page on `http://h.example/dir/page` of which more is followed.
fn check_followed(html: &str, follow: Follow, expected: &[(&str, LinkKind)]) {
    let page = parse_following(html.as_bytes(), follow);
    let links: Vec<_> = page
        .links
        .iter()
        .map(|link| (link.url.path(), link.kind))
        .collect();
    assert_eq!(links, expected, "{html}");
}

fn parse_following(body: &[u8], follow: Follow) -> Page {
    let url = WebUrl::parse(PAGE).unwrap();
    let response = Response {
        follow,
        ..Response::new(&url)
    };
    parse_html(body, &response, &Product::of("FooBot").unwrap())
}

const ASSETS: Follow = Follow {
    assets: true,
    ..Follow::LINKS
};
const FORMS: Follow = Follow {
    forms: true,
    ..Follow::LINKS
};
const CSS: Follow = Follow {
    css: true,
    ..Follow::LINKS
};

#[test]
fn what_a_page_is_shown_with_is_followed_where_assets_are() {
    let check = |html: &str, paths: &[&str]| {
        let expected: Vec<_> = paths.iter().map(|path| (*path, LinkKind::Asset)).collect();
        check_followed(html, ASSETS, &expected);
        for follow in [Follow::LINKS, FORMS, CSS] {
            check_followed(html, follow, &[]);
        }
    };
    for tag in [
        "img", "script", "audio", "video", "source", "track", "embed", "bgsound",
    ] {
        check(&format!("<{tag} src=/a>"), &["/a"]);
    }
    check(
        "<img src=/a srcset='/b 1x, /c,d 2x,/e 3'>",
        &["/a", "/b", "/c,d"],
    );
    check(
        "<picture><source srcset='/a 1w,/b 2w'></picture>",
        &["/a", "/b"],
    );
    check("<video poster=/a>", &["/a"]);
    check("<object data=/a></object>", &["/a"]);
    check(
        "<input type=Image src=/a><input src=/b><input type=text src=/c>",
        &["/a"],
    );
    check(
        "<body background=/a><table background=/b><td background=/c>",
        &["/a", "/b", "/c"],
    );
    check(
        "<link rel='shortcut ICON' href=/a><link rel=manifest href=/b>",
        &["/a", "/b"],
    );
    check(
        "<link rel=preload href=/a imagesrcset='/b 2x'>",
        &["/a", "/b"],
    );
    check(
        "<svg><image href=/a /><use xlink:href='/b#c'/><use href='#d'/></svg>",
        &["/a", "/b"],
    );
    check("<div src=/a srcset=/b data=/c><image src=/d>", &[]);
    check(
        "<template><img src=/a></template><noscript><img src=/b></noscript>",
        &["/b"],
    );
    check("<link rel=prefetch href=/a>", &[]);
}

#[test]
fn a_list_of_images_that_is_too_long_is_not_cut_within_a_url() {
    let images: String = (0..9_000).map(|n| format!("/{n:06} 1x, ")).collect();
    let page = parse_following(format!("<img srcset='{images}'>").as_bytes(), ASSETS);
    assert!(page.links.len() > 4_000, "{}", page.links.len());
    assert!(page.links.iter().all(|link| link.url.path().len() == 7));
}

#[test]
fn the_action_of_a_form_is_followed_where_forms_are_unless_it_posts() {
    let check = |html: &str, paths: &[&str]| {
        let expected: Vec<_> = paths.iter().map(|path| (*path, LinkKind::Form)).collect();
        check_followed(html, FORMS, &expected);
        for follow in [Follow::LINKS, ASSETS, CSS] {
            check_followed(html, follow, &[]);
        }
    };
    check("<form action=/a><input name=b value=c></form>", &["/a"]);
    check(
        "<form action=/a method=GET><form action=/b method=none>",
        &["/a", "/b"],
    );
    check(
        "<form action=/a method=Post><form action=/b method=dialog>",
        &[],
    );
    check("<form><form action=''><form action=' '>", &[]);
    check("<form action=mailto:a@b>", &[]);
    let page = parse_following(b"<form action=/a rel=nofollow>", FORMS);
    assert_eq!((page.links.len(), page.followed().count()), (1, 0));
}

#[test]
fn style_sheets_are_followed_where_css_is_and_so_is_what_styles_in_the_page_name() {
    let check = |html: &str, paths: &[&str]| {
        let expected: Vec<_> = paths.iter().map(|path| (*path, LinkKind::Style)).collect();
        check_followed(html, CSS, &expected);
        for follow in [ASSETS, FORMS] {
            check_followed(html, follow, &[]);
        }
    };
    check("<link rel=StyleSheet href=/a>", &["/a"]);
    check("<link rel='alternate stylesheet' href=/a>", &["/a"]);
    check("<style>@import '/a';b{c:url(/d)}</style>", &["/a", "/d"]);
    check("<style>url(/a", &["/a"]);
    check("<style>a{b:url(</style><style>/a)}</style>", &[]);
    check("<p style='background:url(&quot;/a&quot;)'>", &["/a"]);
    check("<svg><path style=fill:url(/a) /></svg>", &["/a"]);
    check("<template><style>url(/a)</style></template>", &[]);
    check("<style>/* </style> <p style=\"content:'url(/a)'\">", &[]);
    check(
        "<base href=/b/><style>url(a)</style><p style=url(c)>",
        &["/b/a", "/b/c"],
    );
    // What is behind the bound is not read, and what it cuts is no URL.
    let blanks = " ".repeat((1 << 20) - 14);
    check(&format!("<style>url(/a){blanks}url(/bc)</style>"), &["/a"]);
}

#[test]
fn a_page_in_pieces_has_the_style_sheets_of_a_whole_one() {
    let (body, ..) = encoding_rs::WINDOWS_1251
        .encode("<meta charset=windows-1251><style>b{c:url('/ю')}</style><a href=/d>");
    let page = parse_following(&body, CSS);
    let paths: Vec<_> = page.links.iter().map(|link| link.url.path()).collect();
    assert_eq!(paths, ["/%D1%8E", "/d"]);
}

#[test]
fn a_style_sheet_is_read_in_its_encoding_against_its_own_url() {
    fn check(body: &[u8], content_type: Option<&str>, paths: &[&str]) {
        let url = WebUrl::parse("http://h.example/css/a.css").unwrap();
        let response = Response {
            content_type,
            follow: CSS,
            ..Response::new(&url)
        };
        let page = parse_css(body, &response, &Product::of("FooBot").unwrap());
        let found: Vec<_> = page.links.iter().map(|link| link.url.path()).collect();
        assert_eq!(found, paths, "{}", body.escape_ascii());
    }
    check(b"url(../b)url(c)", Some("text/css"), &["/b", "/css/c"]);
    check("\u{feff}url(/ü)".as_bytes(), None, &["/%C3%BC"]);
    check(
        b"url(/\xfc)",
        Some("text/css; charset=latin1"),
        &["/%C3%BC"],
    );
    check(b"@charset \"latin1\";url(/\xfc)", None, &["/%C3%BC"]);
    check(b"@charset \"utf-16\";url(/a)", None, &["/a"]);
    check(b"@charset 'latin1';url(/\xfc)", None, &["/%EF%BF%BD"]);
    let wide = "\u{feff}url(/a)".encode_utf16();
    let wide: Vec<u8> = wide.flat_map(u16::to_be_bytes).collect();
    check(&wide, None, &["/a"]);
}

#[test]
fn references_are_read_against_the_page() {
    check("<a href='../b?c#d'>", &["http://h.example/b?c"]);
    check("<a href=' \n e\tf '>", &["http://h.example/dir/ef"]);
    check("<a href=//i.example>", &["http://i.example/"]);
    check("<a href=''>", &[PAGE]);
    check("<a href=https:g>", &["https://g/"]);
}

#[test]
fn entities_are_decoded_as_in_attributes() {
    check("<a href='?a&amp;b'>", &["http://h.example/dir/page?a&b"]);
    check(
        "<a href='?a&copy=1&copy;2'>",
        &["http://h.example/dir/page?a&copy=1%C2%A92"],
    );
    check("<a href=&#x2f;&#98;&#99>", &["http://h.example/bc"]);
    check(
        "<a href='&sol;a&NotEqualTilde;'>",
        &["http://h.example/a%E2%89%82%CC%B8"],
    );
    check(
        "<a href='?&unknown;&#0;&'>",
        &["http://h.example/dir/page?&unknown;%EF%BF%BD&"],
    );
}

#[test]
fn a_base_holds_for_all_references() {
    check(
        "<a href=a><base href=/b/><base href=/c/><a href=d>",
        &["http://h.example/b/a", "http://h.example/b/d"],
    );
    check(
        "<base target=x><base href=//i.example/><a href=a>",
        &["http://i.example/a"],
    );
    check("<base href=data:,x><a href=a>", &["http://h.example/dir/a"]);
    check("<base href=c/d><a href=a>", &["http://h.example/dir/c/a"]);
}

#[test]
fn what_cannot_be_fetched_is_counted() {
    let page = parse(
        "<a href=mailto:a@b><a href=javascript:x><a href='java\nscript:x'><a href=#top><a href=http://>",
    );
    assert_eq!((page.links.len(), page.refused), (0, 4));
    let long = "a".repeat(5000);
    let page = parse(&format!("<a href=/{long}><a href=data:,{long}><a href=/b>"));
    assert_eq!((page.links.len(), page.refused), (1, 2));
    // What is left of it would be another URL.
    let cut = parse(&format!("<a href='{}b'>", "../".repeat(5000)));
    assert_eq!((cut.links.len(), cut.refused), (0, 1));
}

#[test]
fn user_info_is_no_part_of_a_link() {
    check(
        "<a href=http://ann:secret@i.example/>",
        &["http://i.example/"],
    );
}

#[test]
fn each_url_is_one_link() {
    let page = parse("<a href=b><a href=./b><a href='b#c'><area href=%62>");
    assert_eq!(page.links.len(), 1);
    assert_eq!(page.links[0].kind, LinkKind::Anchor);
}

#[test]
fn a_link_is_followed_if_one_place_lets_it() {
    fn check(html: &str, expected: bool) {
        let page = parse(html);
        assert_eq!(page.links.len(), 1, "{html}");
        assert_eq!(page.followed().count() == 1, expected, "{html}");
    }
    check("<a href=b>", true);
    check("<a href=b rel='external NoFollow'>", false);
    check("<a href=b rel='ugc sponsored noopener'>", true);
    check("<a href=b rel='ugc nofollow'>", false);
    check("<a href=b rel=nofollow><a href=b>", true);
    check("<a href=b rel=nofollow><a href=./b>", true);
    check("<a href=b rel=nofollow><area href=b rel=nofollow>", false);
    check(
        "<a href=b><meta name=robots content='index, nofollow'>",
        false,
    );
    check("<a href=b><meta name=FOOBOT content=none>", false);
    check("<a href=b><meta name=otherbot content=none>", true);
    check("<a href=b><meta name=robots content=noindex>", true);
}

#[test]
fn the_title_is_the_first_one() {
    fn check(html: &str, expected: Option<&str>) {
        assert_eq!(parse(html).title.as_deref(), expected, "{html}");
    }
    check(
        "<title> A &amp;\n\t<b>B</b>  </title><title>C</title>",
        Some("A & <b>B</b>"),
    );
    check("<svg><title>A</title></svg><title>B</title>", Some("B"));
    check("<title></title><title>B</title>", None);
    check("<title>A", Some("A"));
    check("<p>text</p>", None);
    check("<title>A\u{1b}[2J\u{7}B</title>", Some("A [2J B"));
    let long = parse(&format!("<title>{}</title>", "ü".repeat(1000)))
        .title
        .unwrap();
    assert_eq!(long, "ü".repeat(512));
    let odd = parse(&format!("<title>a{}</title>", "ü".repeat(1000)))
        .title
        .unwrap();
    assert_eq!(odd, format!("a{}", "ü".repeat(511)));
}

#[test]
fn language_and_description_are_found() {
    let page = parse(
        "<html lang=' de-AT '><meta name=Description content=' a\n b '><meta name=description content=c>",
    );
    assert_eq!(page.lang.as_deref(), Some("de-AT"));
    assert_eq!(page.description.as_deref(), Some("a b"));
    let long = "ü".repeat(1000);
    let page = parse(&format!("<meta name=description content=a{long}>"));
    assert_eq!(page.description.unwrap().len(), 1023);
    let page = parse("<html lang='not a language'><meta name=description content=' '>");
    assert_eq!((page.lang, page.description), (None, None));
}

#[test]
fn the_canonical_url_is_the_first_one() {
    let page = parse("<link rel=canonical href=/a><link rel=canonical href=/b>");
    assert_eq!(page.wishes.canonical.unwrap().path(), "/a");
    assert!(page.wishes.is_canonical_disputed);
    assert_eq!(page.links.len(), 2);
    let same =
        parse("<base href=/b/><link rel=canonical href=a><link rel=CANONICAL href='/b/a#c'>");
    assert_eq!(same.wishes.canonical.unwrap().path(), "/b/a");
    assert!(!same.wishes.is_canonical_disputed);
    let refused = parse("<link rel=canonical href=data:,a><link rel=canonical href=/b>");
    assert_eq!(refused.wishes.canonical.unwrap().path(), "/b");
    assert!(!refused.wishes.is_canonical_disputed);
}

#[test]
fn all_headers_and_elements_that_speak_to_us_forbid_together() {
    fn check(html: &str, robots: &[&str], expected: (bool, bool)) {
        let url = WebUrl::parse(PAGE).unwrap();
        let response = Response {
            robots,
            ..Response::new(&url)
        };
        let page = parse_html(html.as_bytes(), &response, &Product::of("FooBot").unwrap());
        let told = page.wishes.robots;
        assert_eq!((told.noindex, told.nofollow), expected, "{html} {robots:?}");
    }
    check("", &["noindex", "nofollow"], (true, true));
    check("", &["otherbot: noindex", "nofollow"], (false, true));
    check("", &["otherbot: none", "FOOBOT: nofollow"], (false, true));
    check("", &["foobot: all", "noindex"], (true, false));
    check(
        "<meta name=robots content=noindex>",
        &["nofollow"],
        (true, true),
    );
    check(
        "<meta name=foobot content=follow><meta name=robots content=nofollow>",
        &[],
        (false, true),
    );
    check(
        "<meta name=robots content=noindex><meta name=foobot content=nofollow>",
        &[],
        (true, true),
    );
    check(
        "<meta name=otherbot content=none>",
        &["otherbot: none"],
        (false, false),
    );
}

#[test]
fn a_header_and_an_element_may_dispute_the_canonical_url() {
    fn check(html: &str, links: &[&str], expected: (Option<&str>, bool)) {
        let url = WebUrl::parse(PAGE).unwrap();
        let response = Response {
            links,
            ..Response::new(&url)
        };
        let page = parse_html(html.as_bytes(), &response, &Product::of("FooBot").unwrap());
        let wishes = page.wishes;
        let canonical = wishes.canonical.as_ref().map(WebUrl::path);
        assert_eq!(
            (canonical, wishes.is_canonical_disputed),
            expected,
            "{html} {links:?}"
        );
    }
    check(
        "<link rel=canonical href=/a>",
        &["</b>; rel=canonical"],
        (Some("/a"), true),
    );
    check(
        "<link rel=canonical href=/a>",
        &["</a>; rel=canonical"],
        (Some("/a"), false),
    );
    check(
        "",
        &["</a>; rel=canonical", "</b>; rel=canonical"],
        (Some("/a"), true),
    );
    check(
        "",
        &["</a>; rel=canonical, </a#b>; rel=canonical"],
        (Some("/a"), false),
    );
    check(
        "<link rel=canonical href=http://>",
        &["</b>; rel=canonical"],
        (Some("/b"), false),
    );
    check("", &["</a>; rel=next"], (None, false));
}

#[test]
fn headers_speak_as_elements_do() {
    let url = WebUrl::parse(PAGE).unwrap();
    let response = Response {
        links: &[
            "</c>; rel=canonical, <n>; rel=next",
            "<s.css>; rel=stylesheet",
        ],
        robots: &["otherbot: noindex", "nofollow"],
        ..Response::new(&url)
    };
    let page = parse_html(
        b"<base href=/b/><a href=a>",
        &response,
        &Product::of("FooBot").unwrap(),
    );
    let links: Vec<_> = page
        .links
        .iter()
        .map(|link| (link.url.path(), link.kind))
        .collect();
    let next = ("/dir/n", LinkKind::Next);
    assert_eq!(
        links,
        [
            ("/b/a", LinkKind::Anchor),
            ("/c", LinkKind::Canonical),
            next
        ]
    );
    let wishes = &page.wishes;
    assert_eq!(wishes.canonical.as_ref().map(WebUrl::path), Some("/c"));
    assert!(wishes.robots.nofollow && !wishes.robots.noindex && !wishes.is_canonical_disputed);
    assert_eq!(page.followed().count(), 0);
}

#[test]
fn a_page_in_another_encoding_is_read_as_its_author_meant() {
    let (body, ..) = encoding_rs::WINDOWS_1251.encode("<title>Привет</title><a href='/ю?ю'>");
    let url = WebUrl::parse(PAGE).unwrap();
    let response = Response {
        content_type: Some("text/html; charset=windows-1251"),
        ..Response::new(&url)
    };
    let page = parse_html(&body, &response, &Product::of("FooBot").unwrap());
    assert_eq!(page.title.as_deref(), Some("Привет"));
    assert_eq!(page.links[0].url.as_str(), "http://h.example/%D1%8E?%FE");
}

#[test]
fn a_page_has_at_most_its_number_of_links() {
    let html = |count: usize| -> String { (0..count).map(|n| format!("<a href={n}>")).collect() };
    let whole = parse(&html(LINKS_MAX));
    assert_eq!((whole.links.len(), whole.truncated), (LINKS_MAX, false));
    let cut = parse(&html(LINKS_MAX + 1));
    assert_eq!((cut.links.len(), cut.truncated), (LINKS_MAX, true));
}

#[test]
fn references_of_one_page_have_a_bound_together() {
    let html: String = (0..2000)
        .map(|n| format!("<a href=/{n}{}>", "a".repeat(2000)))
        .collect();
    let page = parse(&html);
    assert!(
        page.truncated && page.links.len() < 1100,
        "{}",
        page.links.len()
    );
}

#[test]
fn links_of_one_page_have_a_bound_together_whatever_its_base() {
    let links: String = (0..LINKS_MAX).map(|n| format!("<a href={n}>")).collect();
    let page = parse(&format!("<base href=/{}/>{links}", "b".repeat(2_000)));
    let bytes: usize = page.links.iter().map(|link| link.url.as_str().len()).sum();
    assert!(page.truncated && bytes <= LINK_BYTES_MAX, "{bytes}");
    assert!(page.links.len() > 1_000, "{}", page.links.len());
}

proptest! {
    #[test]
    fn any_bytes_are_a_page(body: Vec<u8>, content_type: Option<String>, header: String) {
        let url = WebUrl::parse(PAGE).unwrap();
        let headers = [header.as_str()];
        let response = Response {
            content_type: content_type.as_deref(),
            links: &headers,
            robots: &headers,
            ..Response::new(&url)
        };
        let page = parse_html(&body, &response, &Product::of("FooBot").unwrap());
        prop_assert!(page.links.len() <= LINKS_MAX);
    }

    /// What looks like a page goes further into the tokenizer than bytes that don't.
    #[test]
    fn any_tag_soup_is_a_page_whose_links_stand_in_it(
        parts in prop::collection::vec(prop::sample::select(SOUP.to_vec()), 0..40),
    ) {
        let html = parts.concat();
        let page = parse(&html);
        for link in &page.links {
            prop_assert!(link.url.as_str().starts_with("http"), "{}", html);
        }
        prop_assert!(page.links.len() <= html.matches('<').count());
    }
}

const SOUP: [&str; 36] = [
    "<a href=",
    "<a href='",
    "'",
    "\"",
    ">",
    "/>",
    "<",
    "</",
    "<!--",
    "-->",
    "--!>",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<svg>",
    "</svg>",
    "<title>",
    "</title>",
    "<template>",
    "</template>",
    "<base href=/b/",
    "<![CDATA[",
    "]]>",
    "&amp",
    "&#x41;",
    "&#",
    "http://i/",
    "x",
    " ",
    "=",
    "<!doctype ",
    "<plaintext>",
    "<?",
    "ü",
    "\0",
];

/// Returns all that a document says.
fn said(read: fn(&[u8], &'static Encoding, &mut Document), body: &[u8]) -> String {
    let product = Product::of("ExampleBot/1.0").unwrap();
    let all = Follow {
        assets: true,
        forms: true,
        css: true,
    };
    let mut document = Document::new(&product, all);
    read(body, UTF_8, &mut document);
    document.end_style();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        document.title(),
        document.references().collect::<Vec<_>>(),
        document.base,
        document.canonicals,
        document.description,
        document.lang,
        document.robots
    )
}

proptest! {
    #[test]
    fn text_that_is_read_as_it_stands_says_what_it_says_decoded(
        parts in prop::collection::vec(prop_oneof![
            "<(a|link|base|area|meta|title|html) (href|rel|name|content|lang)=['\"]?[a-zü&;/ ]{0,9}['\"]?>",
            "[a-zü<>&;'\"/!-]{0,9}",
            Just("</title>".to_owned()),
            "<(img|form|style|p) (src|srcset|action|style)=['\"]?[a-z&;/,() ]{0,9}['\"]?>",
            Just("url(a)</style>".to_owned()),
            Just("\u{feff}".to_owned()),
            Just("&amp;\r\n\0".to_owned()),
        ], 0..40),
    ) {
        let text = parts.concat();
        prop_assert_eq!(said(read, text.as_bytes()), said(read_decoded, text.as_bytes()));
    }
}
