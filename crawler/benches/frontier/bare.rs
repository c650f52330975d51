//! The same work by bare statements on the frontier's tables, from a loop that decides nothing: each page is a lane of its
//! site, nothing is lost, late or to be tried again. What an engine does better than this is its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crawler::frontier::{Frontier as _, Job, PostgresOptions};
use futures::future::try_join_all;
use tokio_postgres::{Client, NoTls, Statement};
use xxhash_rust::xxh3::xxh3_64;

use super::cpu::cpu_time;
use super::web::{ABOUT, Web};
use super::{BATCH, NODES, Result, SITES, Spent, lock};

const BEGIN: &str = "BEGIN; SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('random_page_cost', '0.1', true), set_config('jit', 'off', true);";

const STATEMENTS: [&str; 9] = [
    // 0: lanes that are due
    "SELECT site FROM site_lane WHERE next_at <= $1::bigint AND next_at < 9223372036854775807
     ORDER BY next_at LIMIT 100 FOR UPDATE SKIP LOCKED",
    // 1: their first URLs
    "SELECT x.site, q.seq, q.url_hash, q.url FROM (SELECT unnest($1::bigint[]) AS site) x CROSS JOIN LATERAL
     (SELECT * FROM queue q WHERE q.site = x.site AND q.lane = 0 ORDER BY prio, seq LIMIT 1) q",
    // 2: leased, or let go
    "UPDATE site_lane l SET next_at = x.next_at, token = 1, held = 1
     FROM (SELECT unnest($1::bigint[]) AS site, unnest($2::bigint[]) AS next_at) x WHERE (l.site, l.lane) = (x.site, 0)",
    // 3: what is new of the links
    "INSERT INTO seen SELECT x.site, x.url_hash
     FROM (SELECT unnest($1::bigint[]) AS site, unnest($2::bigint[]) AS url_hash) x
     WHERE NOT EXISTS (SELECT FROM seen s WHERE (s.site, s.url_hash) = (x.site, x.url_hash))
     ON CONFLICT DO NOTHING RETURNING site, url_hash",
    // 4: queued
    "INSERT INTO queue(site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
     SELECT unnest($1::bigint[]), 0, 0, nextval('seq'), unnest($2::bigint[]), 0, 0, 0, 0, 0, unnest($3::text[])",
    // 5: lanes of both, in order
    "SELECT l.site, l.next_at FROM (SELECT unnest($1::bigint[]) AS site) x JOIN site_lane l ON (l.site, l.lane) = (x.site, 0)
     ORDER BY l.site FOR UPDATE OF l",
    // 6: done
    "DELETE FROM queue q USING (SELECT unnest($1::bigint[]) AS site, unnest($2::bigint[]) AS seq) x
     WHERE (q.site, q.lane, q.prio, q.seq) = (x.site, 0, 0, x.seq)",
    // 7: recorded
    "INSERT INTO result(site, url_hash, url, referrer, depth, at, fate, status, about, node)
     SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::text[]), 0, 0, 0, 'fetched', 200, $4, 'bare'",
    // 8: free, and due if anything is queued
    "UPDATE site_lane l SET token = 0, held = 0,
         next_at = CASE WHEN x.is_awake THEN $2::bigint ELSE 9223372036854775807 END
     FROM (SELECT x.site, (SELECT true FROM queue q WHERE (q.site, q.lane) = (x.site, 0) LIMIT 1) IS NOT NULL AS is_awake
           FROM (SELECT unnest($1::bigint[]) AS site) x OFFSET 0) x
     WHERE (l.site, l.lane) = (x.site, 0)",
];

/// Crawls until all pages are settled, and returns what it took.
pub(crate) async fn crawl(url: &str, pages: usize, server: u32) -> Result<Spent> {
    let frontier = PostgresOptions::new(url, "bare")?
        .create(Job::default())
        .await?;
    let web = Arc::new(Mutex::new(Web::new(pages)));
    let seeds = lock(&web).seeds();
    frontier.add(seeds).await?;
    frontier.close().await?;
    let mut nodes = Vec::new();
    for _node in 0..NODES {
        nodes.push(Node::connect(url).await?);
    }
    nodes[0]
        .client
        .batch_execute("UPDATE site_lane SET next_at = 1")
        .await?;
    let done = Mutex::new(0);
    let (began, cpu) = (Instant::now(), cpu_time(Some(server)));
    try_join_all(nodes.iter().map(|node| node.work(&web, &done, pages))).await?;
    Ok(Spent {
        wall: began.elapsed(),
        cpu: cpu_time(Some(server)) - cpu,
    })
}

