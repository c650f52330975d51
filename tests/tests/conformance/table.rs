//! The table of all cases, `cases.txt`, against the sources: no case without its test or the reason why it has none,
//! and no test without its case.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

const TABLE: &str = include_str!("cases.txt");

/// The numbers of each series, and those among them that name no case.
const SERIES: [(&str, RangeInclusive<usize>, &[usize]); 2] = [
    (
        "GS",
        1..=210,
        &[
            7, 11, 13, 16, 17, 20, 23, 31, 40, 42, 50, 64, 93, 97, 108, 114, 130, 139, 142, 150,
            151, 168, 195, 206,
        ],
    ),
    ("GSX", 1..=30, &[14, 16, 18, 20, 26, 27, 29]),
];

/// A case, as the table has it.
#[derive(Debug, Default)]
struct Case {
    tests: BTreeSet<String>,
    is_on_beam_alone: bool,
    is_ruled_out: bool,
}

fn id(series: &str, number: usize) -> String {
    let digits = if series == "GS" { 3 } else { 2 };
    format!("{series}-{number:0digits$}")
}

/// The cases by their IDs; each has one entry, with a title, and nothing that is not understood.
fn table() -> BTreeMap<String, Case> {
    let mut cases = BTreeMap::new();
    let mut last = None;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        if let Some(entry) = line.strip_prefix("  ") {
            let case: &mut Case = last
                .as_ref()
                .and_then(|id| cases.get_mut(id))
                .expect("an entry stands under a case");
            match entry.split_once(": ") {
                Some(("types", _)) => case.is_ruled_out = true,
                Some(("departure" | "adapted", why)) => assert!(!why.is_empty(), "{line}"),
                None if entry == "BEAM" => case.is_on_beam_alone = true,
                None if entry.contains("::") => {
                    assert!(
                        case.tests.insert(entry.to_owned()),
                        "{entry} is there twice"
                    );
                }
                _ => panic!("not understood: {line}"),
            }
        } else if let Some((id, title)) = line.split_once(' ') {
            assert!(!title.is_empty(), "{id} has no title");
            let twice = cases.insert(id.to_owned(), Case::default());
            assert!(twice.is_none(), "{id} is there twice");
            last = Some(id.to_owned());
        }
    }
    cases
}

/// The IDs at the front of a test's name: `gs_155_156_gsx_07_…` carries three.
fn ids_of(name: &str) -> Vec<String> {
    let (mut ids, mut series) = (Vec::new(), None);
    for word in name.split('_') {
        match (word, series, word.parse()) {
            ("gs", ..) => series = Some("GS"),
            ("gsx", ..) => series = Some("GSX"),
            (_, Some(series), Ok(number)) => ids.push(id(series, number)),
            _ => break,
        }
    }
    ids
}

/// The tests that carry an ID, as `module::function` with the module's path, with their IDs.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut tests = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    add_tests_in(&folder, "", &mut tests);
    tests
}

/// Adds those of a folder, whose modules' paths begin with `outer`, and of the folders in it.
fn add_tests_in(folder: &Path, outer: &str, tests: &mut BTreeMap<String, Vec<String>>) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy();
        if path.is_dir() {
            add_tests_in(&path, &format!("{outer}{module}::"), tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            add_tests_of(&path, &format!("{outer}{module}"), tests);
        }
    }
}

fn add_tests_of(file: &Path, module: &str, tests: &mut BTreeMap<String, Vec<String>>) {
    let source = fs::read_to_string(file).unwrap();
    let mut before = "";
    for line in source.lines() {
        let signature = line.strip_prefix("async ").unwrap_or(line);
        if let Some(signature) = signature.strip_prefix("fn ") {
            let name = signature.split('(').next().unwrap_or_default();
            let ids = ids_of(name);
            if !ids.is_empty() {
                assert!(
                    before.starts_with("#[") && before.contains("test"),
                    "{name} is no test"
                );
                tests.insert(format!("{module}::{name}"), ids);
            }
        }
        before = line;
    }
}

#[test]
fn each_case_of_the_sequence_is_there_once() {
    let sequence = SERIES.iter().flat_map(|(series, numbers, gaps)| {
        let there = numbers.clone().filter(|number| !gaps.contains(number));
        there.map(|number| id(series, number))
    });
    let there: BTreeSet<_> = table().into_keys().collect();
    let expected: BTreeSet<_> = sequence.collect();
    let differ: Vec<_> = there.symmetric_difference(&expected).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn each_case_has_its_test_or_a_reason_to_have_none() {
    let impossible = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/impossible.rs");
    let impossible = fs::read_to_string(impossible).unwrap();
    for (id, case) in table() {
        let tested = !case.tests.is_empty();
        let untested = case.is_on_beam_alone;
        assert!(
            tested != untested || (case.is_ruled_out && !untested),
            "{id}: {case:?}"
        );
        if case.is_ruled_out {
            let headings = impossible.lines().filter(|line| line.starts_with("//! # "));
            assert!(
                headings.into_iter().any(|heading| heading.contains(&id)),
                "{id} is ruled out by no program that does not compile"
            );
        }
    }
}

#[test]
fn the_table_and_the_tests_agree() {
    let (table, tests) = (table(), tests());
    for (id, case) in &table {
        for test in &case.tests {
            let ids = tests.get(test).expect(test);
            assert!(ids.contains(id), "{test} does not carry {id}");
        }
    }
    for (test, ids) in &tests {
        for id in ids {
            let case = table.get(id).expect(id);
            assert!(case.tests.contains(test), "{id} does not name {test}");
        }
    }
}
