//! Where URLs of a crawl stand, for those who ask why.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::lanes::small;
use super::turn::{Kind, Sql, Turn, Work};
use crate::frontier::clock::time;
use crate::frontier::url::demotion;
use crate::frontier::{Trace, UrlHash};

const QUEUED: Sql = Sql {
    text: "SELECT url_hash, depth, attempts, prio FROM queue WHERE url_hash = ANY($1)",
    types: &[Type::INT8_ARRAY],
};

const DELAYED: Sql = Sql {
    text: "SELECT url_hash, depth, attempts, prio, ready_at FROM delayed WHERE url_hash = ANY($1)",
    types: &[Type::INT8_ARRAY],
};

const RECORDED: Sql = Sql {
    text: "SELECT url_hash, about FROM result WHERE url_hash = ANY($1) ORDER BY id",
    types: &[Type::INT8_ARRAY],
};

/// Reads where URLs stand; all that is recorded is looked through once, however many they are.
#[derive(Debug)]
pub(super) struct ReadTraces(pub(super) Vec<UrlHash>);

impl Work for ReadTraces {
    type Answer = HashMap<UrlHash, Trace>;

    const KIND: Kind = Kind::Passing;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Self::Answer, Failure> {
        let urls: Vec<i64> = self.0.iter().map(|url| url.0).collect();
        let mut traces = HashMap::new();
        // What is fetched again and again is queued too: its last answer tells more.
        for row in turn.query(&QUEUED, &[&urls]).await? {
            let queued = Trace::Queued {
                depth: small(&row, 1)?,
                attempts: small(&row, 2)?,
                demotion: demotion(row.try_get(3)?),
            };
            traces.insert(url(&row)?, queued);
        }
        for row in turn.query(&DELAYED, &[&urls]).await? {
            let delayed = Trace::Delayed {
                ready_at: time(row.try_get(4)?),
                depth: small(&row, 1)?,
                attempts: small(&row, 2)?,
                demotion: demotion(row.try_get(3)?),
            };
            traces.insert(url(&row)?, delayed);
        }
        for row in turn.query(&RECORDED, &[&urls]).await? {
            let about = row.try_get(1)?;
            traces.insert(url(&row)?, Trace::Recorded { about });
        }
        Ok(traces)
    }
}

fn url(row: &Row) -> Result<UrlHash, Failure> {
    Ok(UrlHash(row.try_get(0)?))
}
