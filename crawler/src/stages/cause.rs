//! Why a request failed, as a problem and one plain sentence: a client's error is a chain of causes, most of which only
//! say where in the client they passed.

use std::error::Error;

use crate::fetch::causes::{causes, is_of_name, last, malformed, of_connection};
use crate::model::Problem;

/// What the chain says of where it passed, and not of what went wrong.
const WAYPOINTS: [&str; 5] = [
    "error sending request",
    "client error (",
    "dns error",
    "error resolving DNS",
    "tcp connect error",
];
/// What the system's resolver says before the cause.
const LOOKUP: &str = "failed to lookup address information: ";

/// Tells a failure before the answer began. The URL is left out: it may hold a password.
pub(super) fn before_answer(error: reqwest::Error) -> (Problem, String) {
    let error = error.without_url();
    if error.is_builder() {
        return (Problem::InvalidUrl, rest(&error));
    }
    if let Some(what) = malformed(&error) {
        return (
            Problem::Protocol,
            format!("what came is no proper HTTP answer: {what}"),
        );
    }
    if !error.is_timeout() {
        return (Problem::Connect, sentence(&error));
    }
    if error.is_connect() {
        return (
            Problem::Connect,
            "no connection was made in time".to_owned(),
        );
    }
    (Problem::Timeout, "no answer came in time".to_owned())
}

/// Tells a failure within the body.
pub(super) fn within_body(error: reqwest::Error) -> (Problem, String) {
    let error = error.without_url();
    if error.is_timeout() {
        return (Problem::Timeout, "the body did not end in time".to_owned());
    }
    let lost = "the connection was lost within the body";
    (Problem::Body, format!("{lost}: {}", last(&error)))
}

fn sentence(error: &(dyn Error + 'static)) -> String {
    if is_of_name(error) {
        let last = last(error);
        let why = last.strip_prefix(LOOKUP).unwrap_or(&last);
        return format!("the host's name was not found: {why}");
    }
    of_connection(error).map_or_else(|| rest(error), str::to_owned)
}

/// Returns the causes in a line, without those that only say where they passed.
fn rest(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for text in causes(error).map(ToString::to_string) {
        let is_waypoint = WAYPOINTS.iter().any(|waypoint| text.starts_with(waypoint));
        if is_waypoint || line.ends_with(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    if line.is_empty() {
        error.to_string()
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Passed(&'static str, Box<dyn Error + Send + Sync>);

    impl fmt::Display for Passed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Passed {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.1)
        }
    }

    fn sent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Passed {
        let connect = Passed("client error (Connect)", cause.into());
        Passed("error sending request", connect.into())
    }

    #[test]
    fn the_usual_causes_are_one_plain_sentence() {
        fn check(kind: io::ErrorKind, expected: &str) {
            let cause = Passed("tcp connect error", io::Error::from(kind).into());
            assert_eq!(sentence(&sent(cause)), expected);
        }
        check(
            io::ErrorKind::ConnectionRefused,
            "the connection was refused",
        );
        check(io::ErrorKind::ConnectionReset, "the connection was reset");
        check(io::ErrorKind::TimedOut, "no connection was made in time");
    }

    #[test]
    fn a_name_that_is_not_found_keeps_the_resolvers_reason() {
        let cause = Passed("error resolving DNS", format!("{LOOKUP}try later").into());
        let told = sentence(&sent(Passed("dns error", cause.into())));
        assert_eq!(told, "the host's name was not found: try later");
    }

    #[test]
    fn another_cause_is_told_without_where_it_passed() {
        let told = sentence(&sent("invalid peer certificate: UnknownIssuer"));
        assert_eq!(told, "invalid peer certificate: UnknownIssuer");
        let nothing = Passed("error sending request", "client error (Connect)".into());
        assert_eq!(sentence(&nothing), "error sending request");
    }
}
