//! What all runs of a job have recorded, in numbers: the counts of a run are of itself alone, and its end is the job's. All
//! records are read for that at the end of a run that went on, a thousand at a time: a million take a second or two, which is
//! a hundredth of what it took to fetch them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::records::Records;
use crate::frontier::FrontierError;
use crate::pipeline::{CountsNow, Failures};

/// What counts of a record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told<'r> {
    #[serde(borrow)]
    url: Cow<'r, str>,
    #[serde(borrow)]
    fate: Cow<'r, str>,
    status: Option<u16>,
    depth: u16,
    retries: u64,
    duplicate_of: Option<IgnoredAny>,
    reason: Option<Cow<'r, str>>,
    #[serde(borrow)]
    message: Cow<'r, str>,
}

/// Returns what a run has counted, with what the records of its job tell in place of that. Of a record that another version
/// of the program wrote counts what is understood.
///
/// # Errors
///
/// [`FrontierError`] when the records can't be read.
pub(super) async fn of_all_runs(
    run: CountsNow,
    mut records: Records,
) -> Result<CountsNow, FrontierError> {
    let mut all = CountsNow {
        in_flight: run.in_flight,
        bytes: run.bytes,
        links: run.links,
        crawl_delays_cut: run.crawl_delays_cut,
        left_out: run.left_out,
        put_last: run.put_last,
        robots_missing: run.robots_missing,
        span: run.span,
        ..CountsNow::default()
    };
    loop {
        let read = records.next().await?;
        if read.is_empty() {
            break;
        }
        for record in &read {
            count(&mut all, &serde_json::from_str(record).unwrap_or_default());
        }
    }
    records.close().await?;
    Ok(all)
}

fn count(all: &mut CountsNow, told: &Told<'_>) {
    all.retried += told.retries;
    all.duplicates += u64::from(told.duplicate_of.is_some());
    let status = told.status.unwrap_or_default();
    let reason = || told.reason.clone().unwrap_or_default().into_owned();
    match &*told.fate {
        "fetched" => {
            all.fetched += 1;
            *all.statuses.entry(status).or_default() += 1;
        }
        "listed" => all.listed += 1,
        "redirected" => {
            all.redirected += 1;
            *all.redirects.entry(status).or_default() += 1;
        }
        "refused" => {
            all.refused += 1;
            *all.refusals.entry(reason()).or_default() += 1;
        }
        "failed" => {
            all.failed += 1;
            all.seeds_failed += u64::from(told.depth == 0);
            let failures = all.failures.entry(reason()).or_insert_with(|| Failures {
                count: 0,
                first: format!("{}: {}", told.url, told.message),
            });
            failures.count += 1;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_to_what_the_run_counted_that_wrote_them() {
        let records = [
            r#"{"url":"http://h/","fate":"fetched","status":200,"depth":0,"retries":2}"#,
            r#"{"url":"http://h/a","fate":"fetched","status":404,"depth":1,"duplicate_of":"00"}"#,
            r#"{"url":"http://h/s","fate":"listed","status":200,"depth":1,"sitemap":"urlset"}"#,
            r#"{"url":"http://h/b","fate":"redirected","status":301,"depth":1}"#,
            r#"{"url":"http://h/c","fate":"refused","depth":1,"reason":"robots-disallowed"}"#,
            r#"{"url":"http://h/d","fate":"failed","depth":0,"reason":"connect","message":"no \"one\""}"#,
            r#"{"url":"http://h/e","fate":"failed","depth":1,"reason":"connect","message":"no"}"#,
            r#"{"of":"another version"}"#,
        ];
        let mut all = CountsNow::default();
        for record in records {
            count(&mut all, &serde_json::from_str(record).unwrap());
        }
        assert_eq!((all.fetched, all.retried, all.duplicates), (2, 2, 1));
        assert_eq!((all.listed, all.statuses.len()), (1, 2));
        assert_eq!((all.failed, all.seeds_failed), (2, 1));
        assert_eq!((all.statuses[&200], all.statuses[&404]), (1, 1));
        assert_eq!((all.redirected, all.redirects[&301]), (1, 1));
        assert_eq!((all.refused, all.refusals["robots-disallowed"]), (1, 1));
        let first = "http://h/d: no \"one\"".to_owned();
        assert_eq!(all.failures["connect"], Failures { count: 2, first });
    }
}
