//! What all subscriptions together have asked and not been given.

/// A sum of asks. Each of them saturates by itself; their sum is wider, so that it forgets none of them.
#[derive(Debug, Default)]
pub(super) struct Total(u128);

impl Total {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Adds `n` to the unpaid ask of one subscription.
    pub(super) fn ask(&mut self, asked: &mut usize, n: usize) {
        let added = n.min(usize::MAX - *asked);
        *asked += added;
        self.0 += added as u128;
    }

    /// Takes away what was paid, or asked by one who has left.
    pub(super) const fn forget(&mut self, n: usize) {
        self.0 -= n as u128;
    }

    pub(super) const fn sum(&self) -> u128 {
        self.0
    }

    /// The sum as far as it can be told.
    pub(super) fn wanted(&self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}
