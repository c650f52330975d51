//! What the help of `crawler crawl` and `crawler resume` says below the flags.

const EXAMPLES: &str = "\
Examples:
  crawler crawl https://example.com/                        the site, into ./crawl-example.com
  crawler crawl https://example.com/ --depth 2 --pages 500  a part of it
  crawler crawl http://127.0.0.1:8080/ --scope origin       a server of your own, at full speed
  crawler crawl https://example.com/ --config crawl.toml    with the flags that stand in a file
  crawler resume crawl-example.com                          after Ctrl-C, a crash or a full disk";

const ENDS: &str = "\
Flags go before variables (CRAWLER_…), variables before the file of --config, and that before the defaults.
Ctrl-C lets what is in flight finish, for 30 s at most; a second one does not. Nothing finished is lost.

Exit codes:
  0  all is crawled, or the budget of pages is spent; a 404 is an answer, a refusal no failure
  1  a seed had no answer after its retries
  2  bad usage or configuration
  3  interrupted, or the crawl could not go on: work is left, and crawler resume DIR goes on";

const RECORDS: &str = "\
Each URL that is done is a line of JSON; a field that does not apply is left out:
  url           the URL that was asked for
  fate          how it ended: fetched, redirected, refused or failed
  status        the status of the answer
  location      where it redirects to
  at            when the visit began, in UTC
  millis        milliseconds from the request to the end of the body
  bytes         bytes of the body, decoded
  wire_bytes    bytes of the body over the wire
  truncated     why the body is not whole: length, time or disconnect
  content_type  the header Content-Type
  charset       the encoding of its text
  digest        SHA-256 of the body, decoded
  depth         how many links away from a seed
  retries       how often it was tried before; left out for none
  title         its title
  lang          the language it says it is in
  canonical     the URL it says it is known under
  noindex       true where it asks not to be indexed
  links         how many links it has
  reason        why it was refused or failed, as a code:
                  url-…, redirect-…, scope-…, trap-…  by what is found in the URL itself
                  robots-…                            by its site's robots.txt
                  address-…                           by the address of its host; see --allow-net
                  site-set-aside                      as its site kept asking for fewer requests
                  status-…                            the server is overloaded or broken
                  name-not-found, connect, tls, timeout, protocol, connection-lost, coding
                                                      there was no answer, or none that can be read
                  crashed                             a defect of the crawler
  message       the same in words";

/// Returns what stands below the flags of `crawl`.
pub(crate) fn crawl() -> String {
    format!("{EXAMPLES}\n\n{ENDS}")
}

/// Returns the same with the fields of a record.
pub(crate) fn crawl_long() -> String {
    format!("{RECORDS}\n\n{}", crawl())
}

/// Returns what stands below the flags of `resume`.
pub(crate) fn resume() -> String {
    format!("The records are as crawler crawl --help has them.\n{ENDS}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::PageRecord;

    #[test]
    fn each_field_of_a_record_is_explained() {
        let full = PageRecord {
            status: Some(200),
            location: Some(String::new()),
            millis: Some(1),
            bytes: Some(1),
            wire_bytes: Some(1),
            truncated: Some("time"),
            content_type: Some(String::new()),
            charset: Some("UTF-8"),
            digest: Some(String::new()),
            retries: 1,
            title: Some(String::new()),
            lang: Some(String::new()),
            canonical: Some(String::new()),
            noindex: true,
            links: Some(1),
            reason: Some("connect"),
            message: Some(String::new()),
            // Every field by name, so that a new one does not compile until it stands here.
            url: String::new(),
            fate: "failed",
            at: String::new(),
            depth: 0,
        };
        let record = serde_json::to_value(full).unwrap();
        for field in record.as_object().unwrap().keys() {
            let is_told = RECORDS.contains(&format!("\n  {field} "));
            assert!(is_told, "{field}");
        }
    }

    #[test]
    fn lines_fit_a_terminal() {
        for line in crawl_long().lines().chain(resume().lines()) {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}
