//! The sites of many lanes that are in memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::Connection;

use super::site::WideSite;
use crate::frontier::{Lease, SiteId};

/// So many are kept from one transaction to the next. Only what a user typed is such a site.
const SITES_MAX: usize = 64;

/// Sites of many lanes, each as the file has it but for what the running transaction did and has not written.
#[derive(Debug, Default)]
pub(in crate::frontier::sqlite) struct WideSites {
    sites: HashMap<SiteId, WideSite>,
}

impl WideSites {
    /// Returns a site, if it is one of many lanes.
    pub(in crate::frontier::sqlite) fn find(
        &mut self,
        connection: &Connection,
        id: SiteId,
    ) -> rusqlite::Result<Option<&mut WideSite>> {
        Ok(match self.sites.entry(id) {
            Entry::Occupied(site) => Some(site.into_mut()),
            Entry::Vacant(place) => WideSite::read(connection, id)?.map(|site| place.insert(site)),
        })
    }

    /// Returns the site of a lease, if it is one of many lanes.
    pub(in crate::frontier::sqlite) fn find_of(
        &mut self,
        connection: &Connection,
        lease: &Lease,
    ) -> rusqlite::Result<Option<&mut WideSite>> {
        if lease.is_in_a_row() {
            return Ok(None);
        }
        self.find(connection, lease.site)
    }

    /// Returns those of which it is to be found out when they are due.
    pub(in crate::frontier::sqlite) fn to_look_at(&self, now: i64) -> Vec<SiteId> {
        let sites = self
            .sites
            .iter()
            .filter(|(_, site)| site.is_to_look_at(now));
        sites.map(|(id, _)| *id).collect()
    }

    /// Writes what changed, so that statements see it.
    pub(in crate::frontier::sqlite) fn write(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<()> {
        self.sites
            .iter_mut()
            .try_for_each(|(id, site)| site.write(connection, *id))
    }

    /// Forgets all, where the engine has undone what they tell.
    pub(in crate::frontier::sqlite) fn forget(&mut self) {
        self.sites.clear();
    }

    /// Notes what became of the transaction.
    pub(in crate::frontier::sqlite) fn ended(&mut self, is_committed: bool) {
        if !is_committed || self.sites.len() > SITES_MAX {
            self.forget();
        }
    }
}
