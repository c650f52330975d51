//! Which URLs are on this machine or in a private network: being typed, they may be fetched.

use url::Host;

use crate::fetch::Names;
use crate::policy::address::{Block, literal};
use crate::web_url::WebUrl;

/// Returns whether the URL says by itself that it is private: by its address, or by the name of this machine.
pub(super) fn is_private(url: &WebUrl) -> bool {
    match (literal(url), url.host()) {
        (Some(address), _) => Block::of(address).is_some(),
        (None, Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            // Source: RFC 6761 §6.3: names that lead to this machine alone.
            name == "localhost" || name.ends_with(".localhost")
        }
        _ => false,
    }
}

/// Returns the seeds that are private now, by what their names lead to. A public one is not among them, for its name
/// could lead to a private address later.
pub(super) async fn private(seeds: &[WebUrl], names: &Names) -> Vec<WebUrl> {
    let mut private = Vec::new();
    for seed in seeds {
        let addresses = match literal(seed) {
            Some(address) => vec![address],
            None => names.look_up(seed.host_str()).await.unwrap_or_default(),
        };
        let is_private = |address: &_| Block::of(*address).is_some();
        if !addresses.is_empty() && addresses.iter().all(is_private) {
            private.push(seed.clone());
        }
    }
    private
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_private_by_its_address_or_as_localhost() {
        fn check(url: &str, expected: bool) {
            assert_eq!(is_private(&WebUrl::parse(url).unwrap()), expected, "{url}");
        }
        check("http://127.0.0.1:8080/", true);
        check("http://0x7f.1/", true);
        check("http://10.0.0.1/", true);
        check("http://[::1]/", true);
        check("http://localhost:3000/", true);
        check("http://app.localhost./", true);
        check("http://8.8.8.8/", false);
        check("http://localhost.example.com/", false);
        check("http://intranet/", false);
    }
}
