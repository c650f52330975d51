//! Records as rows of CSV. Source: RFC 4180; what spreadsheets run of it: OWASP, "CSV Injection".

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The names of the columns, in their order, which are the fields of a record; with the end of their row.
pub(super) const HEADER: &str = "url,id,referrer,fate,status,location,at,millis,bytes,wire_bytes,truncated,content_type,\
charset,digest,duplicate_of,depth,put_last,retries,sitemap,title,lang,canonical,canonical_disputed,noindex,nofollow,\
links,reason,cause,message\r\n";

/// Writes a record, which is a line of JSON, as a row without its end. A field that the record does not have is an empty
/// cell.
pub(super) fn row(record: &str) -> String {
    let record: Map<String, Value> = serde_json::from_str(record).unwrap_or_default();
    let mut row = String::with_capacity(512);
    for (at, column) in HEADER.trim_end().split(',').enumerate() {
        if at > 0 {
            row.push(',');
        }
        match record.get(column) {
            Some(Value::String(text)) => push_cell(&mut row, text),
            Some(value) => push_cell(&mut row, &value.to_string()),
            None => {}
        }
    }
    row
}

/// Writes a cell. A spreadsheet would take for a formula, and run, what begins as one: an apostrophe goes before it. A NUL,
/// which no reader takes, is written as the sign for what can't be written.
fn push_cell(row: &mut String, text: &str) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let mut text = Cow::Borrowed(text);
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}").into();
    }
    if is_formula {
        text = format!("'{text}").into();
    }
    if !text.contains([',', '"', '\r', '\n']) {
        row.push_str(&text);
        return;
    }
    row.push('"');
    row.push_str(&text.replace('"', "\"\""));
    row.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::pipeline::PageRecord;

    #[test]
    fn each_field_of_a_record_has_its_column_in_its_order() {
        let names = HEADER.trim_end().split(',');
        let names: Vec<_> = names.collect();
        let record = PageRecord::full();
        let record = serde_json::to_string(&record).unwrap();
        let places = names
            .iter()
            .map(|name| record.find(&format!("\"{name}\":")).unwrap());
        assert!(places.collect::<Vec<_>>().is_sorted(), "{record}");
        let record: Map<String, Value> = serde_json::from_str(&record).unwrap();
        assert_eq!(record.len(), names.len());
    }

    fn cell(text: &str) -> String {
        let mut cell = String::new();
        push_cell(&mut cell, text);
        cell
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            let cell = cell(text);
            assert!(cell.trim_start_matches('"').starts_with('\''), "{cell:?}");
        }
        assert_eq!(cell("a=1"), "a=1");
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let row =
            row(&json!({ "url": "http://h/", "title": "a, \"b\"", "status": 200 }).to_string());
        let expected = format!(
            "http://h/,,,,200{}\"a, \"\"b\"\"\"{}",
            ",".repeat(15),
            ",".repeat(9)
        );
        assert_eq!(row, expected);
    }

    /// Reads one row as RFC 4180 has it.
    fn read(row: &str) -> Vec<String> {
        let (mut cells, mut rest) = (Vec::new(), row);
        loop {
            let mut cell = String::new();
            if let Some(mut quoted) = rest.strip_prefix('"') {
                while let Some((part, after)) = quoted.split_once('"') {
                    cell.push_str(part);
                    match after.strip_prefix('"') {
                        Some(more) => {
                            cell.push('"');
                            quoted = more;
                        }
                        None => {
                            rest = after;
                            break;
                        }
                    }
                }
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                cell.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            cells.push(cell);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        assert_eq!(rest, "");
        cells
    }

    proptest! {
        #[test]
        fn a_row_is_read_back_equal(title in "[a-z=@\",\r\n\t -]{0,12}", message in "\\PC{0,12}") {
            let row = row(&json!({ "title": title, "message": message }).to_string());
            let cells = read(&row);
            prop_assert_eq!(cells.len(), HEADER.split(',').count());
            let at = |column: &str| HEADER.trim_end().split(',').position(|name| name == column).unwrap();
            for (cell, text) in [(&cells[at("title")], &title), (&cells[at("message")], &message)] {
                let is_same = cell == text || cell.strip_prefix('\'') == Some(text);
                prop_assert!(is_same, "{:?} is read of {:?}", cell, text);
            }
        }
    }
}
