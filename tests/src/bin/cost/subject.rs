//! What is measured: each way a stranger's text comes in.

use std::hint::black_box;

use crawler::parse::{Charset, Response, parse_css, parse_html, parse_sitemap};
use crawler::policy::robots::{Product, Rules};
use crawler::policy::scope::{Reach, Scope};
use crawler::policy::traps;
use crawler::web_url::{Grouping, WebUrl};

/// What reads the text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// A page, as the body of an answer.
    Page,
    /// A page of which all is followed.
    Followed,
    /// A style sheet.
    Css,
    /// The header `Link` of one.
    Link,
    /// The header `X-Robots-Tag`.
    RobotsTag,
    /// The header `Content-Type`.
    ContentType,
    /// A robots.txt, which is then asked about a long path.
    Robots,
    /// A sitemap.
    Sitemap,
    /// A path, about which a robots.txt of wildcards is asked.
    RobotsPath,
    /// A URL, which is then asked for all that is asked of one.
    Url,
    /// A reference of a page to a URL.
    Reference,
    /// Nothing of the crawler: it costs the square of its length, so that it is seen that this would be seen.
    Square,
}

impl Subject {
    /// Reads a text.
    pub(crate) fn read(self, text: &str) {
        let page = WebUrl::parse("http://h.example/a/b/c?d").expect("it is a URL");
        let product = Product::of("FooBot/1.0").expect("it is a name");
        match self {
            Self::Page => {
                black_box(parse_html(text.as_bytes(), &Response::new(&page), &product));
            }
            Self::Followed => {
                let mut response = Response::new(&page);
                let follow = &mut response.follow;
                (follow.assets, follow.forms, follow.css) = (true, true, true);
                black_box(parse_html(text.as_bytes(), &response, &product));
            }
            Self::Css => {
                black_box(parse_css(text.as_bytes(), &Response::new(&page), &product));
            }
            Self::Link => {
                let links = [text];
                let response = Response {
                    links: &links,
                    ..Response::new(&page)
                };
                black_box(parse_html(b"", &response, &product));
            }
            Self::RobotsTag => {
                let robots = [text];
                let response = Response {
                    robots: &robots,
                    ..Response::new(&page)
                };
                black_box(parse_html(b"", &response, &product));
            }
            Self::ContentType => {
                black_box(Charset::of(b"", Some(text), &page));
            }
            Self::Robots => {
                let rules = Rules::parse(text.as_bytes(), &product);
                black_box(rules.check(&long_path("a")).is_ok());
            }
            Self::Sitemap => {
                black_box(parse_sitemap(text.as_bytes()));
            }
            Self::RobotsPath => {
                let body = "User-agent: *\nDisallow: /*a*a*a*a*a*a*a*a*a*b\nDisallow: *aab$\n";
                let rules = Rules::parse(body.as_bytes(), &product);
                let url = WebUrl::parse(&format!("http://h/{text}"));
                black_box(url.map(|url| rules.check(&url).is_ok()).is_ok());
            }
            Self::Url => ask(WebUrl::parse(text).ok()),
            Self::Reference => ask(page.join(text).ok()),
            Self::Square => {
                let later = |at: usize| text.as_bytes()[at..].iter().filter(|byte| **byte == 0);
                let found: usize = (0..text.len()).map(|at| later(at).count()).sum();
                black_box(found);
            }
        }
    }
}

/// Asks a URL for all that a crawl wants to know of it.
fn ask(url: Option<WebUrl>) {
    let Some(url) = url else { return };
    let scope = Scope::new(Reach::Site, [&url]).include(["(a+)+b", "/x.*y.*z"]);
    let scope = scope.expect("they are regular expressions");
    black_box((
        url.identity(),
        url.url_hash(),
        url.site(Grouping::RegistrableDomain).id(),
        url.without_tracking(),
        traps::check(&url).is_ok(),
        scope.check(&url, 1).is_ok(),
    ));
}

fn long_path(part: &str) -> WebUrl {
    let path = part.repeat(1_000 / part.len());
    WebUrl::parse(&format!("http://h/{path}")).expect("it is a URL")
}
