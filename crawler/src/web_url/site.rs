//! The site of a URL: the group of hosts that politeness and scope take as one, because one owner answers for them.

use std::fmt;

use url::Host;

use super::{SiteId, WebUrl};

/// What counts as one site.
///
/// There is no grouping of names by their address. A URL is known by its site and its hash, and a site is needed where a
/// link is found: to look up the name of each would ask the DNS about hosts that are never fetched, and as a name has
/// several addresses, and others tomorrow or on another machine, one URL would be of several sites and be fetched once in
/// each. What such a group is for, that many small hosts of one server are not a burden together, holds by address where
/// it is known: at most ten requests to one are in flight at once, in each process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// All hosts under one registrable domain.
    #[default]
    RegistrableDomain,
    /// Each host for itself.
    Host,
}

/// A site, by its name: a registrable domain, a host, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site(String);

impl Site {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Returns the id under which the frontier knows the site.
    #[must_use]
    pub fn id(&self) -> SiteId {
        SiteId::of(&self.0)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl WebUrl {
    /// Returns the site it belongs to. An address is a site of its own; so is a name that nobody can register under.
    ///
    /// ```
    /// use crawler::web_url::{Grouping, WebUrl};
    ///
    /// let page = WebUrl::parse("https://www.example.co.uk/a")?;
    /// assert_eq!(page.site(Grouping::RegistrableDomain).name(), "example.co.uk");
    /// assert_eq!(page.site(Grouping::Host).name(), "www.example.co.uk");
    /// # Ok::<(), crawler::web_url::RefusedUrl>(())
    /// ```
    #[must_use]
    pub fn site(&self, grouping: Grouping) -> Site {
        Site(self.site_name(grouping).to_owned())
    }

    /// Returns the name of the site it belongs to.
    pub(crate) fn site_name(&self, grouping: Grouping) -> &str {
        match (self.host(), grouping) {
            (Host::Domain(name), Grouping::RegistrableDomain) => registrable_domain(name),
            (Host::Domain(name), Grouping::Host) => without_root(name),
            _ => self.host_str(),
        }
    }
}

/// Returns the part of a host name that its owner registered, or the whole name if it has none: the public suffix and
/// one label before it. Source: <https://publicsuffix.org/list/>, with its private part, as browsers use it.
///
/// ```
/// assert_eq!(crawler::web_url::registrable_domain("a.b.ann.github.io"), "ann.github.io");
/// assert_eq!(crawler::web_url::registrable_domain("localhost"), "localhost");
/// ```
#[must_use]
pub fn registrable_domain(host: &str) -> &str {
    let host = without_root(host);
    psl::domain_str(host).unwrap_or(host)
}

/// Returns the name without the dot that may end it: both forms are one name to the DNS.
fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, expected: &str) {
        let url = WebUrl::parse(&format!("http://{host}/")).unwrap();
        assert_eq!(url.site(Grouping::default()).name(), expected, "{host}");
    }

    #[test]
    fn the_registrable_domain_is_the_site() {
        check("example.com", "example.com");
        check("a.b.example.com", "example.com");
        check("a.b.example.co.uk", "example.co.uk");
        check("WWW.Example.COM.", "example.com");
        // A wildcard rule and its exception.
        check("a.b.c.ck", "b.c.ck");
        check("a.www.ck", "www.ck");
        // A name in another script, and a suffix nobody listed.
        check("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn");
        check("a.b.unlisted-suffix", "b.unlisted-suffix");
    }

    #[test]
    fn the_private_part_of_the_list_counts() {
        check("ann.github.io", "ann.github.io");
        check("www.ann.github.io", "ann.github.io");
        check("github.io", "github.io");
    }

    #[test]
    fn what_has_no_registrable_domain_is_its_own_site() {
        check("localhost", "localhost");
        check("co.uk", "co.uk");
        check("192.0.2.1:8080", "192.0.2.1");
        check("0xC0000201", "192.0.2.1");
        check("[2001:DB8::1]", "[2001:db8::1]");
    }

    #[test]
    fn hosts_are_sites_of_their_own_by_option() {
        let site = |host: &str| {
            let url = WebUrl::parse(&format!("http://{host}/")).unwrap();
            url.site(Grouping::Host)
        };
        assert_ne!(site("a.example.com"), site("b.example.com"));
        assert_eq!(site("a.example.com.").id(), site("a.example.com:81").id());
    }

    #[test]
    fn an_id_fits_a_signed_number() {
        for name in ["example.com", "example.org", "a", "b", "c"] {
            let site = WebUrl::parse(&format!("http://{name}/")).unwrap();
            let id = site.site(Grouping::default()).id();
            assert!(id.0 >= 0);
        }
    }
}
