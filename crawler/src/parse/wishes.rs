//! What the author of an answer asks of crawlers, and the URL under which it is to be known: by its headers, whatever it is,
//! and by its text, if it is a page.

use super::{Directives, LinkKind, Response, link_header};
use crate::policy::robots::Product;
use crate::web_url::WebUrl;

/// What the author of an answer asks for.
///
/// ```
/// use crawler::parse::{Response, Wishes};
/// use crawler::policy::robots::Product;
/// use crawler::web_url::WebUrl;
///
/// let url = WebUrl::parse("http://example.com/a.pdf")?;
/// let product = Product::of("ExampleBot").ok_or("no name")?;
/// let response = Response {
///     links: &["</a>; rel=canonical"],
///     robots: &["otherbot: nofollow", "examplebot: noindex"],
///     ..Response::new(&url)
/// };
/// let wishes = Wishes::of_headers(&response, &product);
/// assert!(wishes.robots.noindex && !wishes.robots.nofollow);
/// assert_eq!(wishes.canonical.map(|url| url.path().to_owned()).as_deref(), Some("/a"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wishes {
    /// What is asked of crawlers, in the page and in the headers together.
    pub robots: Directives,
    /// The URL under which it is to be known: the first that is named, in the page before the headers.
    pub canonical: Option<WebUrl>,
    /// Whether another is named as well; who goes by them had better go by none. Source: Google, "How to specify a canonical
    /// URL".
    pub is_canonical_disputed: bool,
}

impl Wishes {
    /// Reads the headers alone.
    #[must_use]
    pub fn of_headers(response: &Response<'_>, product: &Product) -> Self {
        Self::default().with_headers(response, product)
    }

    /// Adds what the headers say.
    pub(super) fn with_headers(mut self, response: &Response<'_>, product: &Product) -> Self {
        let headers = response.links.iter().flat_map(|value| link_header(value));
        for link in headers {
            if LinkKind::of_relations(&link.rel) == Some(LinkKind::Canonical)
                && let Ok(url) = response.url.join(link.target)
            {
                self.name_canonical(url);
            }
        }
        let robots = response.robots.iter();
        let robots = robots.map(|value| Directives::of_header(value, product));
        self.robots = robots.fold(self.robots, Directives::and);
        self
    }

    pub(super) fn name_canonical(&mut self, url: WebUrl) {
        match &self.canonical {
            None => self.canonical = Some(url),
            Some(first) => self.is_canonical_disputed |= first.url_hash() != url.url_hash(),
        }
    }
}
