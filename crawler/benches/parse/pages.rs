//! The pages that are read.

use std::fmt::Write;

use slow_api::{Page, Site};

/// Where they stand.
pub(crate) const URL: &str = "http://127.0.0.1:4000/site/page/3";

/// Returns a page of 10 KB with 30 links, in all the forms that slow-api's site knows.
pub(crate) fn of_site() -> String {
    Site::default().html(Page(3), "http://127.0.0.1:4000")
}

/// Returns a page of some 250 KB whose text and links are full of character references.
pub(crate) fn full_of_references() -> String {
    let mut html = String::from("<!doctype html><title>Caf&eacute; &amp; Th&eacute;</title>\n");
    for number in 0..1_000 {
        // Writing to a string does not fail.
        let _written = writeln!(
            html,
            "<p class=\"entry\" id='n{number}'>D&eacute;j&agrave; vu &#8212; &ldquo;once&rdquo; &amp;&nbsp;again, \
             &#x2026; &hellip; <a href=\"/caf&eacute;/{number}?a=1&amp;b=2&copy=3\" title=\"&quot;{number}&quot;\">\
             n&deg;&nbsp;{number}</a><br/><!-- {number} --><img src=\"/i/{number}.png\" alt=\"&lt;&gt;\"></p>"
        );
    }
    html
}
