//! What stands in the traps, as functions of the path: nothing is stored, and no end is near.
//!
//! | path | page |
//! |---|---|
//! | `/calendar/Y/M` | a month: its days, and the months and years before and after it |
//! | `/calendar/Y/M/D` | a day: its month, and the days before and after it |
//! | `/shop?F=V&…` | a choice: the same with each value of each facet that is not chosen yet |
//! | `/same/…/` | ten folders in it, whose page is the same |
//! | `/copy/page/N`, `/print/page/N` | page N of the site, byte by byte |
//! | `/huge/N` | 16 MiB, and links to 2N+1 and 2N+2 |

use std::fmt::Write as _;

use crate::web::reply::Refusal;

/// The last year there is; a crawl sees no end of it.
const YEARS: u64 = 9_999_999;
const MONTHS: u64 = 12;
/// As many as every month has.
const DAYS: u64 = 28;
const FACETS: [&str; 12] = [
    "brand", "color", "size", "price", "material", "style", "season", "rating", "stock", "origin",
    "fit", "sort",
];
/// Values of a facet.
const VALUES: u64 = 8;
const FOLDERS: u64 = 10;
/// More than a crawler should read of a page.
const HUGE_BYTES: usize = 16 << 20;

/// Returns a page of the calendar.
pub(crate) fn calendar(at: &[&str]) -> Result<String, Refusal> {
    let numbers: Option<Vec<u64>> = at.iter().map(|text| text.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[year @ 1..=YEARS, month @ 1..=MONTHS]) => Ok(month_page(year, month)),
        Some(&[year @ 1..=YEARS, month @ 1..=MONTHS, day @ 1..=DAYS]) => {
            Ok(day_page(year, month, day))
        }
        _ => Err(Refusal::Unknown),
    }
}

fn month_page(year: u64, month: u64) -> String {
    let mut html = begin(&format!("Month {month} of {year}"));
    let mut ahead = |year: u64, month: u64, name: &str| {
        link(&mut html, &format!("/calendar/{year}/{month}"), name);
    };
    let (before, after) = around(year * MONTHS + month - 1);
    ahead(before / MONTHS, before % MONTHS + 1, "Before");
    ahead(after / MONTHS, after % MONTHS + 1, "After");
    ahead(year - 1, month, "A year before");
    ahead(year + 1, month, "A year after");
    for day in 1..=DAYS {
        let path = format!("/calendar/{year}/{month}/{day}");
        link(&mut html, &path, &format!("Day {day}"));
    }
    end(html)
}

fn day_page(year: u64, month: u64, day: u64) -> String {
    let mut html = begin(&format!("Day {day} of month {month} of {year}"));
    link(&mut html, &format!("/calendar/{year}/{month}"), "Its month");
    let (before, after) = around((year * MONTHS + month - 1) * DAYS + day - 1);
    for (number, name) in [(before, "Before"), (after, "After")] {
        let (month, day) = (number / DAYS, number % DAYS + 1);
        let (year, month) = (month / MONTHS, month % MONTHS + 1);
        link(&mut html, &format!("/calendar/{year}/{month}/{day}"), name);
    }
    end(html)
}

const fn around(number: u64) -> (u64, u64) {
    (number - 1, number + 1)
}

/// Returns the page of a choice, which is a query.
pub(crate) fn shop(query: &str) -> Result<String, Refusal> {
    let chosen = query.split('&').filter(|pair| !pair.is_empty());
    let chosen: Vec<_> = chosen.map(|pair| pair.split_once('=')).collect();
    let is_value = |value: &str| value.parse().is_ok_and(|value: u64| value < VALUES);
    let mut names = Vec::with_capacity(FACETS.len());
    for pair in chosen {
        match pair {
            Some((name, value)) if FACETS.contains(&name) && is_value(value) => names.push(name),
            _ => return Err(Refusal::Unknown),
        }
    }
    let mut html = begin(&format!("The goods with {}", text_of(query)));
    let mut so_far = query.replace('&', "&amp;");
    if !so_far.is_empty() {
        so_far.push_str("&amp;");
    }
    for facet in FACETS.iter().filter(|facet| !names.contains(facet)) {
        for value in 0..VALUES {
            let path = format!("/shop?{so_far}{facet}={value}");
            link(&mut html, &path, &format!("{facet} {value}"));
        }
    }
    Ok(end(html))
}