struct Node {
    client: Client,
    statements: Vec<Statement>,
}

/// A page that is leased: its site, number and hash, and its URL.
type Page = (i64, i64, i64, String);

/// Returns the time in milliseconds.
fn now() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn hash(text: &str) -> i64 {
    (xxh3_64(text.as_bytes()) >> 1).cast_signed()
}

impl Node {
    async fn connect(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("SET search_path = crawl_bare").await?;
        let mut statements = Vec::new();
        for statement in STATEMENTS {
            statements.push(client.prepare(statement).await?);
        }
        Ok(Self { client, statements })
    }

    async fn work(&self, web: &Mutex<Web>, done: &Mutex<usize>, pages: usize) -> Result<()> {
        loop {
            let claimed = self.claim().await?;
            let count = claimed.len();
            if count > 0 {
                self.settle(&claimed, web).await?;
            }
            let all = {
                let mut done = done
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                *done += count;
                *done
            };
            if all >= pages {
                return Ok(());
            }
            if count == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }

    async fn claim(&self) -> Result<Vec<Page>> {
        let (client, run, now) = (&self.client, &self.statements, now());
        client
            .batch_execute(&format!("{BEGIN} SET LOCAL synchronous_commit = off"))
            .await?;
        let due = client.query(&run[0], &[&now]).await?;
        let sites: Vec<i64> = due.iter().map(|row| row.get(0)).collect();
        let urls = client.query(&run[1], &[&sites]).await?;
        let pages = urls
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)));
        let pages: Vec<Page> = pages.collect();
        let found: HashSet<i64> = pages.iter().map(|page| page.0).collect();
        let next = |site: &i64| {
            if found.contains(site) {
                now + 30_000
            } else {
                i64::MAX
            }
        };
        let next: Vec<i64> = sites.iter().map(next).collect();
        client.execute(&run[2], &[&sites, &next]).await?;
        client.batch_execute("COMMIT").await?;
        Ok(pages)
    }

    async fn settle(&self, done: &[Page], web: &Mutex<Web>) -> Result<()> {
        let (client, run) = (&self.client, &self.statements);
        let mut links = Vec::with_capacity(BATCH * super::LINKS);
        {
            let mut web = lock(web);
            for _page in done {
                for number in web.links() {
                    let page = web.page(number);
                    links.push((hash(page.site.name()), hash(&page.url), page.url));
                }
            }
        }
        links.sort_unstable();
        links.dedup();
        let sites: Vec<i64> = links.iter().map(|link| link.0).collect();
        let hashes: Vec<i64> = links.iter().map(|link| link.1).collect();
        client
            .batch_execute(&format!("{BEGIN} SET LOCAL synchronous_commit = on"))
            .await?;
        let new = client.query(&run[3], &[&sites, &hashes]).await?;
        let new: HashSet<(i64, i64)> = new.iter().map(|row| (row.get(0), row.get(1))).collect();
        links.retain(|link| new.contains(&(link.0, link.1)));
        let sites: Vec<i64> = links.iter().map(|link| link.0).collect();
        let hashes: Vec<i64> = links.iter().map(|link| link.1).collect();
        let urls: Vec<&str> = links.iter().map(|link| link.2.as_str()).collect();
        client.execute(&run[4], &[&sites, &hashes, &urls]).await?;
        let mut lanes: Vec<i64> = done.iter().map(|page| page.0).chain(sites).collect();
        lanes.sort_unstable();
        lanes.dedup();
        let rows = client.query(&run[5], &[&lanes]).await?;
        let sites: Vec<i64> = done.iter().map(|page| page.0).collect();
        let numbers: Vec<i64> = done.iter().map(|page| page.1).collect();
        client.execute(&run[6], &[&sites, &numbers]).await?;
        let hashes: Vec<i64> = done.iter().map(|page| page.2).collect();
        let urls: Vec<&str> = done.iter().map(|page| page.3.as_str()).collect();
        client
            .execute(&run[7], &[&sites, &hashes, &urls, &ABOUT])
            .await?;
        let asleep = rows.iter().filter(|row| row.get::<_, i64>(1) == i64::MAX);
        let free: Vec<i64> = asleep.map(|row| row.get(0)).chain(sites).collect();
        client.execute(&run[8], &[&free, &now()]).await?;
        client.batch_execute("COMMIT").await?;
        Ok(())
    }
}

const _: () = assert!(SITES > BATCH, "a claim finds a lane for each of its pages");
