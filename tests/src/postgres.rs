//! A PostgreSQL server of the test's own, in a temporary folder: started, killed, started again, and ended with the
//! test, however that ends.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Certificate;

/// How long a server may take to start or to end.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits for the end of its input, which comes with the end of the test's process, and ends the server then.
const WATCH: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$1/data/postmaster.pid" ] || break; sleep 0.1; done
rm -rf "$1"
"#;

/// A server that listens on a socket in its folder and on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    server: Option<Child>,
    watcher: Child,
    /// What it is told beside where it listens.
    settings: Vec<String>,
}

impl Postgres {
    /// The password of its user, `crawler`, who needs it on the port and not on the socket.
    pub const PASSWORD: &'static str = "s3cret-w0rd";

    /// Returns the one that all tests of a program share.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> = LazyLock::new(Postgres::start);
        &SHARED
    }

    /// Returns a name that no other crawl of this program has.
    #[must_use]
    pub fn crawl_name() -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes and starts one.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::made(|_| Vec::new())
    }

    /// Makes and starts one that encrypts connections.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn encrypted(with: &Certificate) -> Self {
        Self::made(|folder| {
            let names = ["certificate.pem", "certificate.key"].map(|name| folder.join(name));
            for (from, to) in [&with.certificate, &with.key].into_iter().zip(&names) {
                fs::copy(from, to).expect("the folder can be written to");
                give_to_its_user(to);
            }
            let [certificate, key] = names.map(|path| path.display().to_string());
            let files = [
                format!("ssl_cert_file={certificate}"),
                format!("ssl_key_file={key}"),
            ];
            ["ssl=on".to_owned()].into_iter().chain(files).collect()
        })
    }

    fn made(settings: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = TempDir::with_prefix("postgres-").expect("there is room for a folder");
        let folder = folder.keep();
        // The server refuses to run as root, and whoever it runs as must own its folder.
        give_to_its_user(&folder);
        let password = folder.join("password");
        fs::write(&password, Self::PASSWORD).expect("the folder can be written to");
        let data = folder.join("data");
        let mut made = as_its_user("initdb");
        made.args([
            "--no-sync",
            "--username=crawler",
            "--encoding=UTF8",
            "--no-locale",
        ])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
        .arg(format!("--pwfile={}", password.display()))
        .arg("-D")
        .arg(&data);
        ran(made.stdout(Stdio::null()));
        let watcher = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let mut postgres = Self {
            port: 0,
            server: None,
            watcher,
            settings: settings(&folder),
            folder,
        };
        postgres.restart();
        postgres
    }

    /// Starts it again after it was killed, on the same port.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        if self.port == 0 {
            self.port = free_port();
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"));
        let mut server = as_its_user("postgres");
        server
            .arg("-D")
            .arg(self.folder.join("data"))
            .arg("-k")
            .arg(&self.folder)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=on"])
            .args(["-p", &self.port.to_string()])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the folder can be written to"));
        self.server = Some(server.spawn().expect("it was found"));
        let ready = || {
            self.status()
                .is_some_and(|status| status.starts_with("ready"))
        };
        self.wait("it is ready", ready);
    }

    /// Kills it with no chance to write anything more.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        server.kill().expect("it is a child of this test");
        server.wait().expect("it is a child of this test");
        // Its own children end when they see that it is gone; until then they hold its memory.
        let memory = || fs::read_to_string(self.folder.join("data/postmaster.pid")).ok();
        let id =
            memory().and_then(|text| text.lines().nth(6)?.split_whitespace().nth(1)?.parse().ok());
        self.wait("its children are gone", || {
            id.is_none_or(|id: u64| is_left_alone(id))
        });
    }

    /// Returns the process of the server.
    ///
    /// # Panics
    ///
    /// When it does not run.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server.as_ref().expect("it runs").id()
    }

    /// Returns the URL of its database by the socket.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self.folder.display();
        format!(
            "postgres://crawler@/postgres?host={socket}&port={}",
            self.port
        )
    }

    /// Returns the port of 127.0.0.1 that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of its database by the port, with this password.
    #[must_use]
    pub fn tcp_url(&self, password: &str) -> String {
        format!(
            "postgres://crawler:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// Returns the folder and the number of its socket.
    pub(crate) fn socket(&self) -> (&Path, u16) {
        (&self.folder, self.port)
    }

    /// Returns what the server says of itself, in the last line but for the spaces of its file.
    fn status(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        Some(text.lines().nth(7)?.trim().to_owned())
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(began.elapsed() < DEADLINE, "{what}: not in time: {log}");
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _gone = self.watcher.wait();
        if let Some(mut server) = self.server.take() {
            let _ended = server.wait();
        }
    }
}

/// Returns whether nobody is attached to a piece of shared memory any more.
fn is_left_alone(memory: u64) -> bool {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let attached = table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next()?.parse::<u64>().ok()? == memory;
        is_it.then(|| fields.nth(4).map(str::to_owned)).flatten()
    });
    attached.is_none_or(|count| count == "0")
}

/// Gives a file or a folder to the user that the server runs as.
pub(crate) fn give_to_its_user(path: &Path) {
    if is_root() {
        ran(Command::new("chown").arg("-R").arg("postgres:").arg(path));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// Returns a command that runs one of the server's programs, or what stands beside it, as the user that may.
pub(crate) fn as_its_user(program: &str) -> Command {
    let path = find(program);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
            "--",
        ])
        .arg(path)
        .current_dir("/");
    command
}

/// Finds a program of the server on the path, or where Debian puts it.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/sbin"));
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let paths = folders.iter().map(|folder| folder.join(program));
    let found = paths.into_iter().find(|path| Path::is_file(path));
    found.unwrap_or_else(|| panic!("no {program}: install it, as tests/all does"))
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn ran(command: &mut Command) {
    let status = command.status().expect("it is installed");
    assert!(status.success(), "{command:?}: {status}");
}