/// Returns a choice in words.
fn text_of(query: &str) -> String {
    if query.is_empty() {
        "anything".to_owned()
    } else {
        query.replace('=', " ").replace('&', ", ")
    }
}

/// Returns the page that all folders are.
pub(crate) fn same() -> String {
    let mut html = begin("Please log in");
    for folder in 0..FOLDERS {
        link(&mut html, &format!("{folder}/"), "Go on");
    }
    end(html)
}

/// Returns a page that is longer than it should be.
pub(crate) fn huge(number: u64) -> String {
    let mut html = begin(&format!("Huge page {number}"));
    html.reserve(HUGE_BYTES);
    let first = number.saturating_mul(2).saturating_add(1);
    for next in [first, first.saturating_add(1)] {
        link(&mut html, &format!("/huge/{next}"), "More");
    }
    while html.len() < HUGE_BYTES {
        html.push_str("<p>And so on, and on, and on, and so on, and on, and on.</p>\n");
    }
    end(html)
}

fn begin(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n<ul>\n<li><a href=\"/site/page/0\">Front page</a></li>\n"
    )
}

fn link(html: &mut String, path: &str, name: &str) {
    let _ = writeln!(html, "<li><a href=\"{path}\">{name}</a></li>");
}

fn end(html: String) -> String {
    html + "</ul>\n</body>\n</html>\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn links(html: &str) -> Vec<String> {
        let links = html.split("href=\"").skip(1);
        let links = links.filter_map(|rest| rest.split_once('"'));
        links.map(|(path, _)| path.replace("&amp;", "&")).collect()
    }

    /// Walks over the links of a trap until it has asked for so many pages, and returns how many it knows then.
    fn walk(first: &str, pages: usize, page: impl Fn(&str) -> Result<String, Refusal>) -> usize {
        let mut known: BTreeSet<_> = Some(first.to_owned()).into_iter().collect();
        let mut ahead: std::collections::VecDeque<_> = known.iter().cloned().collect();
        for _ in 0..pages {
            let Some(path) = ahead.pop_front() else {
                break;
            };
            let html = page(&path).unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
            for link in links(&html).into_iter().skip(1) {
                if known.insert(link.clone()) {
                    ahead.push_back(link);
                }
            }
        }
        known.len()
    }

    #[test]
    fn a_walk_through_the_calendar_or_the_shop_sees_no_end() {
        let known = walk("/calendar/2026/6", 300, |path| {
            let at: Vec<_> = path.split('/').skip(2).collect();
            calendar(&at)
        });
        assert!(known > 400, "{known}");
        let known = walk("/shop", 300, |path| {
            shop(path.split_once('?').map_or("", |(_, query)| query))
        });
        assert!(known > 10_000, "{known}");
    }

    #[test]
    fn what_is_in_no_trap_is_nowhere() {
        for at in [
            &["2026"][..],
            &["2026", "13"],
            &["0", "1"],
            &["2026", "1", "29"],
            &["x", "1"],
        ] {
            assert_eq!(calendar(at), Err(Refusal::Unknown), "{at:?}");
        }
        for query in ["brand", "brand=8", "brand=x", "maker=1"] {
            assert_eq!(shop(query), Err(Refusal::Unknown), "{query}");
        }
    }

    #[test]
    fn a_huge_page_is_huge_and_leads_to_others() {
        let html = huge(3);
        assert!(html.len() >= HUGE_BYTES);
        assert_eq!(links(&html)[1..], ["/huge/7", "/huge/8"]);
    }
}
