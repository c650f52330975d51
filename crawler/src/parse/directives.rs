//! What a page's author asks of crawlers, in `<meta name=robots>` and in the header `X-Robots-Tag`.

use crate::policy::robots::Product;

/// Directives that forbid; all others allow more, or speak to search engines.
///
/// ```
/// use crawler::parse::Directives;
/// use crawler::policy::robots::Product;
///
/// let product = Product::of("ExampleBot").ok_or("no name")?;
/// let asked = Directives::of_header("noindex, otherbot: nofollow", &product);
/// assert!(asked.noindex && !asked.nofollow);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// The page is not to be indexed.
    pub noindex: bool,
    /// The page's links are not to be followed.
    pub nofollow: bool,
}

impl Directives {
    /// Reads a list: the `content` of a `<meta>`.
    #[must_use]
    pub fn of_list(list: &str) -> Self {
        let all = list.split(',').map(str::trim).map(Self::of_one);
        all.fold(Self::default(), Self::and)
    }

    /// Reads the value of an `X-Robots-Tag`, in which a name and a colon begin what only that crawler is told.
    /// Source: Google's "Robots meta tag, data-nosnippet, and X-Robots-Tag specifications".
    #[must_use]
    pub fn of_header(value: &str, product: &Product) -> Self {
        let mut is_for_us = true;
        let mut all = Self::default();
        for item in value.split(',') {
            let (name, directive) = match item.split_once(':') {
                Some((name, directive)) if is_crawler(name.trim()) => {
                    (Some(name.trim()), directive)
                }
                _ => (None, item),
            };
            if let Some(name) = name {
                is_for_us = product.is_called(name);
            }
            if is_for_us {
                all = all.and(Self::of_one(directive.trim()));
            }
        }
        all
    }

    /// Returns what both together forbid.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            noindex: self.noindex || other.noindex,
            nofollow: self.nofollow || other.nofollow,
        }
    }

    fn of_one(directive: &str) -> Self {
        let is = |name: &str| directive.eq_ignore_ascii_case(name);
        Self {
            noindex: is("noindex") || is("none"),
            nofollow: is("nofollow") || is("none"),
        }
    }
}

/// Returns whether what stands before a colon names a crawler: a token, and no directive that takes a value.
fn is_crawler(name: &str) -> bool {
    const WITH_VALUE: [&str; 4] = [
        "unavailable_after",
        "max-snippet",
        "max-image-preview",
        "max-video-preview",
    ];
    let is_token = Product::of(name).is_some_and(|product| product.is_called(name));
    is_token
        && !WITH_VALUE
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: (bool, bool) = (true, true);
    const NOINDEX: (bool, bool) = (true, false);
    const NOFOLLOW: (bool, bool) = (false, true);
    const ALL: (bool, bool) = (false, false);

    fn told(directives: Directives) -> (bool, bool) {
        (directives.noindex, directives.nofollow)
    }

    #[test]
    fn a_list_is_read_in_any_case() {
        fn check(list: &str, expected: (bool, bool)) {
            assert_eq!(told(Directives::of_list(list)), expected, "{list:?}");
        }
        check("noindex", NOINDEX);
        check(" NoFollow ,", NOFOLLOW);
        check("noindex,nofollow", NONE);
        check("none", NONE);
        check("all", ALL);
        check("index, follow, max-snippet:-1", ALL);
        check("noindexed, no follow", ALL);
        check("", ALL);
    }

    #[test]
    fn a_header_may_speak_to_one_crawler() {
        fn check(value: &str, expected: (bool, bool)) {
            let product = Product::of("FooBot").unwrap();
            assert_eq!(
                told(Directives::of_header(value, &product)),
                expected,
                "{value:?}"
            );
        }
        check("noindex, nofollow", NONE);
        check("otherbot: noindex, nofollow", ALL);
        check("foobot: noindex, nofollow", NONE);
        check("noindex, otherbot: nofollow", NOINDEX);
        check("otherbot: noindex, FooBot: nofollow", NOFOLLOW);
        check(
            "unavailable_after: 25 Jun 2010 15:00:00 PST, noindex",
            NOINDEX,
        );
        check(
            "unavailable_after: Friday, 25-Jun-10 15:00:00 PST, noindex",
            NOINDEX,
        );
        check("max-snippet: 3, none", NONE);
        check(": noindex", ALL);
    }
}
