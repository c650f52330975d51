//! The laws of the shares, on links as they come:
//!
//! * L1: of a site of which few URLs are known none is demoted.
//! * L2: a part that has no more than its share is never demoted, whatever else there is.
//! * L3: of a part no more go before any turn than twice as many.
//! * L4: the same links are decided alike, and a link that comes again is not counted.
//! * L5: no more is kept than the bounds say.

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> WebUrl {
    WebUrl::parse(&format!("http://h{text}")).unwrap()
}

/// Lets a site find a URL.
fn find(shares: &mut Shares, text: &str) -> Option<Demotion> {
    let url = url(text);
    shares.find(SiteId::of("h"), url.url_hash(), Prefix::of(&url))
}

/// Lets it find so many, and returns how many of them are not demoted.
fn find_all(shares: &mut Shares, urls: impl IntoIterator<Item = String>) -> usize {
    let found = urls.into_iter().map(|text| find(shares, &text));
    found.filter(Option::is_none).count()
}

fn numbered(count: usize, of: &str) -> impl Iterator<Item = String> {
    (0..count).map(move |n| of.replace('N', &n.to_string()))
}

#[test]
fn a_part_is_what_lies_beneath_one_segment_and_beneath_two() {
    let check = |one: &str, other: &str, expected: (bool, bool)| {
        let (one_prefix, other_prefix) = (Prefix::of(&url(one)), Prefix::of(&url(other)));
        let same = (
            one_prefix.one == other_prefix.one,
            one_prefix.two == other_prefix.two,
        );
        assert_eq!(same, expected, "{one} {other}");
    };
    check("/a/b/c", "/a/b/d/e", (true, true));
    check("/a/b/c", "/a/b", (true, true));
    check("/a/b/c", "/a/c/c", (true, false));
    check("/a/b", "/b/b", (false, false));
    check("/a?x", "/a?y=1", (true, true));
    check("/a?x", "/a/?x", (true, true));
    check("/a?x", "/a", (true, false));
    check("/a?x", "/a/b?x", (true, false));
    check("/?x", "/?y", (true, true));
    check("/?x", "/a?x", (false, false));
}

/// Finds URLs, and returns how far back the last of them is put.
fn last_of(shares: &mut Shares, urls: impl Iterator<Item = String>) -> Option<Demotion> {
    urls.map(|url| find(shares, &url)).max().flatten()
}

#[test]
fn a_part_of_a_site_of_which_much_is_fetched_has_an_eighth_of_that() {
    let mut shares = Shares::default();
    let url = WebUrl::parse("http://h/pages/0").unwrap();
    for _ in 0..8_000 {
        shares.fetched(SiteId::of("h"), Prefix::of(&url), false);
    }
    assert_eq!(last_of(&mut shares, numbered(1_000, "/pages/N")), None);
    let next = last_of(&mut shares, std::iter::once("/pages/x".to_owned()));
    assert_eq!(next, Some(Demotion::Share { band: 4 }));
}

#[test]
fn an_endless_part_goes_behind_what_is_found_after_it() {
    let traps = [
        "/calendar?month=N",
        "/calendar/view/N",
        "/calendar/N/day",
        "/N/N",
    ];
    for trap in &traps[..3] {
        let mut shares = Shares::default();
        assert_eq!(find_all(&mut shares, numbered(20_000, trap)), 999, "{trap}");
        // A thousand pages of one part, and as many of a part each.
        let last = last_of(&mut shares, numbered(1_000, "/pages/N"));
        assert_eq!(last, Some(Demotion::Share { band: 4 }), "{trap}");
        let last = last_of(&mut shares, numbered(1_000, "/page-N"));
        assert_eq!(last, None, "{trap}");
        let rest = find(&mut shares, &trap.replace('N', "next"));
        assert_eq!(rest, Some(Demotion::Share { band: 80 }), "{trap}");
    }
    // What it is bad at.
    let mut shares = Shares::default();
    assert_eq!(find_all(&mut shares, numbered(20_000, traps[3])), 20_000);
}

#[test]
fn an_endless_part_beneath_a_segment_goes_behind_what_is_beside_it() {
    let mut shares = Shares::default();
    let trap = numbered(20_000, "/en/calendar/N");
    assert_eq!(find_all(&mut shares, trap), 999);
    let pages = numbered(500, "/en/products/N");
    assert_eq!(last_of(&mut shares, pages), None);
    let pages = numbered(250, "/en/page-N").chain(numbered(250, "/en/blog/2026/N"));
    assert_eq!(
        last_of(&mut shares, pages),
        Some(Demotion::Share { band: 4 })
    );
}

