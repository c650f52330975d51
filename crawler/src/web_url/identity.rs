//! What tells two URLs apart: the form in which they are requested, with the percent-encoding made alike, and its
//! hash, under which the frontier knows a URL.

use std::borrow::Cow;

use super::{UrlHash, WebUrl, is_triplet, push_triplet};

impl WebUrl {
    /// Returns what tells it from other URLs. Source: RFC 3986 §6.2.2.1, §6.2.2.2.
    ///
    /// Two URLs of one identity are one resource to every server that keeps the standard; the requests still use
    /// the form that was found, for those that don't. A URL with a percent sign that begins no triplet is none to the
    /// RFC, so it is told apart as it is written.
    ///
    /// ```
    /// use crawler::web_url::WebUrl;
    ///
    /// let (one, other) = (WebUrl::parse("http://h/%7eann%2f")?, WebUrl::parse("http://h/~ann%2F")?);
    /// assert_eq!(one.identity(), "http://h/~ann%2F");
    /// assert_eq!(one.url_hash(), other.url_hash());
    /// # Ok::<(), crawler::web_url::RefusedUrl>(())
    /// ```
    #[must_use]
    pub fn identity(&self) -> Cow<'_, str> {
        if !self.path_and_query().contains('%') {
            return self.as_str().into();
        }
        let mut identity = String::with_capacity(self.as_str().len());
        identity.push_str(self.origin());
        let mut rest = self.path_and_query();
        while let Some(at) = rest.find('%') {
            identity.push_str(&rest[..at]);
            if !is_triplet(&rest.as_bytes()[at..]) {
                // What is decoded after it could make it a triplet.
                return self.as_str().into();
            }
            push_triplet(&mut identity, &rest.as_bytes()[at..]);
            rest = &rest[at + 3..];
        }
        identity.push_str(rest);
        identity.into()
    }

    /// Returns the hash of its identity.
    #[must_use]
    pub fn url_hash(&self) -> UrlHash {
        UrlHash::of(&self.identity())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(url: &str, expected: &str) {
        let url = WebUrl::parse(url).unwrap();
        assert_eq!(url.identity(), expected, "{url}");
    }

    #[test]
    fn triplets_are_upper_case_and_unreserved_ones_are_decoded() {
        check("http://h/%7Eann/%c3%bc", "http://h/~ann/%C3%BC");
        check("http://h/%41%2d%2e%5f?%61=%62", "http://h/A-._?a=b");
        check("http://h/ü", "http://h/%C3%BC");
    }

    #[test]
    fn reserved_triplets_stay_apart_from_their_characters() {
        check("http://h/a%2fb", "http://h/a%2Fb");
        check("http://h/a%3Fb?c%26d", "http://h/a%3Fb?c%26d");
        check("http://h/%2541", "http://h/%2541");
    }

    #[test]
    fn with_a_percent_sign_alone_all_stays() {
        check("http://h/100%", "http://h/100%");
        check("http://h/%4?%zz%%41", "http://h/%4?%zz%%41");
        // Decoded, it would be another triplet.
        check("http://h/%%30a", "http://h/%%30a");
    }

    #[test]
    fn case_and_order_tell_urls_apart() {
        let hash = |url: &str| WebUrl::parse(url).unwrap().url_hash();
        assert_ne!(hash("http://h/a"), hash("http://h/A"));
        assert_ne!(hash("http://h/?a&b"), hash("http://h/?b&a"));
        assert_ne!(hash("http://h/"), hash("https://h/"));
        assert_eq!(hash("http://H:80/%61#x"), hash("http://h/a"));
    }

    #[test]
    fn the_hash_is_the_same_in_every_version() {
        // What a frontier holds is read by later versions.
        let hash = WebUrl::parse("https://example.com/").unwrap().url_hash();
        assert_eq!(hash.0, 2_761_380_695_151_568_501);
    }

    proptest! {
        #[test]
        fn an_identity_is_a_url_of_that_identity(tail in "[a-c%/?.&=0-9A-F~]{0,40}") {
            let url = WebUrl::parse(&format!("http://h/{tail}")).unwrap();
            let identity = url.identity();
            prop_assert!(identity.len() <= url.as_str().len());
            let again = WebUrl::parse(&identity).unwrap();
            prop_assert_eq!(again.identity(), identity);
        }
    }
}
