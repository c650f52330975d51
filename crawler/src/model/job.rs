//! One URL to fetch, and how it is shown, so that private parts of a URL are left out in one place.

use url::Url;

use super::Problem;

/// One URL to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its place in the run, from 1.
    pub(crate) number: usize,
    /// The tries before this one.
    pub(crate) tried: u32,
    /// What the run is about, fit to be shown.
    pub(crate) subject: String,
    /// Whether the subject leaves out what tells it from other URLs.
    pub(crate) is_hidden: bool,
    /// What is requested.
    pub(crate) target: Url,
    /// Why the try before this one ended without a word.
    pub(crate) lost: Option<Problem>,
}

impl Job {
    /// Makes a job that was not tried yet: it asks a server for what is known by `subject`.
    pub(crate) const fn new(number: usize, subject: String, target: Url) -> Self {
        Self {
            number,
            tried: 0,
            subject,
            is_hidden: false,
            target,
            lost: None,
        }
    }

    /// Makes a job that was not tried yet: its subject is what it requests.
    pub(crate) fn of(number: usize, url: Url) -> Self {
        Self {
            is_hidden: has_private_part(&url),
            ..Self::new(number, shown(&url), url)
        }
    }

    /// Returns a child's name: unique among live children, also when only hidden parts tell two URLs apart.
    pub(crate) fn child_name(&self) -> String {
        let mut name = self.subject.clone();
        if has_private_part(&self.target) {
            name.push_str(&format!(" #{}", self.number));
        }
        if self.tried > 0 {
            name.push_str(&format!(" (retry {})", self.tried));
        }
        name
    }

    /// Returns this job for its next try.
    pub(crate) fn again(mut self) -> Self {
        self.tried += 1;
        self.lost = None;
        self
    }

    /// Notes why the last try ended without a word.
    pub(crate) const fn lost_to(mut self, problem: Problem) -> Self {
        self.lost = Some(problem);
        self
    }
}

/// Returns whether the URL holds a user name or a password.
pub(crate) fn has_private_part(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Returns the URL without its user-info.
pub(crate) fn shown(url: &Url) -> String {
    if !has_private_part(url) {
        return url.to_string();
    }
    let mut public = url.clone();
    let hidden = public.set_username("").is_ok() && public.set_password(None).is_ok();
    if hidden {
        public.to_string()
    } else {
        "a URL with hidden parts".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str, number: usize) -> Job {
        Job::of(number, Url::parse(text).unwrap())
    }

    #[test]
    fn user_info_is_never_shown() {
        let url = Url::parse("https://ann:secret@example.com/a").unwrap();
        assert_eq!(shown(&url), "https://example.com/a");
    }

    #[test]
    fn two_urls_that_differ_in_user_info_have_two_names() {
        let (first, second) = (job("http://ann@h/", 1), job("http://bob@h/", 2));
        assert_ne!(first.child_name(), second.child_name());
    }

    #[test]
    fn a_retry_has_a_name_of_its_own() {
        let first = job("http://h/", 1);
        assert_eq!(first.child_name(), "http://h/");
        assert_eq!(first.again().child_name(), "http://h/ (retry 1)");
    }
}
