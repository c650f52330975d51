//! A `PgBouncer` of the test's own between the crawler and a PostgreSQL server: it gives each transaction one of few
//! sessions of the server, as its pool mode `transaction` has it.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::Postgres;
use crate::postgres::{DEADLINE, LOOK_EVERY, as_its_user, free_port, give_to_its_user};

/// Ends the pooler with the input, which ends with the test's process.
const WATCH: &str = r#""$@" & read -r _; kill -KILL $!"#;

/// A pooler that listens on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    process: Child,
    folder: TempDir,
}

impl Pooler {
    /// Starts one that holds so many sessions of a server at most.
    ///
    /// # Panics
    ///
    /// When `PgBouncer` is not installed, or does not start.
    #[must_use]
    pub fn start(server: &Postgres, sessions: usize) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let (port, password) = (free_port(), Postgres::PASSWORD);
        let [config, users] = ["config", "users"].map(|name| folder.path().join(name));
        let (socket, server_port) = server.socket();
        let settings = format!(
            "[databases]\npostgres = host={} port={server_port}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {sessions}\nmax_client_conn = 1000\n",
            socket.display(),
            users.display()
        );
        fs::write(&config, settings).expect("the folder can be written to");
        fs::write(&users, format!("\"crawler\" \"{password}\"\n")).expect("as above");
        give_to_its_user(folder.path());
        let log = fs::File::create(folder.path().join("log")).expect("as above");
        // It refuses to run as root too.
        let pooler = as_its_user("pgbouncer");
        let process = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(pooler.get_program())
            .args(pooler.get_args())
            .arg(&config)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("there is a shell");
        let pooler = Self {
            port,
            process,
            folder,
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(pooler.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < DEADLINE, "it does not listen: {log}");
            thread::sleep(LOOK_EVERY);
        }
        pooler
    }

    /// Returns the URL of the server's database through it.
    #[must_use]
    pub fn url(&self) -> String {
        let password = Postgres::PASSWORD;
        format!(
            "postgres://crawler:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _gone = self.process.wait();
    }
}
