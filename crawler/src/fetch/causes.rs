//! A client's error as a chain of causes, most of which only say where in the client they passed.

use std::error::Error;
use std::io;

use h2::Reason;

/// What the client says of bytes that came before it asked.
const UNASKED: &str = "received unexpected message from connection";

/// Returns the error and its causes, the outermost first. What an I/O error wraps is one of them, which its own chain
/// passes over.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + 'a {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error = *error;
        match error.downcast_ref().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// Looks for a cause of one type.
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(<dyn Error>::downcast_ref)
}

/// Returns whether the server says of a request in HTTP/2 that it did not begin with it. Source: RFC 9113 §8.7.
pub(crate) fn was_not_begun(error: &(dyn Error + 'static)) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let is_past_end = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
        error.is_remote() && (is_refused || is_past_end)
    })
}

/// Returns what is wrong with the server's certificate.
pub(crate) fn certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let error = find::<rustls::Error>(error)?;
    matches!(error, rustls::Error::InvalidCertificate(_)).then(|| error.to_string())
}

/// Returns what the innermost cause says.
pub(crate) fn last(error: &(dyn Error + 'static)) -> String {
    let last = causes(error).last();
    last.map(ToString::to_string).unwrap_or_default()
}

/// Returns whether a name could not be looked up.
pub(crate) fn is_of_name(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.to_string() == "dns error")
}

/// Returns what is wrong with an answer that is no HTTP.
pub(crate) fn malformed(error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>());
    // What came before anything was asked has no predicate of its own.
    let error = causes.find(|error| error.is_parse() || error.to_string() == UNASKED)?;
    Some(error.to_string())
}

/// Returns the usual reasons for no connection in words.
pub(crate) fn of_connection(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match io_kinds(error).find(|kind| *kind != io::ErrorKind::Other)? {
        io::ErrorKind::ConnectionRefused => Some("the connection was refused"),
        io::ErrorKind::ConnectionReset => Some("the connection was reset"),
        io::ErrorKind::TimedOut => Some("no connection was made in time"),
        _ => None,
    }
}

/// Returns whether the connection was given up as its peer answered nothing.
pub(crate) fn is_timed_out(error: &(dyn Error + 'static)) -> bool {
    io_kinds(error).any(|kind| kind == io::ErrorKind::TimedOut)
}

fn io_kinds<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = io::ErrorKind> + 'a {
    let errors = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    errors.map(io::Error::kind)
}
