//! Where each of some texts stands, by their hashes, which a stranger may choose: a page is not to decide where in a table
//! they fall.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Places by a hash of 64 bits.
pub(super) type Places<H> = HashMap<H, usize, Secret>;

/// Mixes hashes with a number that nobody else knows, in a tenth of what it takes to hash them once more.
#[derive(Debug, Clone)]
pub(super) struct Secret(u64);

impl Default for Secret {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }
}

impl BuildHasher for Secret {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

/// The secret, and then a hash mixed with it.
#[derive(Debug)]
pub(super) struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        let product = u128::from(hash ^ self.0) * u128::from(self.0);
        let both = (product ^ product >> 64) & u128::from(u64::MAX);
        self.0 = u64::try_from(both).unwrap_or_default();
    }
}
