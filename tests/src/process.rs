//! The programs as processes of their own: started, watched, signalled, and ended with the test.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::program;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `look` gives something.
///
/// # Panics
///
/// When it has given nothing by the deadline.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, look).await
}

/// Waits until `look` gives something, and for so long at most.
///
/// # Panics
///
/// When it has given nothing by then.
pub async fn until_within<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let found = tokio::time::timeout(deadline, found).await;
    found.unwrap_or_else(|_| panic!("{what}: not within {deadline:?}"))
}

/// Reads JSON Lines, each of which must be whole, and counts the lines of each URL.
///
/// # Panics
///
/// When a line is no record of a URL.
#[must_use]
pub fn urls_in(lines: &str) -> BTreeMap<String, usize> {
    assert!(
        lines.is_empty() || lines.ends_with('\n'),
        "the last line is cut: {lines:?}"
    );
    let mut urls = BTreeMap::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("each line is JSON");
        let url = record["url"].as_str().expect("a record names its URL");
        *urls.entry(url.to_owned()).or_default() += 1;
    }
    urls
}

/// A `slow-api` on a port of its own.
#[derive(Debug)]
pub struct SlowApi {
    process: Child,
    url: String,
}

impl SlowApi {
    /// Starts one with these flags beside its port. Its robots.txt names no sitemap, so that each page is found over links.
    ///
    /// # Panics
    ///
    /// When it does not say where it listens.
    pub async fn start(flags: &[&str]) -> Self {
        let mut process = Command::new(program("slow-api"))
            .args(["--port", "0", "--no-sitemap"])
            .args(flags)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("cargo build --bins has run");
        let stdout = process.stdout.take().expect("it is piped");
        let first = BufReader::new(stdout).lines().next_line().await;
        let first = first.expect("it can be read").expect("it says a line");
        let url = first.rsplit(' ').next().unwrap_or_default().to_owned();
        Self { process, url }
    }

    /// Returns its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns its counts.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn stats(&self) -> Value {
        let answer = reqwest::get(format!("{}/api/stats", self.url)).await;
        let answer = answer.expect("the API answers");
        answer.json().await.expect("its counts are JSON")
    }

    /// Kills it with no chance to answer.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("it lives until now");
    }
}

/// A `crawler` that runs. What it writes on standard output is taken at once, so that it never waits for its reader.
#[derive(Debug)]
pub struct Crawler {
    process: Child,
    written: JoinHandle<Vec<u8>>,
}

/// A `crawler` that ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Crawler {
    /// Starts one with these arguments and nothing on standard input.
    ///
    /// # Panics
    ///
    /// When it is not built.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        Self::spawn(Command::new(program("crawler")).args(args))
    }

    /// Starts a command that runs one.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[must_use]
    pub fn spawn(command: &mut Command) -> Self {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = process.expect("cargo build --bins has run");
        let mut stdout = process.stdout.take().expect("it is piped");
        let written = tokio::spawn(async move {
            let mut written = Vec::new();
            let read = stdout.read_to_end(&mut written).await;
            read.expect("a pipe can be read");
            written
        });
        Self { process, written }
    }

    /// Sends it a signal, such as `INT`.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub async fn signal(&self, name: &str) {
        let id = self.process.id().expect("it was not waited for yet");
        let sent = Command::new("kill")
            .args(["-s", name, &id.to_string()])
            .status()
            .await;
        assert!(sent.is_ok_and(|status| status.success()), "{name} is sent");
    }

    /// Kills it with no chance to finish anything, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it was waited for already.
    pub async fn kill(mut self) {
        self.process
            .kill()
            .await
            .expect("it is a child of this test");
    }

    /// Reads the next line of its standard error.
    ///
    /// # Panics
    ///
    /// When there is none by the deadline.
    pub async fn says(&mut self, words: &str) {
        let stderr = self.process.stderr.as_mut().expect("it is piped");
        let mut said = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&said).contains(words) {
                let byte = stderr.read_u8().await;
                said.push(byte.unwrap_or_else(|_| panic!("it never said {words:?}")));
            }
        };
        tokio::time::timeout(DEADLINE, read)
            .await
            .unwrap_or_else(|_| panic!("it does not say {words:?}"));
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it has not ended by the deadline.
    pub async fn ended(self) -> Ended {
        self.ended_within(DEADLINE).await
    }

    /// Waits for its end, and for so long at most; tells also the most memory it held, in bytes, on Linux.
    ///
    /// # Panics
    ///
    /// When it has not ended by then.
    pub async fn ended_with_peak(self, deadline: Duration) -> (Ended, u64) {
        let id = self.process.id().expect("it was not waited for yet");
        let mut peak = 0;
        let ended = self.ended_within(deadline);
        tokio::pin!(ended);
        loop {
            tokio::select! {
                ended = &mut ended => return (ended, peak),
                () = tokio::time::sleep(LOOK_EVERY) => {
                    peak = peak_bytes(id).await.unwrap_or_default().max(peak);
                }
            }
        }
    }

    /// Waits for its end, and for so long at most.
    ///
    /// # Panics
    ///
    /// When it has not ended by then.
    pub async fn ended_within(self, deadline: Duration) -> Ended {
        let output = tokio::time::timeout(deadline, self.process.wait_with_output()).await;
        let output = output
            .expect("it ends by itself")
            .expect("it is waited for");
        let written = self.written.await.expect("all of it is read");
        let ended = Ended {
            status: output.status,
            stdout: String::from_utf8(written).expect("it writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
        };
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}

/// Returns the most memory that a process has held, in bytes, as Linux tells it while the process lives.
async fn peak_bytes(id: u32) -> Option<u64> {
    let status = tokio::fs::read_to_string(format!("/proc/{id}/status")).await;
    let status = status.ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

impl Ended {
    /// Returns its exit code.
    ///
    /// # Panics
    ///
    /// When a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        let code = self.status.code();
        code.unwrap_or_else(|| panic!("{}: {}", self.status, self.stderr))
    }
}
