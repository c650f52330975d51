use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const SITEMAP: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

fn check(body: &[u8], kind: Option<SitemapKind>, urls: &[&str], fault: Option<SitemapFault>) {
    let sitemap = parse_sitemap(body);
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]);
    assert_eq!(sitemap.kind, kind, "{shown}");
    assert_eq!(sitemap.urls, urls, "{shown}");
    assert_eq!(sitemap.fault, fault, "{shown}");
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn each_kind_lists_its_urls() {
    let urls = ["http://h/1", "http://h/?a=1&b=2"];
    let pages = format!(
        "<?xml version='1.0'?>\n<urlset xmlns='{SITEMAP}'><url><loc>http://h/1</loc><lastmod>2026</lastmod></url>
         <url>\n<loc>\n http://h/?a=1&amp;b=2 </loc></url></urlset>\n"
    );
    check(pages.as_bytes(), Some(SitemapKind::Pages), &urls, None);
    check(
        &gzip(pages.as_bytes()),
        Some(SitemapKind::Pages),
        &urls,
        None,
    );
    let index =
        b"<s:sitemapindex xmlns:s='x'><s:sitemap><s:loc><![CDATA[http://h/1]]></s:loc></s:sitemap>
        <s:sitemap><s:loc>http://h/?a=1&#38;b=&#x32;</s:loc></s:sitemap></s:sitemapindex>";
    check(index, Some(SitemapKind::Index), &urls, None);
    let rss = b"<rss><channel><link>http://h/</link><item><link>http://h/1</link><atom:link href='http://h/no'/>
        <description>&nbsp;<b>x</b></description></item><item><link>http://h/?a=1&amp;b=2</link></item></channel></rss>";
    check(rss, Some(SitemapKind::Rss), &urls, None);
    let atom = b"<feed><link href='http://h/'/><entry><link rel='edit' href='http://h/no'/><link href='http://h/1'/></entry>
        <entry><link href='http://h/?a=1&amp;b=2' rel='alternate'>x</link></entry></feed>";
    check(atom, Some(SitemapKind::Atom), &urls, None);
    let text = b"\xef\xbb\xbfhttp://h/1\r\n\r\n# http://h/no\nHTTP://h/2\nmailto:a@h";
    check(
        text,
        Some(SitemapKind::Text),
        &["http://h/1", "HTTP://h/2"],
        None,
    );
    check(
        &gzip(text),
        Some(SitemapKind::Text),
        &["http://h/1", "HTTP://h/2"],
        None,
    );
}

#[test]
fn what_is_no_sitemap_is_said_to_be_none() {
    for body in [
        "",
        " \n",
        "<",
        "<html><a href='http://h/'>",
        "<!DOCTYPE html><title>not found</title>",
        "{}",
        "\0\0",
        "<?xml?>",
    ] {
        check(body.as_bytes(), None, &[], Some(SitemapFault::Invalid));
    }
    check(b"\x1f\x8b", None, &[], Some(SitemapFault::Invalid));
}

#[test]
fn other_urls_in_an_entry_are_not_its_own() {
    let body = b"<urlset><url><loc>http://h/1</loc><image:image><image:loc>http://h/2</image:loc></image:image>
        <xhtml:link rel='alternate' href='http://h/3'/></url><loc>http://h/4</loc></urlset>";
    check(body, Some(SitemapKind::Pages), &["http://h/1"], None);
}

#[test]
fn what_breaks_keeps_what_came_before() {
    let before = "<urlset><url><loc>http://h/1</loc></url>";
    for after in [
        "",
        "<url><loc>http://h/2",
        "<url><loc>http://h/2</url>",
        "</sitemap>",
        "<url><loc>http://h/&undefined;</loc></url></urlset>",
        "<url><loc>http://h/&#xD800;</loc></url></urlset>",
        "<!-- ",
    ] {
        let body = format!("{before}{after}");
        let urls = ["http://h/1"];
        check(
            body.as_bytes(),
            Some(SitemapKind::Pages),
            &urls,
            Some(SitemapFault::Invalid),
        );
    }
    let body = gzip(format!("{before}</urlset>").as_bytes());
    let cut = parse_sitemap(&body[..body.len() - 9]);
    assert_eq!(cut.fault, Some(SitemapFault::Invalid));
}

