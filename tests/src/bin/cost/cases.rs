//! The texts: each of a part again and again, made to cost as much as it can.

use crate::count::measured;
use crate::subject::Subject;

/// A text that grows.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    subject: Subject,
    before: &'static str,
    /// What is repeated; `{}` in it stands for a number that counts up.
    part: &'static str,
    after: &'static str,
    /// Whether it costs the square of its length, by intention.
    pub(crate) is_square: bool,
}

impl Case {
    const fn new(
        name: &'static str,
        subject: Subject,
        [before, part, after]: [&'static str; 3],
    ) -> Self {
        let is_square = matches!(subject, Subject::Square);
        Self {
            name,
            subject,
            before,
            part,
            after,
            is_square,
        }
    }

    /// Reads the text once, and once at twice its length.
    pub(crate) fn run(&self) {
        let bytes = self.bytes();
        for bytes in [bytes, 2 * bytes] {
            let text = self.text(bytes);
            measured(&mut || self.subject.read(&text));
        }
    }

    /// How long the text is at first: as long as goes with a minute for all cases, and no longer than half of what is
    /// read at all.
    const fn bytes(&self) -> usize {
        match self.subject {
            Subject::Page | Subject::Followed | Subject::Css => 6_000,
            Subject::Robots | Subject::Sitemap => 6_000,
            Subject::Link | Subject::RobotsTag | Subject::ContentType => 6_000,
            Subject::Reference => 4_000,
            Subject::Url | Subject::RobotsPath | Subject::Square => 1_000,
        }
    }

    fn text(&self, bytes: usize) -> String {
        let mut text = String::from(self.before);
        let mut number = 0;
        while text.len() + self.part.len() <= bytes {
            text.push_str(&self.part.replace("{}", &number.to_string()));
            number += 1;
        }
        text + self.after
    }
}

/// Makes a table of cases of one subject a row.
macro_rules! cases {
    ($($subject:ident: $($name:literal = $before:literal, $part:literal, $after:literal;)+)+) => {
        &[$($(Case::new(
            concat!(stringify!($subject), " ", $name),
            Subject::$subject,
            [$before, $part, $after],
        ),)+)+]
    };
}

/// All of them.
pub(crate) const CASES: &[Case] = cases! {
    Square:
        "control" = "", "a", "";
    Page:
        "links" = "", "<a href=/{}>x</a>", "";
        "the same link" = "", "<a href=/a>x</a>", "";
        "nested elements" = "", "<div>", "";
        "nested links" = "", "<b><a href={}>", "";
        "nested tables" = "", "<table><tr><td>", "";
        "nested formatting" = "", "<b><i><p>", "";
        "nested svg" = "", "<svg>", "";
        "svg and back" = "", "<svg><desc>", "";
        "math and back" = "", "<math><mi><p></mi>", "";
        "broken out of svg" = "<svg>", "<svg><g><p>", "";
        "end tags" = "", "</svg></math></title></p>", "";
        "templates" = "", "<template>", "<a href=/a>";
        "less-than signs" = "", "<", "";
        "ends without names" = "", "</", "";
        "ampersands" = "", "&", "";
        "half references" = "", "&NotEqualTild", "";
        "numbers of characters" = "", "&#x1", "";
        "references in a value" = "<a href='", "&amp;&NotEqualTilde;&am", "'>";
        "references in a title" = "<title>", "&amp;&NotEqualTilde;&am", "</title>";
        "ampersands in a title" = "<title>", "&", "";
        "ampersands in a value" = "<a href=", "&", ">";
        "nuls in a value" = "<a href='", "\0", "'>";
        "zeros of one number" = "<a href='&#", "0", "65;'>";
        "one long value" = "<a href='", "a", "'>";
        "a value without an end" = "<a href='", "<a href=b>", "";
        "values without an end" = "", "<a href='", "";
        "tags without an end" = "", "<a href=b ", "";
        "attributes" = "<a ", "a{}=b ", "href=/a>";
        "the same attribute" = "<a ", "href=/{} ", ">";
        "one long name" = "<", "a", " href=b>";
        "one long attribute" = "<a ", "a", "=b>";
        "quotes" = "<a ", "\"'", ">";
        "comments" = "", "<!--", "";
        "dashes in a comment" = "<!--", "--!", "";
        "declarations" = "", "<!doctype html ", ">";
        "processing instructions" = "", "<?x ", "";
        "cdata" = "<svg>", "<![CDATA[]]", "";
        "scripts in scripts" = "<script><!--", "<script>", "";
        "almost the end of a script" = "<script>", "</scrip", "";
        "almost the end of a title" = "<title>", "</titl", "";
        "dashes in a script" = "<script><!--", "-", "";
        "less-than signs in a style" = "<style>", "<", "";
        "less-than signs in a title" = "<title>", "</", "";
        "titles" = "", "<title>a b</title>", "";
        "titles in svg" = "<svg>", "<title>", "";
        "bases" = "", "<base href=/{}/>", "<a href=a>";
        "bases without an address" = "", "<base target=a>", "<a href=a>";
        "descriptions of blanks" = "", "<meta name=description content='   '>", "";
        "robots in meta" = "", "<meta name=robots content='noindex,nofollow,a,,'>", "";
        "refreshes" = "", "<meta http-equiv=refresh content='0;url=/{}'>", "";
        "one long refresh" = "<meta http-equiv=refresh content='0", ".", ";url=/a'>";
        "charsets in meta" = "", "<meta charset=a>", "";
        "charset words in meta" = "<meta http-equiv=content-type content='", "charset ", "'>";
        "canonical addresses" = "", "<link rel='a canonical' href=http://h.example/{}>", "";
        "relations" = "<link href=/a rel='", "b ", "'>";
        "dots in links" = "", "<a href='../../.././{}'>", "";
        "international names" = "", "<a href='http://ü{}ü.example/'>", "";
        "names in punycode" = "", "<a href='//xn--a{}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/'>", "";
        "letters of one byte" = "", "ü", "";
        "nuls" = "", "\0", "";
        "returns" = "", "\r", "";
        "plain text" = "", "all work and no play ", "";
    Followed:
        "images" = "", "<img src=/{} srcset='/{}a 1x, /{}b 2x'>", "";
        "candidates" = "<img srcset='", "/{} 1x,", "'>";
        "commas of candidates" = "<img srcset='", ",", "'>";
        "descriptors" = "<img srcset='/a", " 1w", "'>";
        "brackets of descriptors" = "<img srcset='/a ", "(,", "'>";
        "forms" = "", "<form action=/{}>", "";
        "styles" = "", "<style>url(/{})</style>", "";
        "styles without an end" = "", "<style>url(/{}", "";
        "style attributes" = "", "<p style='b:url(/{})'>", "";
        "svg images" = "<svg>", "<image href=/{} />", "";
    Css:
        "URLs" = "", "url(/{})", "";
        "the same URL" = "", "url(/a)", "";
        "quoted URLs" = "", "url('/{}')", "";
        "imports" = "", "@import '/{}';", "";
        "one long URL" = "url(/", "a", ")";
        "one long string" = "url('/", "a", "')";
        "escapes" = "url(/", "\\61 ", ")";
        "escapes of signs" = "url('/", "\\(", "')";
        "escapes in names" = "", "\\75\\72\\6c(", "";
        "backslashes" = "", "\\", "";
        "line ends that are escaped" = "url('", "\\\n", "')";
        "strings without an end" = "", "'a\n", "";
        "URLs without an end" = "", "url(a(", "";
        "bad URLs" = "", "url(a b)", "";
        "blanks in a URL" = "url(a", " ", "b)";
        "comments" = "", "/**/", "";
        "comments without an end" = "", "/*", "";
        "comments that begin" = "", "/", "";
        "brackets" = "", "(", "";
        "braces" = "", "a{", "";
        "image sets" = "", "image-set('/{}'", "";
        "at signs" = "", "@", "";
        "names" = "", "@namespace ", "";
        "dashes" = "", "-", "";
        "numbers" = "", "1e1", "";
        "nuls" = "url(", "\0", ")";
        "letters of one byte" = "", "ü", "";
    Link:
        "links" = "", "</{}>; rel=next, ", "";
        "commas" = "", ",", "";
        "targets without an end" = "", "<", "";
        "quotes" = "</a>; rel=\"", "\\\"", "\"";
        "quotes without an end" = "", "</a>; title=\"", "";
        "quoted parameters" = "</a>", "; a=\"b,<c>\"", "; rel=next";
        "semicolons" = "</a>", ";", "";
        "relations" = "</a>; rel=\"", "next ", "\"";
        "blanks" = "</a>", " ", "; rel=next";
        "links without a relation" = "", "</a>,", "";
    RobotsTag:
        "directives" = "", "noindex,", "";
        "crawlers" = "", "otherbot: noindex,", "";
        "colons" = "", ":", "";
        "one long name" = "", "a", ": noindex";
    ContentType:
        "charset words" = "text/html;", "charset ", "";
        "charset beginnings" = "text/html;", "charse", "";
        "charset and blanks" = "text/html; charset", " ", "=";
        "a quote without an end" = "text/html; charset='", "a", "";
    Robots:
        "rules" = "User-agent: *\n", "Disallow: /{}\n", "";
        "the same rule" = "User-agent: *\n", "Disallow: /b\n", "";
        "rules that allow" = "User-agent: *\n", "Allow: /{}/index.html\n", "";
        "one rule of wildcards" = "User-agent: *\nDisallow: /", "*a", "b$\n";
        "one rule of stars" = "User-agent: *\nDisallow: /", "*", "b$\n";
        "rules of wildcards" = "User-agent: *\n", "Disallow: /*a*a*a*a*a*a*a*a*b$\n", "";
        "one long wildcard" = "User-agent: *\nDisallow: /*", "a", "b\n";
        "groups" = "", "User-agent: a{}\nDisallow: /\n", "";
        "groups of all" = "", "User-agent: *\nDisallow: /{}\n", "";
        "names of one group" = "", "User-agent: FooBot\n", "Disallow: /";
        "percent signs" = "User-agent: *\nDisallow: /", "%", "";
        "triplets" = "User-agent: *\nDisallow: /", "%c3%BC", "";
        "letters of one byte" = "User-agent: *\nDisallow: /", "ü", "";
        "sitemaps" = "", "Sitemap: http://h.example/{}.xml\n", "";
        "delays" = "User-agent: *\n", "Crawl-delay: {}\n", "";
        "lines" = "", "\r", "";
        "comments" = "", "#", "";
        "colons" = "", ":\n", "";
        "blanks" = "disallow", " ", "/a";
    Sitemap:
        "pages" = "<urlset>", "<url><loc>http://h/{}</loc></url>", "</urlset>";
        "lines" = "", "http://h/{}\n", "";
        "entries of a feed" = "<feed>", "<entry><link href='/{}'/></entry>", "</feed>";
        "nested elements" = "<urlset>", "<url>", "";
        "attributes" = "<feed><entry><link ", "a{}='b' ", "/></entry></feed>";
        "the same attribute" = "<feed><entry><link ", "href='/{}' ", "/></entry></feed>";
        "one long URL" = "<urlset><url><loc>", "a", "</loc></url>";
        "references" = "<urlset><url><loc>", "&amp;", "</loc></url>";
        "ampersands" = "<urlset><url><loc>", "&", "</loc></url>";
        "ampersands and words" = "<urlset><url><loc>", "&a", "</loc></url>";
        "less-than signs" = "<urlset>", "<", "";
        "comments" = "<urlset>", "<!-- -->", "";
        "a comment without an end" = "<urlset><!--", "--", "";
        "a section without an end" = "<urlset><url><loc><![CDATA[", "]]", "";
        "a document type" = "<!DOCTYPE a [", "<!ENTITY a{} '&a;'>", "]>";
        "a document type without an end" = "<!DOCTYPE a [", "<!-- '", "";
        "a declaration" = "<?xml ", "encoding ", "?>";
    RobotsPath:
        "letters" = "", "a", "";
        "almost" = "", "aa", "ab";
        "triplets" = "", "%61", "";
        "percent signs" = "", "%", "";
        "query" = "?", "a&", "";
    Url:
        "path" = "http://h/", "a", "";
        "segments" = "http://h/", "a{}/", "";
        "slashes" = "http://h", "/", "";
        "pairs" = "http://h/?", "a{}=b&", "";
        "tracking" = "http://h/?", "utm_{}=b&", "";
        "triplets" = "http://h/", "%61%c3", "";
        "triplets of triplets" = "http://h/", "%25", "41";
        "percent signs" = "http://h/", "%%3", "";
        "labels" = "http://", "a.", "b/";
        "one label" = "http://", "a", "/";
        "an international label" = "http://", "ü", "/";
        "international labels" = "http://", "ü{}.", "b/";
        "punycode" = "http://xn--", "a", "/";
        "labels of punycode" = "http://", "xn--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", "b/";
        "letters that combine" = "http://", "a\u{301}\u{327}", "/";
        "triplets in the host" = "http://", "%61", "/";
        "digits in the host" = "http://", "1", "/";
        "user-info" = "http://", "a:b@", "h/";
        "letters that match almost" = "http://h/x", "aya", "";
    Reference:
        "up" = "", "../", "";
        "up by triplets" = "", "%2e%2E/", "";
        "down and up" = "", "a/../", "";
        "here" = "", "./", "";
        "slashes" = "", "\\/", "";
        "segments" = "/", "a{}/", "";
        "up and up" = "../../../../../../../../../", "a/", "";
        "fragment" = "#", "a#", "";
        "blanks" = "", " \t\n", "a";
        "query" = "?", "?&ü", "";
};
