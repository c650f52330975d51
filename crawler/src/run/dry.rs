//! `--dry-run`: what would be fetched first, and why not, without a request.

use std::io::Write;

use super::Crew;
use crate::seeds::Seeds;
use crate::telling::{Counted, say};

/// Tells what each rule says of the first URLs; returns the exit code.
///
/// # Errors
///
/// When a list can't be read on.
pub(super) fn dry_run(seeds: &mut Seeds<'_>, crew: &mut Crew) -> anyhow::Result<u8> {
    let (mut to_fetch, mut refused) = (0_u64, 0_u64);
    loop {
        let part = seeds.next_part()?;
        if part.is_empty() {
            break;
        }
        let mut told = String::new();
        for line in part {
            let url = match line {
                Ok(url) => url,
                Err(rejected) => {
                    refused += 1;
                    told += &format!("refuse  {rejected}\n");
                    continue;
                }
            };
            crew.meet(&url);
            let rulings = crew.judge().rulings(&url, 0, None);
            let mut refusals = rulings.into_iter().filter_map(|ruling| ruling.refusal);
            told += &match refusals.next() {
                Some(refusal) => {
                    refused += 1;
                    format!("refuse  {}  {}: {refusal}\n", url.as_str(), refusal.code())
                }
                None => {
                    to_fetch += 1;
                    format!("fetch   {}\n", url.as_str())
                }
            };
        }
        // Who does not want the rest of it closes it.
        if std::io::stdout().write_all(told.as_bytes()).is_err() {
            break;
        }
    }
    let places = crew.concurrency().get() as u64;
    say(format!(
        "crawler: {} would be fetched, up to {places} at once, and {refused} refused; nothing was asked for, not even robots.txt",
        Counted(to_fetch, "URL")
    ));
    Ok(0)
}
