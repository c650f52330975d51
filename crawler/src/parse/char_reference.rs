//! Character references: what `&amp;` and `&#38;` stand for. Source: HTML §13.2.5.72 to §13.2.5.80.

use htmlize::{BARE_ENTITY_MAX_LENGTH, ENTITIES, ENTITY_MAX_LENGTH};

/// How many bytes of a reference are read at most. A number may have zeros without end before it, and nobody writes so
/// many; without a bound, a document that comes in pieces would have to be kept while it is looked for its end.
pub(super) const BYTES_MAX: usize = 128;

/// Where a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    /// In an attribute's value a name without its semicolon that goes on, as `&copy=1` does, is meant as it stands:
    /// it is a parameter of a URL.
    Value,
}

/// Reads the reference that the ampersand at the beginning may begin: gives what it stands for, and returns its length.
/// Where there is none, it is the ampersand itself.
pub(super) fn read(text: &[u8], place: Place, mut give: impl FnMut(&[u8])) -> usize {
    let text = &text[..text.len().min(BYTES_MAX)];
    if let [b'&', b'#', ..] = text {
        if let Some((length, char)) = number(text) {
            give(char.encode_utf8(&mut [0; 4]).as_bytes());
            return length;
        }
    } else if let Some((length, chars)) = name(text, place) {
        give(chars);
        return length;
    }
    give(b"&");
    1
}

/// Finds the longest name that stands there: one with its semicolon takes all letters before it, and the few that are
/// known without one are short.
fn name(text: &[u8], place: Place) -> Option<(usize, &'static [u8])> {
    let letters = text[1..].iter().take(ENTITY_MAX_LENGTH);
    let end = 1 + letters
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    if text.get(end) == Some(&b';')
        && let Some(chars) = ENTITIES.get(&text[..=end])
    {
        return Some((end + 1, chars));
    }
    let ends = (1..=end.min(BARE_ENTITY_MAX_LENGTH)).rev();
    let (end, chars) = ends
        .filter_map(|end| Some((end, *ENTITIES.get(&text[..end])?)))
        .next()?;
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'=';
    let is_meant = place == Place::Text || !text.get(end).is_some_and(goes_on);
    is_meant.then_some((end, chars))
}

fn number(text: &[u8]) -> Option<(usize, char)> {
    let (begin, radix) = match text {
        [_, _, b'x' | b'X', ..] => (3, 16),
        _ => (2, 10),
    };
    let digits = text[begin..]
        .iter()
        .map_while(|byte| char::from(*byte).to_digit(radix));
    let (mut count, mut value) = (0, 0_u32);
    for digit in digits {
        count += 1;
        // What is more than a character can be stays so.
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    let end = begin + count;
    let semicolon = usize::from(text.get(end) == Some(&b';'));
    (count > 0).then(|| (end + semicolon, character(value)))
}

/// Returns the character of a number. Source: HTML §13.2.5.80.
fn character(value: u32) -> char {
    let value = match value {
        0 => return char::REPLACEMENT_CHARACTER,
        0x80..=0x9f => u32::from(WINDOWS_1252[(value - 0x80) as usize]),
        value => value,
    };
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What 0x80 to 0x9f are in windows-1252, or themselves where they are nothing there.
const WINDOWS_1252: [u16; 32] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
    0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
    0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, place: Place, expected: (&str, usize)) {
        let mut given = Vec::new();
        let length = read(text.as_bytes(), place, |part| given.extend_from_slice(part));
        let given = String::from_utf8(given).unwrap();
        assert_eq!((given.as_str(), length), expected, "{text} in {place:?}");
    }

    fn check_both(text: &str, expected: (&str, usize)) {
        check(text, Place::Text, expected);
        check(text, Place::Value, expected);
    }

    #[test]
    fn the_longest_name_counts() {
        check_both("&amp;a", ("&", 5));
        check_both("&not;in", ("¬", 5));
        check_both("&notin;", ("∉", 7));
        check_both("&NotEqualTilde;", ("≂̸", 15));
        check_both(
            "&CounterClockwiseContourIntegral;",
            ("∳", "&CounterClockwiseContourIntegral;".len()),
        );
        check("&notit;", Place::Text, ("¬", 4));
        check("&AMPamp;", Place::Text, ("&", 4));
    }

    #[test]
    fn a_name_without_its_semicolon_ends_a_value_or_stands_before_what_is_no_letter() {
        check_both("&copy", ("©", 5));
        check_both("&copy-", ("©", 5));
        check("&copy=1", Place::Text, ("©", 5));
        check("&copy=1", Place::Value, ("&", 1));
        check("&copy1", Place::Value, ("&", 1));
        check("&notit;", Place::Value, ("&", 1));
        check("&notin", Place::Value, ("&", 1));
    }

    #[test]
    fn an_ampersand_alone_is_itself() {
        for text in [
            "&",
            "&;",
            "& amp;",
            "&&amp;",
            "&unknown;",
            "&am",
            "&#",
            "&#;",
            "&#x;",
            "&#xg",
        ] {
            check_both(text, ("&", 1));
        }
    }

    #[test]
    fn a_number_is_its_character() {
        check_both("&#65;", ("A", 5));
        check_both("&#65B", ("A", 4));
        check_both("&#x41;", ("A", 6));
        check_both("&#X1F980g", ("🦀", 8));
        check_both("&#13;", ("\r", 5));
        check_both("&#x80;", ("€", 6));
        check_both("&#x9f;", ("Ÿ", 6));
        check_both("&#129;", ("\u{81}", 6));
        check_both("&#xa0;", ("\u{a0}", 6));
    }

    #[test]
    fn a_number_of_no_character_is_replaced() {
        for text in ["&#0;", "&#xD800;", "&#x110000;", "&#99999999999999999999;"] {
            check_both(text, ("\u{fffd}", text.len()));
        }
    }

    #[test]
    fn a_number_of_zeros_has_a_bound() {
        let zeros = |count| format!("&#{}65;", "0".repeat(count));
        check_both(&zeros(BYTES_MAX - 5), ("A", BYTES_MAX));
        check_both(&zeros(1000), ("\u{fffd}", BYTES_MAX));
    }
}
