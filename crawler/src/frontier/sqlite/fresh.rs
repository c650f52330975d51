//! The URLs that were seen of late. The table of all that were seen is in the order of hashes, so that each new one would
//! rewrite a page of its own; here they stand one behind the other, and thousands at a time are sorted into it.
//!
//! Invariant: outside a transaction the set and the table `fresh` hold the same, fewer than the bound, and none of it is
//! in `seen`.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::frontier::known::Key;
use crate::frontier::{SiteId, UrlHash};

/// So many are sorted in at once: some milliseconds' work, in which a page of a million URLs is rewritten for three of
/// them.
pub(super) const FRESH_MAX: usize = 16_384;

/// What was seen and is not sorted in.
#[derive(Debug)]
pub(super) struct Fresh {
    max: usize,
    keys: HashSet<Key>,
    /// What the running transaction has added, in its order.
    added: Vec<Key>,
    is_sorted_in: bool,
}

impl Fresh {
    /// Reads what another process left; from `max` on they are sorted in.
    pub(super) fn read(connection: &Connection, max: usize) -> rusqlite::Result<Self> {
        let mut all = connection.prepare("SELECT site, url_hash FROM fresh")?;
        let keys = all.query_map([], |row| Ok((SiteId(row.get(0)?), UrlHash(row.get(1)?))))?;
        Ok(Self {
            max,
            keys: keys.collect::<rusqlite::Result<_>>()?,
            added: Vec::new(),
            is_sorted_in: false,
        })
    }

    /// Notes that URLs are seen, and returns of each whether it was not before.
    pub(super) fn see(
        &mut self,
        connection: &Connection,
        keys: impl Iterator<Item = Key>,
    ) -> rusqlite::Result<Vec<bool>> {
        let sql = "SELECT 1 FROM seen WHERE site = ?1 AND url_hash = ?2";
        let mut find = connection.prepare_cached(sql)?;
        let mut add = connection.prepare_cached("INSERT INTO fresh VALUES (?1, ?2)")?;
        let see = |key: Key| {
            let columns = [key.0.0, key.1.0];
            if self.keys.contains(&key) || find.exists(columns)? {
                return Ok(false);
            }
            add.execute(columns)?;
            self.keys.insert(key);
            self.added.push(key);
            Ok(true)
        };
        keys.map(see).collect()
    }

    /// Sorts them in when they are many; to be called last in a transaction.
    pub(super) fn sort_in(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.keys.len() < self.max {
            return Ok(());
        }
        let sql = "INSERT INTO seen SELECT site, url_hash FROM fresh ORDER BY site, url_hash";
        connection.prepare_cached(sql)?.execute([])?;
        connection
            .prepare_cached("DELETE FROM fresh")?
            .execute([])?;
        self.is_sorted_in = true;
        Ok(())
    }

    /// Returns a point of the transaction to go back to.
    pub(super) const fn point(&self) -> usize {
        self.added.len()
    }

    /// Forgets what was added since then, as the engine does.
    pub(super) fn go_back(&mut self, point: usize) {
        for key in self.added.drain(point..) {
            self.keys.remove(&key);
        }
    }

    /// Notes what became of the transaction.
    pub(super) fn ended(&mut self, is_committed: bool) {
        let is_sorted_in = std::mem::take(&mut self.is_sorted_in);
        if !is_committed {
            self.go_back(0);
        } else if is_sorted_in {
            self.keys.clear();
        }
        self.added.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frontier::Job;
    use crate::frontier::sqlite::schema;

    /// What may happen to it.
    #[derive(Debug, Clone)]
    enum Step {
        See(i64),
        /// A part of the transaction is undone that saw these.
        SeeInVain(Vec<i64>),
        End {
            is_committed: bool,
        },
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        let url = 0_i64..40;
        prop_oneof![
            8 => url.clone().prop_map(Step::See),
            1 => prop::collection::vec(url, 0..5).prop_map(Step::SeeInVain),
            2 => any::<bool>().prop_map(|is_committed| Step::End { is_committed }),
            1 => Just(Step::Reopen),
        ]
    }

    fn run(connection: &Connection, sql: &str) {
        connection.execute_batch(sql).unwrap();
    }

    proptest! {
        #[test]
        fn each_url_is_new_once_whatever_is_undone_sorted_in_or_read_again(steps in prop::collection::vec(step(), 1..120)) {
            const MAX: usize = 8;
            let mut connection = schema::connect(None).unwrap();
            schema::lay_out(&mut connection, &Job::default()).unwrap();
            let mut fresh = Fresh::read(&connection, MAX).unwrap();
            let key = |n: i64| (SiteId(n % 3), UrlHash(n));
            // A naive model: what is kept, and what the running transaction adds.
            let (mut kept, mut seen) = (HashSet::new(), HashSet::new());
            run(&connection, "BEGIN");
            for step in steps {
                match step {
                    Step::See(n) => {
                        let is_new = fresh.see(&connection, [key(n)].into_iter()).unwrap();
                        prop_assert_eq!(is_new, [seen.insert(n)]);
                    }
                    Step::SeeInVain(urls) => {
                        let point = fresh.point();
                        run(&connection, "SAVEPOINT part");
                        fresh.see(&connection, urls.into_iter().map(key)).unwrap();
                        run(&connection, "ROLLBACK TO part; RELEASE part");
                        fresh.go_back(point);
                    }
                    Step::End { is_committed } => {
                        fresh.sort_in(&connection).unwrap();
                        run(&connection, if is_committed { "COMMIT" } else { "ROLLBACK" });
                        fresh.ended(is_committed);
                        let (new, old) = if is_committed { (&mut kept, &seen) } else { (&mut seen, &kept) };
                        new.clone_from(old);
                        prop_assert!(fresh.keys.len() < MAX || !is_committed);
                        run(&connection, "BEGIN");
                    }
                    Step::Reopen => {
                        run(&connection, "ROLLBACK; BEGIN");
                        fresh = Fresh::read(&connection, MAX).unwrap();
                        seen.clone_from(&kept);
                    }
                }
            }
        }
    }
}
