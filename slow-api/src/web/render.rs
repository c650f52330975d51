//! The HTML of a page: head, navigation, links in the text, and text until it is as long as the site wants.

use std::fmt::Write as _;

use crate::web::draws::Draws;
use crate::web::link::{Link, LinkForm, Target};
use crate::web::site::{Page, Site};
use crate::web::text::sentence;
use crate::web::trap::Trap;

/// How a page is linked to: the origins say how to reach what is outside the site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Scheme and authority of the site's own host.
    pub(crate) origin: &'a str,
    /// The origins of the other hosts; the front page links to each.
    pub(crate) neighbours: &'a [String],
    /// The traps of the host; each page links to them.
    pub(crate) traps: &'a [Trap],
}

impl Site {
    /// Returns the HTML of a page as the host at `origin` serves it, alone in the world.
    ///
    /// # Examples
    ///
    /// ```
    /// use slow_api::{Page, Site};
    ///
    /// let html = Site::default().html(Page(3), "http://127.0.0.1:4000");
    /// assert!(html.contains("<title>Page 3</title>"));
    /// assert!((10_000..10_200).contains(&html.len()));
    /// ```
    #[must_use]
    pub fn html(&self, page: Page, origin: &str) -> String {
        let around = Around {
            origin,
            neighbours: &[],
            traps: &[],
        };
        self.page(page, around)
    }

    pub(crate) fn page(&self, page: Page, around: Around<'_>) -> String {
        let title = format!("Page {}", page.0);
        let mut html = String::with_capacity(self.page_bytes + ROOM);
        head(&mut html, &title);
        let _ = write!(html, "<link rel=\"canonical\" href=\"{}", around.origin);
        escape(&mut html, &self.path(page));
        html.push_str("\">\n");
        let links = self.links(page);
        let (above, below) = links.split_at(links.len().min(NAVIGATION));
        body(&mut html, &title);
        html.push_str("<nav><ul>\n");
        for link in above {
            html.push_str("<li>");
            self.anchor(&mut html, link, around.origin);
            html.push_str("</li>\n");
        }
        if page == Page(0) {
            for neighbour in around.neighbours {
                let _ = writeln!(
                    html,
                    "<li><a href=\"{neighbour}/site/page/0\">Neighbour</a></li>"
                );
            }
        }
        for trap in around.traps {
            let (path, name) = (trap.entrance(page), trap.name());
            let _ = writeln!(html, "<li><a href=\"{path}\">{name}</a></li>");
        }
        html.push_str("</ul></nav>\n<main>\n");
        let mut draws = Draws::new([self.seed, page.0, TEXT]);
        for link in below {
            html.push_str("<p>");
            sentence(&mut html, &mut draws);
            self.anchor(&mut html, link, around.origin);
            html.push_str("</p>\n");
        }
        self.fill(&mut html, &mut draws);
        html
    }

    /// Returns the HTML of a private page, which nobody should ask for.
    pub(crate) fn private_page(&self, number: u64, origin: &str) -> String {
        let title = format!("Private page {number}");
        let mut html = String::with_capacity(self.page_bytes + ROOM);
        head(&mut html, &title);
        body(&mut html, &title);
        html.push_str("<main>\n");
        for link in self.private_links(number) {
            html.push_str("<p>");
            self.anchor(&mut html, &link, origin);
            html.push_str("</p>\n");
        }
        self.fill(
            &mut html,
            &mut Draws::new([self.seed, number, PRIVATE_TEXT]),
        );
        html
    }

    fn anchor(&self, html: &mut String, link: &Link, origin: &str) {
        match link.target {
            Target::Page(page) => {
                let tag = match link.form {
                    LinkForm::Dotted => "<A HREF='",
                    _ => "<a href=\"",
                };
                html.push_str(tag);
                self.address(html, link.form, page, origin);
                html.push_str(if link.form == LinkForm::Dotted {
                    "'"
                } else {
                    "\""
                });
                let _ = write!(html, ">Page {}</a>", page.0);
            }
            Target::Nofollow(page) => {
                html.push_str("<a rel=\"nofollow noopener\" href=\"");
                self.address(html, link.form, page, origin);
                let _ = write!(html, "\">Sponsored {}</a>", page.0);
            }
            Target::Private(number) => {
                let _ = write!(
                    html,
                    "<a href=\"/site/private/{number}\">Private {number}</a>"
                );
            }
        }
    }

    fn address(&self, html: &mut String, form: LinkForm, page: Page, origin: &str) {
        let path = self.path(page);
        match form {
            LinkForm::Absolute => html.push_str(origin),
            LinkForm::SchemeRelative => html.push_str(origin.trim_start_matches("http:")),
            LinkForm::Dotted => {
                let from_here = path.trim_start_matches("/site/");
                html.push_str("../");
                return escape(html, from_here);
            }
            LinkForm::Entity => {
                html.push_str("&#x2F;site&#47;");
                return escape(html, path.trim_start_matches("/site/"));
            }
            LinkForm::Bare => return html.push_str(&path),
            LinkForm::Spaced => html.push_str(" \n\t"),
            LinkForm::Rooted | LinkForm::Fragment => {}
        }
        escape(html, &path);
        match form {
            LinkForm::Fragment => html.push_str("#part-2"),
            LinkForm::Spaced => html.push(' '),
            _ => {}
        }
    }

    fn fill(&self, html: &mut String, draws: &mut Draws) {
        while html.len() + END.len() < self.page_bytes {
            html.push_str("<p>");
            for _ in 0..SENTENCES {
                if html.len() + END.len() < self.page_bytes {
                    sentence(html, draws);
                }
            }
            html.push_str("</p>\n");
        }
        html.push_str(END);
    }
}

