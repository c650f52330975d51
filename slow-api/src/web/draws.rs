//! Numbers drawn from a seed: the same on every machine and in every release, and a few instructions each, since
//! every link of every page takes some.

/// A stream of numbers; streams of different keys have nothing to do with each other.
///
/// Source: `SplitMix64`, G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(key: [u64; 3]) -> Self {
        Self(key.into_iter().fold(0, |state, part| mix(state ^ part)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Draws a number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of a product has 64 bits")
    }

    /// Draws one of the items, of which there must be some.
    pub(crate) fn pick<T: Copy, const COUNT: usize>(&mut self, items: &[T; COUNT]) -> T {
        let at = self.below(COUNT as u64);
        items[usize::try_from(at).expect("an index below a length is an index")]
    }
}

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The odd number next to 2⁶⁴ over the golden ratio: each step reaches another number.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_published_ones() {
        let mut draws = Draws(1_234_567);
        let drawn = [draws.next(), draws.next(), draws.next()];
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn a_bound_is_kept_and_filled() {
        let mut draws = Draws::new([7, 0, 0]);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(draws.below(10)).expect("it is below 10")] += 1;
        }
        for count in counts {
            assert!((800..1200).contains(&count), "{counts:?}");
        }
        assert_eq!(draws.below(0), 0);
        assert_eq!(draws.below(1), 0);
    }

    #[test]
    fn each_part_of_the_key_matters() {
        let first = Draws::new([1, 2, 3]).next();
        assert_eq!(first, Draws::new([1, 2, 3]).next());
        for other in [[2, 2, 3], [1, 3, 3], [1, 2, 4], [2, 1, 3], [3, 2, 1]] {
            assert_ne!(first, Draws::new(other).next(), "{other:?}");
        }
    }
}
