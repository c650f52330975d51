//! Texts that are almost right: of the words that a reader knows, in any order, and of bytes that it does not.

use proptest::prelude::*;

/// Makes texts of these words, of bytes that are none, and of the same word many times.
pub(crate) fn soup(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(words.to_vec());
    let piece = prop_oneof![
        8 => word.clone().prop_map(|word| word.as_bytes().to_vec()),
        1 => (word, 2_usize..300).prop_map(|(word, times)| word.repeat(times).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => "\\PC{0,6}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// The same, as text.
pub(crate) fn text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    soup(words).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
