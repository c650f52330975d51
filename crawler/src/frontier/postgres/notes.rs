//! What a crawl keeps beside its URLs: what fetches gave, copies of robots.txt that all nodes share, and how far each
//! node's output files are settled.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::{millis, span_millis, time};
use crate::frontier::known::Key;
use crate::frontier::{NewUrl, Outcome, Record, RobotsCopy, UrlHash, Written};

const RECORD: Sql = Sql {
    text: "
INSERT INTO result(site, url_hash, url, referrer, depth, at, fate, status, about, file, file_offset, node)
SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8), unnest($9),
    unnest($10), unnest($11), $12",
    types: &[
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT,
    ],
};

const ROBOTS: Sql = Sql {
    text: "SELECT status, body, fetched_at, expires_at, tries FROM robots WHERE authority = $1",
    types: &[Type::TEXT],
};

const KEEP_ROBOTS: Sql = Sql {
    text: "
INSERT INTO robots(authority, status, body, fetched_at, expires_at, tries) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (authority) DO UPDATE SET status = excluded.status, body = excluded.body,
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, tries = excluded.tries",
    types: &[
        Type::TEXT,
        Type::INT4,
        Type::BYTEA,
        Type::INT8,
        Type::INT8,
        Type::INT4,
    ],
};

const WRITTEN: Sql = Sql {
    text: "SELECT file, committed_bytes FROM output WHERE node = $1 ORDER BY file",
    types: &[Type::TEXT],
};

const NOTE_WRITTEN: Sql = Sql {
    text: "
INSERT INTO output SELECT $1, x.* FROM unnest($2, $3) AS x
ON CONFLICT (node, file) DO UPDATE SET committed_bytes = excluded.committed_bytes",
    types: &[Type::TEXT, Type::TEXT_ARRAY, Type::INT8_ARRAY],
};

/// Returns a number as a column, the largest there is for any larger.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Whose record it is, and what it says.
struct Recorded<'a> {
    key: Key,
    url: &'a str,
    referrer: Option<UrlHash>,
    depth: u16,
    at: i64,
    record: &'a Record,
}

impl Turn<'_> {
    /// Records what fetches gave.
    pub(super) async fn record(&self, outcomes: &[&Outcome]) -> Result<(), Failure> {
        let recorded = outcomes.iter().filter_map(|outcome| {
            let lease = &outcome.lease;
            Some(Recorded {
                key: (lease.site, lease.hash),
                url: &lease.url,
                referrer: lease.referrer,
                depth: lease.depth,
                at: self.now - span_millis(outcome.age),
                record: outcome.record()?,
            })
        });
        self.write_records(&recorded.collect::<Vec<_>>()).await
    }

    /// Records links that a rule refuses.
    pub(super) async fn record_links(&mut self, links: &[&NewUrl]) -> Result<(), Failure> {
        let recorded = links.iter().filter_map(|link| {
            Some(Recorded {
                key: link.key(),
                url: &link.url,
                referrer: link.referrer,
                depth: link.depth,
                at: self.now,
                record: link.record.as_deref()?,
            })
        });
        let recorded: Vec<_> = recorded.collect();
        self.write_records(&recorded).await?;
        for link in &recorded {
            self.tally.count(link.record.fate);
        }
        Ok(())
    }

    async fn write_records(&self, all: &[Recorded<'_>]) -> Result<(), Failure> {
        if all.is_empty() {
            return Ok(());
        }
        let records = || all.iter().map(|of| of.record);
        let sites: Vec<i64> = all.iter().map(|of| of.key.0.0).collect();
        let hashes: Vec<i64> = all.iter().map(|of| of.key.1.0).collect();
        let urls: Vec<&str> = all.iter().map(|of| of.url).collect();
        let referrers = all.iter().map(|of| UrlHash::column(of.referrer));
        let referrers: Vec<i64> = referrers.collect();
        let depths: Vec<i32> = all.iter().map(|of| of.depth.into()).collect();
        let times: Vec<i64> = all.iter().map(|of| of.at).collect();
        let fates: Vec<&str> = records().map(|record| record.fate.as_str()).collect();
        let statuses: Vec<Option<i32>> = records()
            .map(|record| record.status.map(i32::from))
            .collect();
        let abouts: Vec<&str> = records().map(|record| record.about.as_str()).collect();
        let archives = || records().map(|record| record.archive.as_ref());
        let files: Vec<Option<&str>> = archives()
            .map(|archive| archive.map(|archive| archive.file.as_str()))
            .collect();
        let offsets: Vec<Option<i64>> = archives()
            .map(|archive| archive.map(|archive| column(archive.offset)))
            .collect();
        self.execute(
            &RECORD,
            &[
                &sites,
                &hashes,
                &urls,
                &referrers,
                &depths,
                &times,
                &fates,
                &statuses,
                &abouts,
                &files,
                &offsets,
                &self.core.node,
            ],
        )
        .await
        .map(drop)
    }

    /// Returns whether the files of this node are known to hold just this.
    pub(super) async fn has_written(&self, written: &[Written]) -> Result<bool, Failure> {
        let noted = self.query(&WRITTEN, &[&self.core.node]).await?;
        let noted = noted.iter().map(file).collect::<Result<Vec<_>, _>>()?;
        Ok(written.iter().all(|file| noted.contains(file)))
    }

    pub(super) async fn note_written(&self, written: &[Written]) -> Result<(), Failure> {
        if written.is_empty() {
            return Ok(());
        }
        let mut written: Vec<_> = written.iter().collect();
        written.sort_unstable();
        written.dedup_by(|later, earlier| later.file == earlier.file);
        let files: Vec<&str> = written.iter().map(|file| file.file.as_str()).collect();
        let bytes: Vec<i64> = written.iter().map(|file| column(file.bytes)).collect();
        self.execute(&NOTE_WRITTEN, &[&self.core.node, &files, &bytes])
            .await
            .map(drop)
    }
}