#[test]
fn two_parts_with_more_than_their_share_get_as_much_as_each_other() {
    let mut shares = Shares::default();
    find_all(&mut shares, numbered(1_000, "/page-N"));
    let mut bands = [Vec::new(), Vec::new()];
    for n in 0..3_000 {
        for (part, bands) in ["a", "b"].iter().zip(&mut bands) {
            bands.push(find(&mut shares, &format!("/{part}/{n}")));
        }
    }
    assert_eq!(bands[0], bands[1]);
    let demoted: Vec<_> = bands[0].iter().flatten().collect();
    assert!(demoted.is_sorted());
    let last = Some(Demotion::Share { band: 12 });
    assert_eq!(bands[0].last(), Some(&last));
}

#[test]
fn a_site_that_is_one_part_is_fetched_as_it_was_found() {
    let mut shares = Shares::default();
    let found: Vec<_> = numbered(50_000, "/wiki/N")
        .map(|text| find(&mut shares, &text))
        .collect();
    assert!(found.is_sorted());
}

#[test]
fn pages_that_are_all_alike_demote_their_part() {
    let fetch = |shares: &mut Shares, text: &str, is_equal: bool| {
        shares.fetched(SiteId::of("h"), Prefix::of(&url(text)), is_equal);
    };
    // Beneath two segments, or each beneath two of its own.
    for trap in ["/s/a/N", "/s/N/a"] {
        let mut shares = Shares::default();
        fetch(&mut shares, "/s/a/first", false);
        for (n, text) in numbered(20, trap).enumerate() {
            assert_eq!(find(&mut shares, &format!("{text}{n}")), None, "{trap} {n}");
            fetch(&mut shares, &text, true);
        }
        let more = trap.replace('N', "more");
        assert_eq!(find(&mut shares, &more), Some(Demotion::Equal), "{trap}");
        assert_eq!(find(&mut shares, "/t/a/more"), None);
    }
    // A large part may have as many.
    let mut shares = Shares::default();
    for text in numbered(100, "/wiki/a/N") {
        fetch(&mut shares, &text, false);
    }
    for text in numbered(20, "/wiki/a/empty-N") {
        fetch(&mut shares, &text, true);
    }
    assert_eq!(find(&mut shares, "/wiki/a/more"), None);
}

#[test]
fn no_more_is_kept_than_the_bounds_say() {
    let mut shares = Shares::default();
    for n in 0..2 * PREFIXES_MAX {
        let url = url(&format!("/{n}/{n}"));
        let (site, prefix) = (SiteId::of(&n.to_string()), Prefix::of(&url));
        shares.find(site, url.url_hash(), prefix);
        shares.fetched(site, prefix, false);
    }
    assert!(shares.sites.len() <= SITES_MAX);
    assert!(shares.parts.len() <= PARTS_MAX);
    assert!(shares.prefixes.len() <= PREFIXES_MAX);
    assert!(shares.found.len() <= FOUND_MAX);
}

/// Links of a site of few parts, in any order, some of them again.
fn links() -> impl Strategy<Value = Vec<String>> {
    let runs = prop::collection::vec((0..4_u8, 0..6_u8, any::<bool>(), 1..400_u16), 1..15);
    runs.prop_map(|runs| {
        let runs = runs.into_iter().enumerate();
        let links = runs.flat_map(|(at, (one, two, is_query, count))| {
            let mark = if is_query { "?" } else { "/" };
            (0..count).map(move |n| format!("/{one}/{two}{mark}{}-{n}", at % 7))
        });
        links.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_laws_hold(links in links()) {
        let mut shares = Shares::default();
        let mut same = Shares::default();
        let mut seen = std::collections::HashMap::new();
        let mut before: std::collections::HashMap<_, Vec<u32>> = std::collections::HashMap::new();
        for link in &links {
            let demotion = find(&mut shares, link);
            prop_assert_eq!(demotion, find(&mut same, link), "L4");
            if let Some(earlier) = seen.insert(link, demotion) {
                prop_assert_eq!(demotion, earlier, "L4");
                continue;
            }
            let part = link.split('/').nth(1).unwrap_or_default();
            let bands = before.entry(part.to_owned()).or_default();
            let band = match demotion {
                None => 0,
                Some(Demotion::Share { band }) => u32::from(band),
                Some(Demotion::Equal) => return Err(TestCaseError::fail("none was fetched")),
            };
            bands.push(band);
            let known = u32::try_from(seen.len()).unwrap_or(u32::MAX);
            prop_assert!(demotion.is_none() || known >= KNOWN_MIN, "L1");
            let of_part = u32::try_from(bands.len()).unwrap_or(u32::MAX);
            prop_assert!(demotion.is_none() || of_part > SHARE_MIN, "L2");
        }
        let known = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        for bands in before.values() {
            // What is not demoted is as early as what had its share, or as the site was when it was small.
            let early = KNOWN_MIN.max(2 * SHARE_MIN);
            for band in 0..=known / BAND {
                let turns = early.max(2 * BAND * (band + 1));
                let count = bands.iter().filter(|other| **other <= band).count();
                prop_assert!(u32::try_from(count).unwrap_or(u32::MAX) <= turns + KNOWN_MIN, "L3");
            }
        }
        prop_assert!(shares.found.len() <= FOUND_MAX, "L5");
    }
}
