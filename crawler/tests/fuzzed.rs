//! The laws of the fuzz targets, held for some thousand inputs each: what the targets begin with, changed at random.
//! `PROPTEST_CASES` says how many; `cargo fuzz run NAME` in `crawler/` goes on for as long as it is let.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "it is a crate of its own to a fuzzer, and a failed unwrap is a finding"
)]
mod fuzz;

/// One change of an input.
#[derive(Debug, Clone)]
enum Edit {
    Set(u8),
    Insert(&'static [u8]),
    /// Removes so many bytes.
    Remove(usize),
    /// Puts so many bytes in twice.
    Repeat(usize),
}

/// Makes inputs of what a target begins with, by changes that know the words of its format.
fn inputs(target: &str, words: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let edit = prop_oneof![
        any::<u8>().prop_map(Edit::Set),
        prop::sample::select(words).prop_map(Edit::Insert),
        (1_usize..40).prop_map(Edit::Remove),
        (1_usize..40).prop_map(Edit::Repeat),
    ];
    let edits = prop::collection::vec((any::<Index>(), edit), 0..24);
    (prop::sample::select(seeds(target)), edits).prop_map(|(mut input, edits)| {
        for (at, edit) in edits {
            apply(&mut input, at, &edit);
        }
        input
    })
}

fn apply(input: &mut Vec<u8>, at: Index, edit: &Edit) {
    let at = at.index(input.len() + 1);
    let until = |length: usize| (at + length).min(input.len());
    match edit {
        Edit::Set(byte) => match input.get_mut(at) {
            Some(old) => *old = *byte,
            None => input.push(*byte),
        },
        Edit::Insert(word) => {
            input.splice(at..at, word.iter().copied());
        }
        Edit::Remove(length) => {
            input.drain(at..until(*length));
        }
        Edit::Repeat(length) => input.extend_from_within(at..until(*length)),
    }
}

/// Returns what a target begins with, which each law holds for as well.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(folder).expect("it has a folder");
    let files = files.map(|file| file.expect("it can be listed").path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "seed"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} begins with nothing");
    let seeds = files
        .iter()
        .map(|file| std::fs::read(file).expect("it can be read"));
    seeds.collect()
}

fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { usual.cases } else { 3_000 },
        // The file of a shrunk input is for the folder of its target.
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_laws_of_archives_hold(input in inputs("warc", &WARC)) {
        fuzz::warc::check(&input);
    }

    #[test]
    fn the_laws_of_sitemaps_hold(input in inputs("sitemap", &SITEMAP)) {
        fuzz::sitemap::check(&input);
    }

    #[test]
    fn the_laws_of_style_sheets_hold(input in inputs("css", &CSS)) {
        fuzz::css::check(&input);
    }
}

const WARC: [&[u8]; 12] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b": ",
    b"WARC/1.1\r\n",
    b"\r\nWARC-Type: response",
    b"\x0econtent-length",
    b"\x11Transfer-Encoding",
    b"X-Orig-",
    b"HTTP/1.1 200 OK\r\n",
    b"\x1f\x8b\x08",
];

const SITEMAP: [&[u8]; 32] = [
    b"<urlset>",
    b"<s:urlset xmlns:s='x'>",
    b"<url>",
    b"</url>",
    b"<loc>",
    b"</loc>",
    b"<loc/>",
    b"http://h/a",
    b"http://h/?a&amp;b",
    b"</urlset>",
    b"<sitemapindex>",
    b"<sitemap>",
    b"</sitemap>",
    b"<rss>",
    b"<channel>",
    b"<item>",
    b"<link>",
    b"</link>",
    b"</item>",
    b"<feed>",
    b"<entry>",
    b"<link href='http://h/a' rel=\"alternate\"/>",
    b"<link href=http://h/",
    b"</entry>",
    b"<![CDATA[",
    b"]]>",
    b"<!-- ",
    b"&#x41;",
    b"&undefined;",
    b"<?xml version='1.0' encoding='windows-1251'?>",
    b"<!DOCTYPE urlset [<!ENTITY a 'b'>]>",
    b"\x1f\x8b",
];

const CSS: [&[u8]; 24] = [
    b"url(",
    b"url('",
    b")",
    b"'",
    b"\"",
    b"\\",
    b"\\75 ",
    b"/*",
    b"*/",
    b"@import ",
    b"@namespace ",
    b"@charset \"latin1\";",
    b"image-set(",
    b"type(",
    b"{",
    b"}",
    b";",
    b"\n",
    b"\r\n",
    b"\0",
    b"#",
    b"<!--",
    b"\xff",
    b"http://h/a",
];
