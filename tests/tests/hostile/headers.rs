//! Headers that speak of a page.

use crawler::parse::{Directives, link_header};
use crawler::policy::robots::Product;
use proptest::prelude::*;

use crate::text::text;

proptest! {
    #[test]
    fn any_link_header_is_a_list_whose_targets_stand_in_it(value in text(&LINK)) {
        let links: Vec<_> = link_header(&value).collect();
        prop_assert!(links.len() <= value.matches('<').count());
        for link in &links {
            prop_assert!(value.contains(link.target));
            prop_assert!(link.rel.len() <= value.len());
        }
    }

    #[test]
    fn a_list_of_links_is_each_of_them(parts in prop::collection::vec(
        ("[a-z/,;]{0,6}", "[a-z ]{1,8}", "(; ?[a-z]{1,3}=(\"[a-z,;<>]{0,5}\"|[a-z]{1,5}))?"), 0..6,
    )) {
        let one = |(target, rel, other): &(String, String, String)| format!("<{target}>; rel=\"{rel}\"{other}");
        let value = parts.iter().map(one).collect::<Vec<_>>().join(" , ");
        let links: Vec<_> = link_header(&value).map(|link| (link.target.to_owned(), link.rel)).collect();
        let expected: Vec<_> = parts.into_iter().map(|(target, rel, _)| (target, rel)).collect();
        prop_assert_eq!(links, expected, "{}", value);
    }

    #[test]
    fn directives_of_two_lists_are_those_of_both(one in text(&ROBOTS), other in text(&ROBOTS)) {
        let both = Directives::of_list(&format!("{one},{other}"));
        prop_assert_eq!(both, Directives::of_list(&one).and(Directives::of_list(&other)));
    }

    #[test]
    fn what_a_header_says_to_others_forbids_nothing(value in text(&ROBOTS)) {
        let product = Product::of("FooBot").unwrap();
        let all = Directives::of_header(&value, &product);
        let both = Directives::of_header(&format!("{value}, otherbot: none"), &product);
        prop_assert_eq!(both, all);
    }
}

const LINK: [&str; 16] = [
    "<",
    ">",
    "</a>",
    "; rel=next",
    ";",
    "rel",
    "=",
    "\"",
    "\\\"",
    "\\",
    "next",
    "anchor=x",
    ",",
    ", ",
    " ",
    "ü",
];

const ROBOTS: [&str; 12] = [
    "noindex",
    "nofollow",
    "none",
    "NOINDEX",
    "all",
    ",",
    ":",
    " ",
    "FooBot",
    "otherbot",
    "unavailable_after",
    "max-snippet",
];
