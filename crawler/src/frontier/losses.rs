//! When a URL is to blame for those who fetch it and never come back, as a pure machine: what it is told of are claims,
//! settles, and leases that ran out.
//!
//! | a lane's lease ran out | its next lease |
//! |---|---|
//! | up to twice in a row | as many URLs as before |
//! | three times in a row, or more | one URL, a suspect |
//! | then, with one URL that was asked for, always the same | tells how often in a row |
//!
//! The first three tell nothing of a URL: whoever dies takes all with it that it holds, and may be made to die by
//! something else, as by one who kills it again and again as it begins. In a file that is so of a suspect too; but one that
//! was lost as a suspect is at work with no other beside it from then on, and it is the turn of those next that were lost
//! less often: who is killed by something else is killed beside another each time.

/// How many leases of a lane are lost in a row before it is claimed one URL at a time.
pub(crate) const CAREFUL_FROM: u16 = 3;

/// How many suspects of a file are at work together that were not lost as suspects yet.
pub(crate) const TOGETHER: i64 = 16;

/// The losses of one lane since its last settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Losses {
    /// Leases lost in a row.
    pub(crate) lost: u16,
    /// The URL that the last lease held alone, by its number; 0 when it held several.
    pub(crate) suspect: i64,
    /// Whether that may have been asked for: until then whoever held it died of something else.
    pub(crate) is_asked: bool,
    /// How often in a row that URL was lost since the lane is claimed one URL at a time.
    pub(crate) alone: u16,
}

impl Losses {
    /// Notes that a lease ran out.
    #[must_use]
    pub(crate) const fn on_lost(mut self) -> Self {
        if self.is_careful() && self.suspect != 0 && self.is_asked {
            self.alone = self.alone.saturating_add(1);
        }
        self.lost = self.lost.saturating_add(1);
        self
    }

    /// Notes that the lane is leased with `count` URLs, of which `first` is the first.
    #[must_use]
    pub(crate) const fn on_claim(mut self, first: i64, count: usize) -> Self {
        let suspect = if count == 1 { first } else { 0 };
        if suspect != self.suspect {
            self.suspect = suspect;
            self.alone = 0;
        }
        self.is_asked = false;
        self
    }

    /// Notes that what the lane is leased with is asked for.
    #[must_use]
    pub(crate) const fn on_asked(mut self) -> Self {
        self.is_asked = true;
        self
    }

    /// Returns whether the lane is to be claimed one URL at a time.
    pub(crate) const fn is_careful(self) -> bool {
        self.lost >= CAREFUL_FROM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_careful_after_three_losses_whatever_it_held() {
        let mut losses = Losses::default();
        for seen in 0..3 {
            assert!(!losses.is_careful(), "after {seen}");
            losses = losses.on_claim(1, 4).on_asked().on_lost();
        }
        assert!(losses.is_careful());
        assert_eq!(losses.alone, 0, "nobody can tell which it was");
    }

    #[test]
    fn only_the_url_that_was_lost_alone_each_time_is_counted() {
        let lost = |losses: Losses| losses.on_claim(7, 1).on_asked().on_lost();
        let careful = lost(lost(lost(Losses::default())));
        assert_eq!(careful.alone, 0, "all that was held was lost with it");
        let twice = lost(lost(careful));
        assert_eq!(twice.alone, 2);
        assert_eq!(twice.on_claim(7, 1).alone, 2);
        assert_eq!(twice.on_claim(8, 1).alone, 0, "another came before it");
        assert_eq!(twice.on_claim(7, 2).alone, 0, "it is not alone");
    }

    #[test]
    fn a_loss_before_the_url_was_asked_for_is_not_the_urls() {
        let mut losses = Losses::default();
        for _loss in 0..9 {
            losses = losses.on_claim(7, 1).on_lost();
        }
        assert!(losses.is_careful());
        assert_eq!(losses.alone, 0);
    }
}
