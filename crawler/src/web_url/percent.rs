//! Percent-encoding as RFC 3986 makes it comparable: what needs no encoding has none, and what has one has it in
//! upper case. Source: RFC 3986 §2.1, §2.3, §6.2.2.

/// Returns whether a percent sign and two hexadecimal digits stand at the beginning.
pub(crate) fn is_triplet(octets: &[u8]) -> bool {
    matches!(octets, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Appends the octet of a triplet: itself if it is unreserved, else a triplet in upper case.
///
/// The caller has seen with [`is_triplet`] that there is one; anything else is appended as it came.
pub(crate) fn push_triplet(text: &mut String, triplet: &[u8]) {
    let value = |digit: Option<&u8>| digit.and_then(|digit| char::from(*digit).to_digit(16));
    let octet = match (value(triplet.get(1)), value(triplet.get(2))) {
        (Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    match octet {
        Some(octet) if is_unreserved(octet) => text.push(char::from(octet)),
        Some(octet) => push_octet(text, octet),
        None => text.push('%'),
    }
}

/// Appends a triplet for the octet.
pub(crate) fn push_octet(text: &mut String, octet: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(octet >> 4)]));
    text.push(char::from(DIGITS[usize::from(octet & 15)]));
}

/// Source: RFC 3986 §2.3.
const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}