#[test]
fn an_ampersand_that_stands_for_itself_is_taken_so() {
    let body = b"<urlset><url><loc>http://h/?a=1&b=2&copy=3</loc></url></urlset>";
    check(
        body,
        Some(SitemapKind::Pages),
        &["http://h/?a=1&b=2&copy=3"],
        None,
    );
}

#[test]
fn a_document_type_is_refused_wherever_it_stands() {
    let bomb = "<!DOCTYPE urlset [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>";
    let body = "<urlset><url><loc>http://h/&b;</loc></url></urlset>";
    let refused = Some(SitemapFault::Doctype);
    check(
        format!("<?xml version='1.0'?>{bomb}{body}").as_bytes(),
        None,
        &[],
        refused,
    );
    let late = format!("<urlset><url><loc>http://h/1</loc></url>{bomb}</urlset>");
    check(late.as_bytes(), Some(SitemapKind::Pages), &[], refused);
}

#[test]
fn there_is_an_end_to_urls_and_bytes() {
    let entry = "<url><loc>http://h/</loc></url>";
    let many = format!("<urlset>{}</urlset>", entry.repeat(URLS_MAX + 1));
    let sitemap = parse_sitemap(many.as_bytes());
    let too_long = Some(SitemapFault::TooLong);
    assert_eq!((sitemap.urls.len(), sitemap.fault), (URLS_MAX, too_long));
    let lines: String = (0..=URLS_MAX).map(|n| format!("http://h/{n}\n")).collect();
    let sitemap = parse_sitemap(&gzip(lines.as_bytes()));
    assert_eq!((sitemap.urls.len(), sitemap.fault), (URLS_MAX, too_long));
    let exactly = format!("<urlset>{}</urlset>", entry.repeat(URLS_MAX));
    assert_eq!(parse_sitemap(exactly.as_bytes()).fault, None);
    let token = format!("<urlset><!--{}", "x".repeat(2 << 20));
    assert_eq!(
        parse_sitemap(token.as_bytes()).fault,
        Some(SitemapFault::TooLong)
    );
    let deep = format!("<urlset>{}", "<a>".repeat(100));
    assert_eq!(
        parse_sitemap(deep.as_bytes()).fault,
        Some(SitemapFault::Invalid)
    );
}

#[test]
fn what_blows_up_is_refused_whole() {
    let mut body = b"<urlset><url><loc>http://h/1</loc></url>".to_vec();
    body.resize(4 << 20, b' ');
    assert_eq!(parse_sitemap(&body).urls.len(), 1);
    check(
        &gzip(&body),
        Some(SitemapKind::Pages),
        &[],
        Some(SitemapFault::Bomb),
    );
}

#[test]
fn an_encoding_is_told_by_a_mark_or_by_the_declaration() {
    let declared = b"<?xml version='1.0' encoding = \"windows-1252\"?><urlset><url><loc>http://h/\xfc</loc></url></urlset>";
    check(
        declared,
        Some(SitemapKind::Pages),
        &["http://h/\u{fc}"],
        None,
    );
    let text = "<urlset><url><loc>http://h/\u{fc}</loc></url></urlset>";
    let marked = [0xfeff].into_iter().chain(text.encode_utf16());
    let marked: Vec<u8> = marked.flat_map(u16::to_le_bytes).collect();
    check(
        &marked,
        Some(SitemapKind::Pages),
        &["http://h/\u{fc}"],
        None,
    );
    check(
        text.as_bytes(),
        Some(SitemapKind::Pages),
        &["http://h/\u{fc}"],
        None,
    );
}
