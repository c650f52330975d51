//! What this process knows of how sites are laid out, which never changes: so that links to a site that was met before
//! cost no look at its row.

use std::collections::HashMap;
use std::num::NonZeroU16;

use crate::frontier::SiteId;

/// Sites that are remembered: some 2 MB. When there are more, all are forgotten, and looked at again as they come.
const SITES_MAX: usize = 65_536;

/// Into how many lanes each site was laid out when its first URL came.
pub(super) type Layouts = HashMap<SiteId, NonZeroU16>;

/// A bounded memory of sites that the database holds for sure.
#[derive(Debug, Default)]
pub(super) struct KnownLayouts(Layouts);

impl KnownLayouts {
    pub(super) fn get(&self, site: SiteId) -> Option<NonZeroU16> {
        self.0.get(&site).copied()
    }

    /// Remembers sites that were there before the transaction that read them.
    pub(super) fn keep(&mut self, layouts: &Layouts) {
        if self.0.len() + layouts.len() > SITES_MAX {
            self.0.clear();
        }
        let room = SITES_MAX - self.0.len();
        self.0.extend(
            layouts
                .iter()
                .take(room)
                .map(|(site, lanes)| (*site, *lanes)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layouts(sites: std::ops::Range<i64>) -> Layouts {
        sites.map(|site| (SiteId(site), NonZeroU16::MIN)).collect()
    }

    #[test]
    fn it_never_holds_more_than_its_bound() {
        let mut known = KnownLayouts::default();
        let max = i64::try_from(SITES_MAX).unwrap();
        known.keep(&layouts(0..max));
        assert_eq!(known.get(SiteId(7)), Some(NonZeroU16::MIN));
        known.keep(&layouts(max..max + 10));
        assert_eq!((known.get(SiteId(7)), known.0.len()), (None, 10));
        known.keep(&layouts(0..2 * max));
        assert_eq!(known.0.len(), SITES_MAX);
    }
}
