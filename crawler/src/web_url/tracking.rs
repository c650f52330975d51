//! Takes out the parameters that say where a reader came from and nothing of what is asked for, so that a page linked
//! from five campaigns is fetched once.

use super::WebUrl;

/// Parameters by name. Source: Google Ads click ids, Meta click ids.
const NAMES: [&str; 2] = ["gclid", "fbclid"];
/// Parameters by the beginning of their name. Source: Google Analytics campaign parameters.
const PREFIX: &str = "utm_";

impl WebUrl {
    /// Returns it without the parameters that only track readers; the others stay as they are, in their order.
    ///
    /// ```
    /// use crawler::web_url::WebUrl;
    ///
    /// let link = WebUrl::parse("http://h/a?utm_source=mail&id=7&gclid=x")?;
    /// assert_eq!(link.without_tracking().as_str(), "http://h/a?id=7");
    /// # Ok::<(), crawler::web_url::RefusedUrl>(())
    /// ```
    #[must_use]
    pub fn without_tracking(&self) -> Self {
        let Some(query) = self.query() else {
            return self.clone();
        };
        let pairs = query.split('&');
        let kept: Vec<&str> = pairs.clone().filter(|pair| !is_tracking(pair)).collect();
        if kept.len() == pairs.count() {
            return self.clone();
        }
        self.with_query((!kept.is_empty()).then(|| kept.join("&")).as_deref())
    }
}

fn is_tracking(pair: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    name.starts_with(PREFIX) || NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        let stripped = WebUrl::parse(url).unwrap().without_tracking();
        assert_eq!(stripped.as_str(), expected, "{url}");
    }

    #[test]
    fn what_tracks_is_taken_out() {
        check("http://h/?utm_source=a&utm_medium=b", "http://h/");
        check("http://h/?a=1&fbclid=x&b=2", "http://h/?a=1&b=2");
        check("http://h/?gclid&a", "http://h/?a");
    }

    #[test]
    fn all_else_stays_to_the_letter() {
        for url in [
            "http://h/",
            "http://h/?",
            "http://h/?&&",
            "http://h/?b=%7e&a=utm_x",
            "http://h/?my_gclid=1",
        ] {
            check(url, url);
        }
    }
}
