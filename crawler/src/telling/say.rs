//! Lines for people, on standard error. A standard error that is closed is no reason to end, so nothing panics here.

use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard error.
pub(crate) fn say(line: impl Display) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}
