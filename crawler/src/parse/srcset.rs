//! The attribute `srcset`: one image in several sizes. Source: HTML §4.8.4.3.10, parsing a srcset attribute.

/// Returns the URLs of the candidates that a browser would choose from.
pub(super) fn candidates(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let (url, is_valid) = next_candidate(&mut rest)?;
            if is_valid {
                return Some(url);
            }
        }
    })
}

/// Takes one candidate; says too whether its descriptors are such as make it one.
fn next_candidate<'v>(rest: &mut &'v str) -> Option<(&'v str, bool)> {
    let text = rest.trim_start_matches(|char| is_blank(char) || char == ',');
    if text.is_empty() {
        return None;
    }
    let (url, after) = text.split_at(text.find(is_blank).unwrap_or(text.len()));
    let without_commas = url.trim_end_matches(',');
    if without_commas.len() < url.len() {
        *rest = after;
        return Some((without_commas, true));
    }
    let end = end_of_descriptors(after);
    *rest = &after[end..];
    Some((url, are_valid(&after[..end])))
}

/// Returns where the first comma stands that is in no brackets.
fn end_of_descriptors(text: &str) -> usize {
    let mut is_in_brackets = false;
    let end = text.bytes().position(|byte| {
        match byte {
            b'(' => is_in_brackets = true,
            b')' => is_in_brackets = false,
            _ => {}
        }
        byte == b',' && !is_in_brackets
    });
    end.unwrap_or(text.len())
}

/// Returns whether descriptors say a width, perhaps with a height, or a density, or nothing.
fn are_valid(descriptors: &str) -> bool {
    let (mut width, mut height, mut density) = (false, false, false);
    for descriptor in descriptors.split(is_blank).filter(|text| !text.is_empty()) {
        let Some((at, unit)) = descriptor.char_indices().next_back() else {
            return false;
        };
        let number = &descriptor[..at];
        let is_valid = match unit {
            'w' => is_length(number) && !std::mem::replace(&mut width, true) && !density,
            'h' => is_length(number) && !std::mem::replace(&mut height, true) && !density,
            'x' => {
                is_density(number) && !std::mem::replace(&mut density, true) && !width && !height
            }
            _ => false,
        };
        if !is_valid {
            return false;
        }
    }
    width || !height
}

/// Returns whether it is a whole number above 0.
fn is_length(number: &str) -> bool {
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && number.bytes().any(|byte| byte != b'0')
}

/// Returns whether it is a number that is not below 0, as HTML writes one.
fn is_density(number: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let ends_well = |part: &str| !part.ends_with('.');
    number.bytes().all(is_part)
        && !number.starts_with('+')
        && number.split(['e', 'E']).next().is_some_and(ends_well)
        && number.parse().is_ok_and(|number: f64| number >= 0.0)
}

/// Returns whether the HTML standard takes it for a blank.
const fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\x0c' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[&str]) {
        let found: Vec<_> = candidates(value).collect();
        assert_eq!(found, expected, "{value:?}");
    }

    #[test]
    fn a_candidate_is_a_url_and_what_is_said_of_it() {
        check("a 1x, b 2x", &["a", "b"]);
        check("a", &["a"]);
        check("\n a 480w,\n b 800w 600h ,c", &["a", "b", "c"]);
        check("a 0.5x,b 1e3x,c .5x,d -0x", &["a", "b", "c", "d"]);
        check("", &[]);
        check(" , ,", &[]);
    }

    #[test]
    fn a_comma_within_a_url_is_part_of_it() {
        check("a,b 1x, c,d,", &["a,b", "c,d"]);
        check(
            "data:image/png;base64,AA== 1x,b",
            &["data:image/png;base64,AA==", "b"],
        );
        check("a,,, b", &["a", "b"]);
        check("a 1x,b", &["a", "b"]);
    }

    #[test]
    fn a_comma_within_brackets_ends_nothing() {
        check("a (1x, b 2x), c", &["c"]);
        check("a (1x, b 2x", &[]);
        check("a 1x), c", &["c"]);
    }

    #[test]
    fn what_is_said_wrongly_is_no_candidate() {
        for value in [
            "a 1", "a 0w", "a -1w", "a 1.5w", "a +1x", "a -1x", "a 1.x", "a infx", "a nanx", "a x",
            "a w", "a 1x 2x", "a 1w 2w", "a 1w 1x", "a 1x 1w", "a 1h", "a 1h 1x", "a 1ü",
        ] {
            check(value, &[]);
        }
        check("a 0x, b 1.e3x, c 00w, d 01w", &["a", "d"]);
    }
}
