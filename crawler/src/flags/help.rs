//! What the help says below the flags.

const EXAMPLES: &str = "\
Examples:
  crawler crawl https://example.com/                        the site, into ./crawl-example.com
  crawler crawl https://example.com/ --depth 2 --pages 500  a part of it
  crawler crawl --sitemap https://example.com/sitemap.xml   what a sitemap lists, and what that links to
  crawler crawl https://example.com/ --follow assets,css    with what its pages are shown with
  crawler crawl http://127.0.0.1:8080/ --scope origin       a server of your own, at full speed
  crawler crawl https://example.com/ --config crawl.toml    with the flags that stand in a file
  crawler resume crawl-example.com                          after Ctrl-C, a crash or a full disk";

const LIST_EXAMPLES: &str = "\
Examples:
  crawler                                       100 URLs of an API that takes 4 s for each, all at once
  crawler --concurrency 10                      never more than 10 at once
  crawler --urls list.txt -o results.jsonl      the URLs of a list
  crawler --urls list.txt --job run             the same, to be resumed after whatever ends it
  crawler --urls list.txt --every 10s           each again, 10 s after its last answer
  crawler crawl https://example.com/            a site";

const LIST: &str = "\
Loopback and private addresses that stand in the list, and localhost, are fetched without delay, limit or robots.txt;
all other hosts as crawler crawl has it.";

const ENDS: &str = "\
Flags go before variables (CRAWLER_…), variables before the file of --config, and that before the defaults.
Ctrl-C lets what is in flight finish, for 30 s at most; a second one does not. Nothing finished is lost.

Exit codes:
  0  all is done, or the budget is spent; a 404 is an answer, a refusal no failure
  1  a URL of a list or a seed had no answer after its retries, nothing could be read of a --sitemap, or a line
     held no URL; so too when another run of the job found that out
  2  bad usage or configuration
  3  interrupted, or it could not go on: work is left, and with a job's folder crawler resume DIR goes on";

const RECORDS: &str = "\
Each URL that is done is a line of JSON; a field that does not apply is left out. In CSV the fields are the columns, in
this order; a cell that a spreadsheet would run has an apostrophe before it. In an archive the line is the record of
metadata:
  url           the URL that was asked for
  id            the hash by which the crawl knows it
  referrer      the id of the page that led to it; none for a seed
  fate          how it ended: fetched, listed (a sitemap that was read), redirected, refused or failed
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
  duplicate_of  the id of the first page that had the same body, if that was another
  depth         how many links away from a seed
  put_last      why it was fetched after the others of its site, as a code:
                  trap-share                          what lies beneath its path is more than a share of the site
                  trap-equal                          the pages beneath its path are all alike
  retries       how often it was tried before; left out for none
  sitemap       what it was read as, if as a sitemap: urlset, index, text, rss or atom
  title         its title
  lang          the language it says it is in
  canonical     the URL it says it is known under
  canonical_disputed
                true where it names another as well
  noindex       true where it asks not to be indexed
  nofollow      true where it asks that none of its links be followed
  links         how many links it has, or a sitemap URLs
  reason        why it was refused, failed, or was not read whole, as a code:
                  url-…, redirect-…, scope-…, trap-…  by what is found in the URL itself
                  robots-…                            by its site's robots.txt
                  address-…                           by the address of its host; see --allow-net
                  sitemap-…                           by what is wrong with a sitemap
                  site-set-aside                      as its site kept asking for fewer requests
                  status-…                            the server is overloaded or broken
                  name-not-found, connect, tls, timeout, protocol, connection-lost, coding
                                                      there was no answer, or none that can be read
                  crashed                             a defect of the crawler
  cause         why its site was set aside, as one of these codes
  message       the same in words";

/// Returns what stands below the flags of the program without a command.
pub(super) fn list() -> String {
    format!("{LIST_EXAMPLES}\n\n{LIST}\n{ENDS}")
}

/// Returns the same with the fields of a record.
pub(super) fn list_long() -> String {
    format!("{RECORDS}\n\n{}", list())
}

/// Returns what stands below the flags of `crawl`.
pub(super) fn crawl() -> String {
    format!("{EXAMPLES}\n\n{ENDS}")
}

/// Returns the same with the fields of a record.
pub(super) fn crawl_long() -> String {
    format!("{RECORDS}\n\n{}", crawl())
}

const EXPORTS: &str = "\
Examples:
  crawler export crawl-example.com -o pages.csv               the records of a crawl, as far as it has come
  crawler export crawl-example.com | jq .title                as lines of JSON
  crawler export crawl-example.com -o copy.warc.gz            the archive of a crawl that was run with -o NAME.warc.gz
  crawler export --frontier postgres://db/web -o pages.jsonl  those of all nodes";

const EXPORT_ENDS: &str = "\
A file has its name when it is whole; until then it ends with .part.

Exit codes:
  0  all is written
  2  bad usage or configuration, or no job that can be read
  3  not all could be written: the disk is full, or nobody reads standard output any more";

/// Returns what stands below the flags of `export`.
pub(super) fn export() -> String {
    format!("{EXPORTS}\n\nThe records are as crawler crawl --help has them.\n\n{EXPORT_ENDS}")
}

/// Returns what stands below the flags of `resume`.
pub(super) fn resume() -> String {
    format!("The records are as crawler crawl --help has them.\n{ENDS}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::PageRecord;

    #[test]
    fn each_field_of_a_record_is_explained() {
        let record = serde_json::to_value(PageRecord::full()).unwrap();
        for field in record.as_object().unwrap().keys() {
            let is_told = RECORDS.contains(&format!("\n  {field}"));
            assert!(is_told, "{field}");
        }
    }

    #[test]
    fn lines_fit_a_terminal() {
        let all = [list_long(), crawl_long(), resume(), export()].join("\n");
        for line in all.lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}
