//! A server that answers by a script and notes in which order it was asked, and when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// This status, with these header lines.
    Status(u16, &'static str),
    /// These bytes, and the end of the connection.
    Raw(&'static [u8]),
    /// Nothing at all, ever.
    Silence,
}

/// A path, and when it was asked for.
type Asked = (String, Instant);

type Script = dyn Fn(&str, usize) -> Answer + Send + Sync;

/// The server; dropping it ends it.
#[derive(Debug)]
pub struct Scripted {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Scripted {
    /// Starts one; `script` is given a path with its query, and how often it was asked before.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start(script: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (notes, script): (_, Arc<Script>) = (Arc::clone(&asked), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&notes), Arc::clone(&script)));
            }
        });
        let url = format!("http://{address}");
        Self { url, asked, task }
    }

    /// Returns its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the paths it was asked for, in their order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let asked = lock(&self.asked);
        asked.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Returns when it was asked, in the same order.
    #[must_use]
    pub fn asked_at(&self) -> Vec<Instant> {
        lock(&self.asked).iter().map(|(_, at)| *at).collect()
    }

    /// Returns how often each path was asked for.
    #[must_use]
    pub fn counts(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for path in self.asked() {
            *counts.entry(path).or_default() += 1;
        }
        counts
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(asked: &Mutex<Vec<Asked>>) -> MutexGuard<'_, Vec<Asked>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request after the other until the connection ends.
async fn serve(mut stream: TcpStream, asked: Arc<Mutex<Vec<Asked>>>, script: Arc<Script>) {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(request)) = lines.next_line().await {
        while let Ok(Some(header)) = lines.next_line().await
            && !header.is_empty()
        {}
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let before = {
            let mut asked = lock(&asked);
            let before = asked.iter().filter(|(earlier, _)| *earlier == path);
            let before = before.count();
            asked.push((path.clone(), Instant::now()));
            before
        };
        match script(&path, before) {
            Answer::Status(status, headers) => {
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: 2\r\n\r\nok");
                if writer.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Raw(bytes) => {
                let _hung_up = writer.write_all(bytes).await;
                return;
            }
            Answer::Silence => std::future::pending().await,
        }
    }
}
