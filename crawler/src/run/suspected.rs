//! What is told of suspects: of what was at work at kill after kill, and is tried few at a time until it is known what of it
//! is to blame.

use crate::frontier::{CAREFUL_FROM, POISON, Stats, TOGETHER};
use crate::telling::Counted;

/// Returns what is told of the suspects of a job, if it has any.
pub(super) fn suspected(stats: &Stats) -> Option<String> {
    let count = stats.suspects.filter(|suspects| suspects.count > 0)?.count;
    let (urls, were) = (
        Counted(count, "URL"),
        if count == 1 { "was" } else { "were" },
    );
    Some(format!(
        "{urls} {were} being fetched each of the last {CAREFUL_FROM} times, or more, that the crawl was killed, and may be the \
         cause: those of {CAREFUL_FROM} kills are tried at most {TOGETHER} at a time, those of more one by one"
    ))
}

/// Returns how a run that waits for suspects alone goes on, if it does.
pub(super) fn held_up(stats: &Stats) -> Option<String> {
    let suspects = stats.suspects.filter(|suspects| suspects.leased > 0)?;
    let is_waiting = suspects.leased == stats.leased && stats.queued > stats.leased;
    is_waiting.then(|| {
        format!(
            "held up by URLs that were being fetched at kill after kill: {} of {} at work, a few at a time",
            suspects.leased, suspects.count
        )
    })
}

/// Returns how a suspect is tried that was at work at so many kills in a row.
pub(super) fn tried(kills: u16) -> String {
    let how = if kills > CAREFUL_FROM {
        format!(
            "tried with no other such URL beside it, and recorded as crashed after {POISON} kills while it alone is asked for"
        )
    } else {
        format!("tried with up to {} other such URLs", TOGETHER - 1)
    };
    format!(
        "was being fetched the last {kills} times that the crawl was killed, and may be the cause: {how}"
    )
}
