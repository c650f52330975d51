//! The name that a robots.txt knows a crawler by.

use std::fmt;

/// A product token: letters, hyphens and underscores, compared without case. Source: RFC 9309 §2.2.1.
///
/// ```
/// use crawler::policy::robots::Product;
///
/// let product = Product::of("ExampleBot/1.0 (+https://example.com/bot)").ok_or("no name")?;
/// assert_eq!(product.to_string(), "ExampleBot");
/// assert!(Product::of("1.0").is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product(String);

impl Product {
    /// Returns the token that a `User-Agent` begins with, if it begins with one.
    #[must_use]
    pub fn of(user_agent: &str) -> Option<Self> {
        let token = leading_token(user_agent.as_bytes());
        let token = user_agent.get(..token.len())?;
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }

    /// Returns whether that is its name, in whatever case.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    /// Returns whether a `User-agent` line names it: the token that its value begins with.
    pub(super) fn is_named(&self, value: &[u8]) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(leading_token(value))
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn leading_token(text: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
    let end = text.iter().position(|byte| !is_part(byte));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_the_user_agent_begins_with() {
        fn check(user_agent: &str, expected: Option<&str>) {
            let product = Product::of(user_agent).map(|product| product.to_string());
            assert_eq!(product.as_deref(), expected, "{user_agent:?}");
        }
        check("Foobot", Some("Foobot"));
        check("Foobot-Bar", Some("Foobot-Bar"));
        check("Foo_Bar/2.1 (x)", Some("Foo_Bar"));
        check("Foobot*", Some("Foobot"));
        check("", None);
        check("ツ", None);
        check(" Foobot", None);
    }

    #[test]
    fn a_line_names_it_by_the_whole_token() {
        fn check(value: &[u8], expected: bool) {
            let named = Product::of("Foo").unwrap().is_named(value);
            assert_eq!(named, expected, "{value:?}");
        }
        check(b"foo", true);
        check(b"FOO/1.0", true);
        check(b"foo bar", true);
        check(b"foobar", false);
        check(b"fo", false);
        check(b"*", false);
        check(b"", false);
    }
}
