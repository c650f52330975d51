//! Plays a script on a bare connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::faults::{End, Script, Step};
use crate::web::Visit;

/// A script and the visit that ends with it.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) script: Script,
    pub(crate) visit: Visit,
}

/// How long a caller may take to hang up after the end.
const LINGER: Duration = Duration::from_secs(2);

/// Plays to the end, or until the caller hangs up.
pub(crate) async fn play(mut stream: TcpStream, played: Played) {
    let Played { script, visit } = played;
    let end = script.end;
    let (mut reader, mut writer) = stream.split();
    tokio::select! {
        () = hung_up(&mut reader) => {}
        played = perform(&mut writer, script, visit) => {
            if let Err(error) = played {
                tracing::debug!("a script was not played to its end: {error}");
            }
        }
    }
    if end == End::Reset
        && let Err(error) = stream.set_zero_linger()
    {
        tracing::warn!("a connection ends without its reset: {error}");
    }
}

/// Sends all of it. The visit is over just before the last bytes: then it is never over later than the caller knows.
async fn perform(
    to: &mut (impl AsyncWrite + Unpin),
    script: Script,
    visit: Visit,
) -> std::io::Result<()> {
    let mut visit = Some(visit);
    let steps = script.steps.len();
    for (at, step) in script.steps.into_iter().enumerate() {
        let is_last = at + 1 == steps && script.end == End::Close;
        let (bytes, times, pause) = match step {
            Step::Send(bytes) => (bytes, 1, Duration::ZERO),
            Step::Repeat {
                bytes,
                times,
                pause,
            } => (bytes, times, pause),
            Step::Pause(pause) => {
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        for time in 1..=times {
            if is_last && time == times {
                visit = None;
            }
            to.write_all(&bytes).await?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }
    match script.end {
        End::Reset => {}
        End::Stall => std::future::pending().await,
        End::Close => {
            drop(visit);
            to.shutdown().await?;
            // Closing while there is something unread would be a reset, and could take the answer away.
            tokio::time::sleep(LINGER).await;
        }
    }
    Ok(())
}

/// Reads whatever comes, until nothing more can come.
async fn hung_up(from: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 1024];
    while from.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}