/// Opens the page and its head.
fn head(html: &mut String, title: &str) {
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"description\" content=\"{title} of a site that is made up on request\">\n\
         <link rel=\"stylesheet\" href=\"/site/style.css\">\n"
    );
}

/// Closes the head and opens the body.
fn body(html: &mut String, title: &str) {
    let _ = write!(html, "</head>\n<body>\n<header><h1>{title}</h1></header>\n");
}

/// Writes a path as the value of an attribute.
fn escape(html: &mut String, path: &str) {
    for (at, part) in path.split('&').enumerate() {
        if at > 0 {
            html.push_str("&amp;");
        }
        html.push_str(part);
    }
}

const END: &str = "</main>\n<footer><p>Made up on request.</p></footer>\n</body>\n</html>\n";
/// Links in the navigation; the others stand in the text.
const NAVIGATION: usize = 5;
/// Sentences of a paragraph.
const SENTENCES: usize = 6;
/// What a page may be longer than its site wants.
const ROOM: usize = 256;
/// What is drawn: the text of a page, and that of a private page.
const TEXT: u64 = 11;
const PRIVATE_TEXT: u64 = 12;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use url::Url;

    use super::*;

    const ORIGIN: &str = "http://127.0.0.1:4000";

    /// Reads the links of a page that may be followed as a reader of HTML would, and where they lead.
    fn followed(html: &str, at: &str) -> Vec<String> {
        let base = Url::parse(at).expect("the test has a URL");
        let anchors = html.split("<a ").chain(html.split("<A ")).skip(1);
        anchors
            .filter_map(|anchor| {
                let (tag, _) = anchor.split_once('>')?;
                let (before, value) = tag
                    .split_once("href=")
                    .or_else(|| tag.split_once("HREF="))?;
                let value = value.trim_matches(|quote| quote == '"' || quote == '\'');
                let value = value
                    .replace("&#x2F;", "/")
                    .replace("&#47;", "/")
                    .replace("&amp;", "&");
                let mut url = base.join(&value).expect("every link is a URL");
                url.set_fragment(None);
                (!before.contains("nofollow")).then(|| url.to_string())
            })
            .collect()
    }

    fn url_of(site: &Site, page: Page) -> String {
        format!("{ORIGIN}{}", site.path(page))
    }

    #[test]
    fn a_walk_over_rendered_pages_reaches_what_is_said_to_be_reachable() {
        let site = Site {
            seed: 3,
            pages: 200,
            links: 12,
            page_bytes: 2_000,
        };
        let all: BTreeSet<_> = (0..200).map(|n| url_of(&site, Page(n))).collect();
        let mut seen = BTreeSet::new();
        let mut ahead = vec![url_of(&site, Page(0))];
        while let Some(url) = ahead.pop() {
            if url.contains("/site/private/") || !seen.insert(url.clone()) {
                continue;
            }
            assert!(all.contains(&url), "{url}");
            let number = url[ORIGIN.len() + "/site/page/".len()..].split('?').next();
            let number = number.and_then(|n| n.parse().ok()).expect("it is a page");
            ahead.extend(followed(&site.html(Page(number), ORIGIN), &url));
        }
        let reachable = site.reachable().into_iter();
        assert_eq!(seen, reachable.map(|page| url_of(&site, page)).collect());
    }

    #[test]
    fn every_form_of_a_link_leads_to_the_same_url() {
        let site = Site::default();
        for number in 0..50 {
            let at = url_of(&site, Page(number));
            let links = site.links(Page(number)).into_iter();
            let mut expected: Vec<_> = links
                .filter_map(|link| match link.target {
                    Target::Page(page) => Some(url_of(&site, page)),
                    Target::Private(private) => Some(format!("{ORIGIN}/site/private/{private}")),
                    Target::Nofollow(_) => None,
                })
                .collect();
            let mut found = followed(&site.html(Page(number), ORIGIN), &at);
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "page {number}");
        }
    }

    #[test]
    fn a_page_is_as_long_as_it_should_be_and_always_the_same() {
        for page_bytes in [5_000, 10_000, 100_000] {
            let site = Site {
                page_bytes,
                ..Site::default()
            };
            for number in 0..100 {
                let html = site.html(Page(number), ORIGIN);
                assert!(
                    (page_bytes..page_bytes + 150).contains(&html.len()),
                    "{} of {page_bytes}",
                    html.len()
                );
                assert_eq!(html, site.html(Page(number), ORIGIN));
            }
        }
        let short = Site {
            page_bytes: 0,
            links: 0,
            ..Site::default()
        };
        assert!(short.html(Page(1), ORIGIN).ends_with("</html>\n"));
    }

    #[test]
    fn the_front_page_alone_names_the_neighbours() {
        let neighbours = ["http://127.0.0.2:4000".to_owned()];
        let around = Around {
            origin: ORIGIN,
            neighbours: &neighbours,
            traps: &[],
        };
        let site = Site::default();
        assert!(
            site.page(Page(0), around)
                .contains("http://127.0.0.2:4000/site/page/0")
        );
        assert!(!site.page(Page(1), around).contains("127.0.0.2"));
    }

    #[test]
    fn a_private_page_links_to_hidden_pages() {
        let site = Site::default();
        let html = site.private_page(5, ORIGIN);
        let links = followed(&html, &format!("{ORIGIN}/site/private/5"));
        assert_eq!(links.len(), 5);
        let hidden: BTreeSet<_> = (950..1_000).map(|n| url_of(&site, Page(n))).collect();
        assert!(links.iter().all(|link| hidden.contains(link)), "{links:?}");
    }
}
