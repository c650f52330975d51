//! How long a claim takes in a crawl of a million sites with ten million URLs queued, all of them due.

use std::time::{Duration, Instant};

use crawler::frontier::{Frontier as _, Job, PostgresOptions};
use tests::Postgres;
use tokio_postgres::NoTls;

use super::web::Web;
use super::{BATCH, Result, timed};

const SITES: i64 = 1_000_000;
const URLS_A_SITE: i64 = 10;
/// Claims that are timed, each with its settle.
const ROUNDS: usize = 200;

/// Rows as the frontier makes them, but by one statement for each table. A number of a site has its bits spread, as a
/// hash has.
const FILL: [&str; 5] = [
    "CREATE TEMP TABLE numbers AS SELECT ('x' || substr(md5(n::text), 1, 16))::bit(64)::bigint & 9223372036854775807 AS site,
         n FROM generate_series(1, $SITES) n",
    "INSERT INTO site(site, lanes, delay_ms, rest_until, name)
     SELECT site, 1, 0, 0, 'site' || n || '.example' FROM numbers ORDER BY site",
    "INSERT INTO site_lane(site, lane, lanes, delay_ms, next_at, polite_at)
     SELECT site, 0, 1, 0, 1 + n, 1 FROM numbers ORDER BY site",
    "INSERT INTO queue(site, lane, prio, seq, url_hash, depth, attempts, hops, referrer, chain, url)
     SELECT site, 0, 0, nextval('seq'), n * $URLS + u, 0, 0, 0, 0, 0,
         'http://site' || n || '.example/articles/2024/' || u || '.html'
     FROM numbers, generate_series(1, $URLS) u ORDER BY site",
    "UPDATE tally SET known = $SITES * $URLS, queued = $SITES * $URLS WHERE slot = 0",
];

/// Fills a crawl, and prints how long claims of it and settles take.
pub(crate) async fn run() -> Result<()> {
    let server = Postgres::start();
    let options = PostgresOptions::new(&server.url(), "large")?;
    let frontier = options.create(Job::default()).await?;
    frontier.seeded().await?;
    let began = Instant::now();
    fill(&server.url()).await?;
    println!(
        "{SITES} sites, {} URLs queued in {:.0} s",
        SITES * URLS_A_SITE,
        began.elapsed().as_secs_f64()
    );
    let mut web = Web::new(usize::MAX);
    let (claims, settles) = timed(&frontier, ROUNDS, |lease| web.fetch(lease)).await?;
    print("claim", claims);
    print("settle", settles);
    frontier.close().await?;
    Ok(())
}

async fn fill(url: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    client
        .batch_execute("SET search_path = crawl_large")
        .await?;
    for statement in FILL {
        let statement = statement.replace("$SITES", &SITES.to_string());
        let statement = statement.replace("$URLS", &URLS_A_SITE.to_string());
        client.batch_execute(&statement).await?;
    }
    drop(client);
    Ok(connection.await??)
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let millis = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "{what:<8} of {BATCH}: median {:.1} ms, 95 % {:.1} ms, longest {:.1} ms",
        millis(50),
        millis(95),
        millis(100)
    );
}