/// Reads how far the output files of this node are settled.
#[derive(Debug)]
pub(super) struct ReadWritten;

impl Work for ReadWritten {
    type Answer = Vec<Written>;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Vec<Written>, Failure> {
        let rows = turn.query(&WRITTEN, &[&turn.core.node]).await?;
        rows.iter().map(file).collect()
    }
}

const RESULTS: Sql = Sql {
    text: "SELECT id, about FROM result WHERE id > $1 AND node = coalesce($3, node) ORDER BY id LIMIT $2",
    types: &[Type::INT8, Type::INT8, Type::TEXT],
};

/// Reads the records after one, by their numbers.
#[derive(Debug)]
pub(super) struct ReadResults {
    pub(super) after: i64,
    pub(super) most: i64,
    pub(super) of: Recorders,
}

/// Whose records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorders {
    All,
    /// This node's.
    Own,
}

impl Work for ReadResults {
    type Answer = Vec<(i64, String)>;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Vec<(i64, String)>, Failure> {
        let node = match self.of {
            Recorders::All => None,
            Recorders::Own => Some(&*turn.core.node),
        };
        let rows = turn
            .query(&RESULTS, &[&self.after, &self.most, &node])
            .await?;
        let results = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        results.collect()
    }
}

fn file(row: &Row) -> Result<Written, Failure> {
    Ok(Written {
        file: row.try_get(0)?,
        bytes: row.try_get::<_, i64>(1)?.cast_unsigned(),
    })
}

/// Reads the copy of a robots.txt.
#[derive(Debug)]
pub(super) struct ReadRobots(pub(super) String);

impl Work for ReadRobots {
    type Answer = Option<RobotsCopy>;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Option<RobotsCopy>, Failure> {
        let rows = turn.query(&ROBOTS, &[&self.0]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(RobotsCopy {
            status: super::lanes::small(row, 0)?,
            body: row.try_get(1)?,
            fetched_at: time(row.try_get(2)?),
            expires_at: time(row.try_get(3)?),
            tries: super::lanes::small(row, 4)?,
        }))
    }
}

/// Keeps a copy of a robots.txt.
#[derive(Debug)]
pub(super) struct KeepRobots {
    pub(super) authority: String,
    pub(super) copy: RobotsCopy,
}

impl Work for KeepRobots {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let copy = &self.copy;
        turn.execute(
            &KEEP_ROBOTS,
            &[
                &self.authority,
                &i32::from(copy.status),
                &copy.body,
                &millis(copy.fetched_at),
                &millis(copy.expires_at),
                &i32::from(copy.tries),
            ],
        )
        .await
        .map(drop)
    }
}
