//! A web that is a binary tree of numbered pages, for tests that crawl without a server.

use crawler::frontier::{Fate, Lease, NewUrl, Outcome, Record, Site};

/// Returns the page with this number, on a site without a limit.
#[must_use]
pub fn tree_url(number: usize) -> NewUrl {
    NewUrl::seed(format!("http://tree/{number}"), Site::unlimited("tree"))
}

/// Returns what fetches a page of a tree with pages 1 to `pages`: page n links to 2n and 2n + 1, and back to its
/// parent.
pub fn tree_page(pages: usize) -> impl Fn(Lease) -> Outcome {
    move |lease| {
        let number = lease.url.rsplit('/').next().and_then(|n| n.parse().ok());
        let number: usize = number.unwrap_or_default();
        let links = [2 * number, 2 * number + 1, number / 2];
        let links = links.into_iter().filter(|link| (1..=pages).contains(link));
        let mut record = Record::new(Fate::Fetched);
        record.status = Some(200);
        Outcome::done(lease, record).with_links(links.map(tree_url))
    }
}
