//! Text without meaning, as fast as it can be copied.

use crate::web::draws::Draws;

/// Appends a sentence of seven or fourteen words with a space after it, of at most 120 bytes.
pub(crate) fn sentence(to: &mut String, draws: &mut Draws) {
    let start = to.len();
    let words = if draws.next() & 1 == 0 { 7 } else { 14 };
    let mut bits = 0;
    for word in 0..words {
        // One number has bits for ten words.
        if word % 7 == 0 {
            bits = draws.next();
        }
        let at = usize::try_from(bits & 63).expect("six bits are an index");
        bits >>= 6;
        to.push_str(WORDS[at]);
        to.push(' ');
    }
    to[start..=start].make_ascii_uppercase();
    to.truncate(to.len() - 1);
    to.push_str(". ");
}

const WORDS: [&str; 64] = [
    "amber", "anchor", "apple", "autumn", "basin", "beacon", "birch", "border", "branch", "bridge",
    "candle", "canyon", "cedar", "clover", "copper", "coral", "delta", "dune", "ember", "estuary",
    "falcon", "fern", "field", "flint", "forest", "garden", "glacier", "granite", "harbor",
    "hazel", "heron", "hollow", "island", "ivory", "juniper", "kettle", "lagoon", "lantern",
    "linen", "maple", "marble", "meadow", "mirror", "mosaic", "nectar", "north", "oak", "orchard",
    "otter", "pebble", "pine", "plain", "quarry", "raven", "reed", "ridge", "river", "saffron",
    "shore", "silver", "slate", "thistle", "valley", "willow",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_and_ends_with_a_full_stop_within_its_bound() {
        let mut draws = Draws::new([1, 2, 3]);
        for _ in 0..10_000 {
            let mut text = String::from("before ");
            sentence(&mut text, &mut draws);
            let sentence = text.strip_prefix("before ").expect("what was there stays");
            assert!(sentence.len() <= 120, "{sentence}");
            assert!(sentence.starts_with(|first: char| first.is_ascii_uppercase()));
            assert!(sentence.ends_with(". "), "{sentence}");
            let words = sentence.split_whitespace().count();
            assert!(words == 7 || words == 14, "{sentence}");
        }
    }
}
