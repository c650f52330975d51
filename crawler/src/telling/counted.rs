//! Numbers of things in lines for people.

use std::fmt;

/// A number with its noun, which takes an s after all numbers but one.
///
/// Numbers in the columns of a table stand without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a>(pub(crate) u64, pub(crate) &'a str);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        let s = if *number == 1 { "" } else { "s" };
        write!(f, "{number} {noun}{s}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let told = [0, 1, 2].map(|number| Counted(number, "URL").to_string());
        assert_eq!(told, ["0 URLs", "1 URL", "2 URLs"]);
    }
}
