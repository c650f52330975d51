//! What only PostgreSQL promises: several processes a crawl, and that it goes on when the server was away.

mod opening;

mod traps;

mod outage;

mod page;

mod encryption;

mod pooler;

mod processes;

mod nodes;

mod traces;

mod successors;

mod universe;

use std::sync::Arc;

use crawler::frontier::{Frontier, Job, PostgresFrontier, PostgresOptions};
use tests::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::world::{Engine, Hand};

/// A crawl of its own in the server that all tests share. One that is opened again is opened as if nobody else were
/// there, as the suite has it.
pub(crate) struct Shared(PostgresOptions);

impl Shared {
    fn options(&self, clock: Arc<Hand>) -> PostgresOptions {
        self.0.clone().clock(clock)
    }
}

impl Engine for Shared {
    const LANES_OF_ONE_URL: bool = false;

    fn place() -> Self {
        Self(Crawl::new().options())
    }

    async fn begin(&self, clock: Arc<Hand>, job: Job) -> Arc<dyn Frontier> {
        Arc::new(self.options(clock).create(job).await.unwrap())
    }

    async fn reopen(&self, clock: Arc<Hand>) -> Arc<dyn Frontier> {
        Arc::new(self.options(clock).alone().open().await.unwrap())
    }
}

/// A name for a crawl, and the server that it is in.
pub(crate) struct Crawl {
    url: String,
    name: String,
}

impl Crawl {
    /// One that nobody else has, in the server that all tests share.
    fn new() -> Self {
        Self::on(Postgres::shared())
    }

    fn on(server: &Postgres) -> Self {
        Self {
            url: server.url(),
            name: Postgres::crawl_name(),
        }
    }

    fn options(&self) -> PostgresOptions {
        PostgresOptions::new(&self.url, &self.name).unwrap()
    }

    async fn create(&self) -> PostgresFrontier {
        self.options().create(Job::default()).await.unwrap()
    }

    async fn open(&self) -> PostgresFrontier {
        self.options().open().await.unwrap()
    }

    /// Connects to its tables past the frontier.
    async fn raw(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let path = format!("SET search_path = \"crawl_{}\"", self.name);
        client.batch_execute(&path).await.unwrap();
        client
    }
}

/// Returns the one number that a query gives.
async fn number(client: &Client, sql: &str) -> i64 {
    let row = client.query_one(sql, &[]).await.unwrap();
    row.get(0)
}

/// Waits until so many sessions of the server wait for a lock of a crawl.
async fn until_locked(client: &Client, crawl: &Crawl, count: i64) {
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = 'crawler {}' AND wait_event_type = 'Lock'",
        crawl.name
    );
    tests::until("it waits for a lock", async || {
        (number(client, &waiting).await == count).then_some(())
    })
    .await;
}
