//! Opening a frontier in a database: begun, resumed or begun anew.

use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};

use deadpool_postgres::{Manager, Pool, Runtime};
use tokio::sync::watch;

use super::address::{Address, check_name};
use super::core::{Core, Keys};
use super::failure::Failure;
use super::handle::PostgresFrontier;
use super::layout::{self, Refusal, Wish};
use super::leases::EndAll;
use super::tls;
use crate::frontier::known::Known;
use crate::frontier::{Clock, FrontierError, Job};

/// For claims, settles, renewals, and what a visit asks for: more would only wait for one another's locks.
const CONNECTIONS: usize = 4;
/// How long a connection may take from nothing to its first answer.
const CONNECT_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// About 20 MB at most, and the links of the latest 25,000 pages of 20.
const KNOWN_MAX: usize = 500_000;

/// How to open a frontier in PostgreSQL.
///
/// Several processes open the same crawl and share it. The database's clock counts, so that those of the nodes need not
/// agree. A connection pooler may stand in between, also one that gives each transaction another session of the server.
/// `docs/cluster.md` beside this crate's sources tells how a cluster is run.
///
/// # Examples
///
/// ```no_run
/// use crawler::frontier::{FrontierError, Job, PostgresOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), FrontierError> {
/// let options = PostgresOptions::new("postgres://me@db.example/web?sslmode=verify-full", "news")?.node("a")?;
/// let frontier = match options.create(Job::default()).await {
///     Err(FrontierError::Exists { .. }) => options.open().await?,
///     created => created?,
/// };
/// # drop(frontier);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    pub(super) address: Address,
    pub(super) node: String,
    clock: Option<Arc<dyn Clock>>,
    known_max: usize,
    is_alone: bool,
}

impl PostgresOptions {
    /// Takes the URL of a database, and the name of a crawl in it.
    ///
    /// `sslmode` is honoured as libpq does: `disable`, `prefer` (the default), `require`, and `verify-full`, for which
    /// `sslrootcert` names a file of authorities other than the system's.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Address`] when the URL is none, the crawl's name has other characters than letters, digits,
    /// `-`, `_` and `.`, or more than 40.
    pub fn new(url: &str, crawl: &str) -> Result<Self, FrontierError> {
        Ok(Self {
            address: Address::parse(url, crawl)?,
            node: "node".to_owned(),
            clock: None,
            known_max: KNOWN_MAX,
            is_alone: false,
        })
    }

    /// Works under this name, one for each process: how far output files are settled is kept by it.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Address`] when it has other characters than a crawl's name may have.
    pub fn node(mut self, name: &str) -> Result<Self, FrontierError> {
        check_name("node", name)?;
        name.clone_into(&mut self.node);
        Ok(self)
    }

    /// Goes by this clock instead of the database's. All processes of the crawl must have the same.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Remembers so many URLs that are known, so that they cost the database nothing; 40 bytes each at most.
    #[must_use]
    pub const fn known_max(mut self, urls: usize) -> Self {
        self.known_max = urls;
        self
    }

    /// Says that no other process works on the crawl: what is leased is nobody's, and ends as it is opened. If one does
    /// after all, what it fetches is fetched twice.
    #[must_use]
    pub const fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    /// Begins a crawl.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Exists`] when there is one of its name, [`FrontierError::Newer`] when it is a newer program's;
    /// [`FrontierError::Unavailable`] when the database can't be reached; [`FrontierError::Refused`] when it lets this
    /// user do nothing, is too old, or is not the one it should be; [`FrontierError::Full`] and [`FrontierError::Engine`]
    /// when it can't be written to; [`FrontierError::Address`] when the authorities of certificates can't be read.
    pub async fn create(&self, job: Job) -> Result<PostgresFrontier, FrontierError> {
        self.start(Wish::New(job)).await
    }

    /// Begins a crawl, in place of any of its name. Those who work on that find it missing.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), but for [`FrontierError::Exists`] and [`FrontierError::Newer`].
    pub async fn replace(&self, job: Job) -> Result<PostgresFrontier, FrontierError> {
        self.start(Wish::Anew(job)).await
    }

    /// Joins a crawl, or resumes it.
    ///
    /// # Errors
    ///
    /// [`FrontierError::Missing`] when there is none; else as [`create`](Self::create).
    pub async fn open(&self) -> Result<PostgresFrontier, FrontierError> {
        self.start(Wish::Old).await
    }

    async fn start(&self, wish: Wish) -> Result<PostgresFrontier, FrontierError> {
        let place = self.address.place();
        let pool = self.pool()?;
        let schema = self.address.schema();
        let keys = Keys::of(&schema);
        let client = pool
            .get()
            .await
            .map_err(|error| Failure::from(error).explain(&place))?;
        let found = layout::open(&client, &schema, keys.crawl, &place, wish).await;
        let found = found.map_err(|refusal| match refusal {
            Refusal::Failed(failure) => failure.explain(&place),
            Refusal::Told(error) => error,
        })?;
        drop(client);
        let core = Core {
            pool,
            place,
            schema,
            keys,
            id: found.id,
            node: self.node.clone(),
            clock: self.clock.clone(),
            latest: AtomicI64::new(0),
            told: watch::Sender::default(),
            known: Mutex::new(Known::new(self.known_max)),
            layouts: Mutex::default(),
            sessions: Mutex::default(),
            successors: Mutex::default(),
            pooled: AtomicBool::new(false),
        };
        if self.is_alone {
            core.persist(&EndAll).await?;
        }
        Ok(PostgresFrontier::new(core))
    }

    fn pool(&self) -> Result<Pool, FrontierError> {
        let tls = tls::connector(&self.address.trust)?;
        let manager = Manager::new(self.address.config.clone(), tls);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .create_timeout(Some(CONNECT_MAX))
            .runtime(Runtime::Tokio1)
            .build();
        pool.map_err(|error| FrontierError::Address {
            what: error.to_string(),
            help: "this is a defect of the program",
        })
    }
}
