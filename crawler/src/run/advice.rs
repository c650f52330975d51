//! What a user can do about URLs that failed, by the class of their failure.

/// Returns what to do about it.
pub(super) fn advice(code: &str) -> &'static str {
    match code {
        "connect" => "check that the server runs and that its address is right",
        "name-not-found" => "check the host's name, and that names are looked up: see --dns",
        "tls" => "its owner has to renew or correct the certificate",
        "timeout" => "raise --timeout or lower --concurrency",
        "protocol" => {
            "check that the URL's scheme and port are an HTTP server's; if so, its log may say why"
        }
        "connection-lost" => "raise --retries",
        "status-429" | "status-503" | "site-set-aside" => "lower --concurrency, or raise --delay",
        code if code.starts_with("sitemap-") => {
            "check the URL of --sitemap; one that a site names is its owner's to correct"
        }
        "robots-unreachable" => "try again later, or, for a site of your own, --ignore-robots",
        "crashed" => {
            "this is a defect of the crawler, unless it was killed each time it fetched this; report it with the log's message"
        }
        _ => "the server's log may say why",
    }
}
