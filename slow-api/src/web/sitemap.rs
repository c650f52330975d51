//! The sitemap: an index, and files of the reachable pages, each no longer than the protocol allows.
//!
//! Source: sitemaps.org protocol 0.9, at most 50,000 URLs a file.

use std::fmt::Write as _;

use crate::web::site::{Page, Site};

/// URLs of a file.
const FILE_URLS: u64 = 10_000;
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
pub(crate) const NAMESPACE: &str = "xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"";

/// Returns the index, which names the files.
pub(crate) fn index(site: &Site, origin: &str) -> String {
    let mut xml = format!("{HEAD}<sitemapindex {NAMESPACE}>\n");
    for file in 0..site.open().div_ceil(FILE_URLS) {
        let _ = writeln!(
            xml,
            "<sitemap><loc>{origin}/sitemap/{file}.xml</loc></sitemap>"
        );
    }
    xml.push_str("</sitemapindex>\n");
    xml
}

/// Returns a file of pages, if there is one of that number.
pub(crate) fn file(site: &Site, origin: &str, number: u64) -> Option<String> {
    let first = number.checked_mul(FILE_URLS)?;
    let pages = first..first.saturating_add(FILE_URLS).min(site.open());
    if pages.is_empty() {
        return None;
    }
    let mut xml = format!("{HEAD}<urlset {NAMESPACE}>\n");
    for page in pages {
        let path = site.path(Page(page)).replace('&', "&amp;");
        let _ = writeln!(xml, "<url><loc>{origin}{path}</loc></url>");
    }
    xml.push_str("</urlset>\n");
    Some(xml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_the_index_names_have_every_open_page_once() {
        let site = Site {
            pages: 25_000,
            ..Site::default()
        };
        let index = index(&site, "http://h");
        let files: Vec<_> = (0..)
            .map_while(|number| file(&site, "http://h", number))
            .collect();
        assert_eq!(index.matches("<loc>").count(), files.len());
        assert!(
            index.contains("<loc>http://h/sitemap/2.xml</loc>"),
            "{index}"
        );
        let urls: Vec<_> = files
            .iter()
            .flat_map(|file| file.split("<loc>").skip(1))
            .collect();
        assert_eq!(urls.len(), 23_750);
        for (number, url) in urls.iter().enumerate() {
            let path = site.path(Page(number as u64)).replace('&', "&amp;");
            assert!(url.starts_with(&format!("http://h{path}</loc>")), "{url}");
        }
    }

    #[test]
    fn there_is_no_file_past_the_last() {
        let site = Site {
            pages: 10,
            ..Site::default()
        };
        assert!(file(&site, "http://h", 0).is_some());
        assert_eq!(file(&site, "http://h", 1), None);
        assert_eq!(file(&site, "http://h", u64::MAX), None);
    }
}
