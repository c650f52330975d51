//! The addresses that one crawl may connect to.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;
use url::Host;

use super::Block;
use crate::web_url::WebUrl;

/// An address that a crawl may not connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{address} is no address of the public internet: {block}")]
pub struct RefusedAddress {
    /// The address.
    pub address: IpAddr,
    /// What it is for.
    pub block: Block,
}

impl RefusedAddress {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.block.code()
    }
}

/// The addresses that a crawl may connect to: public ones, and what its user allowed besides.
///
/// ```
/// use crawler::policy::address::AllowedAddresses;
/// use crawler::web_url::WebUrl;
///
/// let (typed, found) = (WebUrl::parse("http://localhost:8080/")?, WebUrl::parse("http://localhost/admin")?);
/// let mut allowed = AllowedAddresses::default();
/// allowed.allow_typed(&typed);
/// assert!(allowed.check(&typed, "127.0.0.1".parse()?).is_ok());
/// assert!(allowed.check(&found, "127.0.0.1".parse()?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AllowedAddresses {
    typed: HashSet<(String, u16)>,
    networks: Vec<IpNet>,
}

impl AllowedAddresses {
    /// Allows the host and port of a seed that the user typed, whatever its name resolves to.
    ///
    /// It is for a seed that is private by its address at the start: a public one that is allowed so could be rebound
    /// to a private address later.
    pub fn allow_typed(&mut self, seed: &WebUrl) {
        self.typed.insert(host_and_port(seed));
    }

    /// Allows a network, such as an intranet's.
    pub fn allow_network(&mut self, network: IpNet) {
        self.networks.push(network);
    }

    /// Allows every address, as `--allow-private` does.
    pub fn allow_all(&mut self) {
        self.networks.push(Ipv4Net::default().into());
        self.networks.push(Ipv6Net::default().into());
    }

    /// Decides whether a request for that URL may connect to that address.
    ///
    /// # Errors
    ///
    /// [`RefusedAddress`] says what the address is for.
    pub fn check(&self, url: &WebUrl, address: IpAddr) -> Result<(), RefusedAddress> {
        if self.is_typed(url) {
            return Ok(());
        }
        self.check_address(address)
    }

    /// Decides about an address that a name resolved to, for any URL that was not [typed](Self::is_typed).
    ///
    /// # Errors
    ///
    /// [`RefusedAddress`] says what the address is for.
    pub fn check_address(&self, address: IpAddr) -> Result<(), RefusedAddress> {
        let is_allowed = self
            .networks
            .iter()
            .any(|network| network.contains(&address));
        match Block::of(address) {
            Some(block) if !is_allowed => Err(RefusedAddress { address, block }),
            _ => Ok(()),
        }
    }

    /// Returns whether the host and port of the URL are those of a seed that was typed.
    #[must_use]
    pub fn is_typed(&self, url: &WebUrl) -> bool {
        self.typed.contains(&host_and_port(url))
    }

    /// Decides about a URL whose host is an address, which no resolver sees; a name is decided when it is resolved.
    ///
    /// # Errors
    ///
    /// [`RefusedAddress`] says what the address is for.
    pub fn check_literal(&self, url: &WebUrl) -> Result<(), RefusedAddress> {
        literal(url).map_or(Ok(()), |address| self.check(url, address))
    }
}

/// Returns the address that stands in the URL in place of a name.
#[must_use]
pub fn literal(url: &WebUrl) -> Option<IpAddr> {
    match url.host() {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn host_and_port(url: &WebUrl) -> (String, u16) {
    (url.host_str().to_owned(), url.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    fn check_literal(allowed: &AllowedAddresses, text: &str, expected: &str) {
        let decided = allowed.check_literal(&url(text));
        let code = decided.map_or_else(|refused| refused.code(), |()| "allowed");
        assert_eq!(code, expected, "{text}");
    }

    #[test]
    fn an_address_is_refused_however_it_is_written() {
        let public = AllowedAddresses::default();
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0x7f.1",
            "127.0.0.1.",
        ] {
            check_literal(&public, &format!("http://{host}/"), "address-loopback");
        }
        check_literal(&public, "http://0/", "address-unspecified");
        check_literal(&public, "http://[::ffff:127.0.0.1]/", "address-embedded");
        check_literal(&public, "http://[::ffff:808:808]/", "address-embedded");
        check_literal(&public, "http://１６９.254.169.254/", "address-link-local");
        check_literal(&public, "http://134744072/", "allowed");
        // A name is decided when it is resolved.
        check_literal(&public, "http://localhost/", "allowed");
    }

    #[test]
    fn a_typed_seed_allows_its_host_and_port_alone() {
        let mut allowed = AllowedAddresses::default();
        allowed.allow_typed(&url("http://127.0.0.1:4000/a"));
        check_literal(&allowed, "http://2130706433:4000/b", "allowed");
        check_literal(&allowed, "http://127.0.0.1/", "address-loopback");
        check_literal(&allowed, "http://127.0.0.2:4000/", "address-loopback");
        allowed.allow_typed(&url("https://intranet.example/"));
        let private = "10.0.0.1".parse().unwrap();
        assert!(
            allowed
                .check(&url("https://intranet.example:443/"), private)
                .is_ok()
        );
        assert!(
            allowed
                .check(&url("http://intranet.example/"), private)
                .is_err()
        );
        // A name that is rebound is refused.
        assert!(
            allowed
                .check(&url("https://public.example/"), private)
                .is_err()
        );
    }

    #[test]
    fn a_network_allows_its_addresses() {
        let mut allowed = AllowedAddresses::default();
        allowed.allow_network("10.1.0.0/16".parse().unwrap());
        allowed.allow_network("fd00::/8".parse().unwrap());
        check_literal(&allowed, "http://10.1.2.3/", "allowed");
        check_literal(&allowed, "http://10.2.2.3/", "address-private");
        check_literal(&allowed, "http://[fd00::1]/", "allowed");
        check_literal(&allowed, "http://[::ffff:10.1.2.3]/", "address-embedded");
        allowed.allow_all();
        check_literal(&allowed, "http://[::ffff:10.1.2.3]/", "allowed");
        check_literal(&allowed, "http://169.254.169.254/", "allowed");
    }

    #[test]
    fn a_refusal_says_what_the_address_is_for() {
        let refused = AllowedAddresses::default().check_literal(&url("http://[fe80::1]/"));
        let told = refused.unwrap_err().to_string();
        assert_eq!(
            told,
            "fe80::1 is no address of the public internet: link-local"
        );
    }
}
