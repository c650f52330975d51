//! Sites as rows: how they are laid out, which never changes, and until when they rest as a whole.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::lanes::lane_from;
use super::turn::{Sql, Turn};
use crate::frontier::SiteId;
use crate::frontier::lane::Lane;

/// Locks sites, in the order that all keep to.
const LOCK: Sql = Sql {
    text: "
SELECT s.site FROM unnest($1) AS x(site) JOIN site s ON s.site = x.site
ORDER BY s.site FOR NO KEY UPDATE OF s",
    types: &[Type::INT8_ARRAY],
};

const REST: Sql = Sql {
    text: "
UPDATE site s SET rest_until = greatest(s.rest_until, x.rest_until) FROM unnest($1, $2) AS x(site, rest_until)
WHERE s.site = x.site",
    types: &[Type::INT8_ARRAY, Type::INT8_ARRAY],
};

const LANES: Sql = Sql {
    text: "SELECT l.site, l.lane FROM unnest($1) AS x(site) JOIN site_lane l ON l.site = x.site",
    types: &[Type::INT8_ARRAY],
};

/// Until when sites are to rest.
pub(super) type Resting = BTreeMap<SiteId, i64>;

impl Turn<'_> {
    /// Locks sites, so that no lane of them is made and none of them begins to rest, and lets some of them rest.
    pub(super) async fn lock_sites(
        &self,
        mut sites: Vec<SiteId>,
        resting: &Resting,
    ) -> Result<(), Failure> {
        sites.extend(resting.keys());
        sites.sort_unstable();
        sites.dedup();
        if sites.is_empty() {
            return Ok(());
        }
        let sites: Vec<i64> = sites.iter().map(|site| site.0).collect();
        self.query(&LOCK, &[&sites]).await?;
        if resting.is_empty() {
            return Ok(());
        }
        let (sites, until): (Vec<i64>, Vec<i64>) =
            resting.iter().map(|(site, until)| (site.0, *until)).unzip();
        self.execute(&REST, &[&sites, &until]).await.map(drop)
    }

    /// Returns the lanes that sites have; while these are locked, that is all of them.
    pub(super) async fn lanes_of_sites(&self, sites: &Resting) -> Result<Vec<Lane>, Failure> {
        if sites.is_empty() {
            return Ok(Vec::new());
        }
        let sites: Vec<i64> = sites.keys().map(|site| site.0).collect();
        let rows = self.query(&LANES, &[&sites]).await?;
        rows.iter().map(lane_from).collect()
    }
}
