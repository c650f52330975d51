//! Measures that twice the input costs at most two and a half times the instructions, for everything that reads what a
//! stranger wrote: pages, headers, robots.txt, URLs. Instructions are counted by valgrind, so that a busy machine changes
//! nothing.
//!
//! ```text
//! cargo run -p tests --bin cost            # all cases
//! cargo run -p tests --bin cost -- robots  # those whose name holds the word
//! ```
//!
//! It ends with 1 when a case costs more, and says which.

mod cases;
mod count;
mod subject;

use std::process::ExitCode;

use cases::{CASES, Case};

/// What marks the run that valgrind watches.
const WATCHED: &str = "--watched";
/// How many times as much twice the input may cost: twice, and what a sort or a table that grows adds.
const TIMES_MAX: f64 = 2.5;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let is_watched = words.first().is_some_and(|word| word == WATCHED);
    if is_watched {
        words.remove(0);
    }
    let word = words.first().map_or("", String::as_str);
    let cases: Vec<&Case> = CASES
        .iter()
        .filter(|case| case.name.contains(word))
        .collect();
    if is_watched {
        cases.iter().for_each(|case| case.run());
        return ExitCode::SUCCESS;
    }
    match count::instructions(&[WATCHED, word], 2 * cases.len()) {
        Ok(counts) => judge(&cases, &counts),
        Err(error) => {
            eprintln!("cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn judge(cases: &[&Case], counts: &[u64]) -> ExitCode {
    let mut wrong = 0;
    for (case, counts) in cases.iter().zip(counts.chunks_exact(2)) {
        #[expect(clippy::cast_precision_loss, reason = "it is a ratio to two places")]
        let times = counts[1] as f64 / counts[0] as f64;
        let is_wrong = (times > TIMES_MAX) != case.is_square;
        wrong += usize::from(is_wrong);
        println!(
            "{:>11} {:>12} {times:.2}{} {}",
            counts[0],
            counts[1],
            if is_wrong { "!" } else { " " },
            case.name
        );
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("cost: {wrong} cases cost another multiple than they may; see the marked ones above");
    ExitCode::FAILURE
}
