//! What concerns the crawl as a whole: that its seeds are in, its budget, its numbers.

use tokio_postgres::types::Type;

use super::failure::Failure;
use super::notes::column;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::Stats;

const SEEDED: Sql = Sql {
    text: "UPDATE crawl SET state = 'running' WHERE state = 'seeding'",
    types: &[],
};

const ALLOW: Sql = Sql {
    text: "UPDATE crawl SET pages_max = $1",
    types: &[Type::INT8],
};

/// Says that all seeds are in.
#[derive(Debug)]
pub(super) struct Seeded;

impl Work for Seeded {
    type Answer = bool;

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<bool, Failure> {
        Ok(turn.execute(&SEEDED, &[]).await? > 0)
    }

    fn is_change(is_new: &bool) -> bool {
        *is_new
    }
}

/// Sets how many pages may yet be fetched.
#[derive(Debug)]
pub(super) struct Allow(pub(super) Option<u64>);

impl Work for Allow {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let max = match self.0 {
            Some(pages) => Some(turn.sum().await?.budget(column(pages))),
            None => None,
        };
        turn.execute(&ALLOW, &[&max]).await.map(drop)
    }

    fn is_change((): &()) -> bool {
        true
    }
}

const ALLOW_BYTES: Sql = Sql {
    text: "UPDATE crawl SET bytes_max = $1",
    types: &[Type::INT8],
};

/// Sets how many bytes of bodies may yet be read.
#[derive(Debug)]
pub(super) struct AllowBytes(pub(super) Option<u64>);

impl Work for AllowBytes {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let max = match self.0 {
            Some(bytes) => Some(turn.sum().await?.bytes.saturating_add(column(bytes))),
            None => None,
        };
        turn.execute(&ALLOW_BYTES, &[&max]).await.map(drop)
    }

    fn is_change((): &()) -> bool {
        true
    }
}

const DESCRIBE: Sql = Sql {
    text: "UPDATE crawl SET config = $1",
    types: &[Type::TEXT],
};

/// Replaces the configuration.
#[derive(Debug)]
pub(super) struct Describe(pub(super) String);

impl Work for Describe {
    type Answer = ();

    const KIND: Kind = Kind::Durable;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        turn.execute(&DESCRIBE, &[&self.0]).await.map(drop)
    }
}

const READ_CONFIG: Sql = Sql {
    text: "SELECT config FROM crawl",
    types: &[],
};

/// Reads the configuration, which another node may have replaced.
#[derive(Debug)]
pub(super) struct ReadConfig;

impl Work for ReadConfig {
    type Answer = String;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<String, Failure> {
        let rows = turn.query(&READ_CONFIG, &[]).await?;
        let row = rows.first().ok_or(Failure::Gone)?;
        Ok(row.try_get(0)?)
    }
}

/// Reads the numbers.
#[derive(Debug)]
pub(super) struct ReadStats;

impl Work for ReadStats {
    type Answer = Stats;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Stats, Failure> {
        turn.stats().await
    }
}
