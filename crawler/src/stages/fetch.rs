//! One request, from the connection to the end of its body, so that the connection can be used again.

use std::time::{Duration, Instant, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;

use super::cause::{before_answer, within_body};
use crate::model::{Job, Outcome, Problem};
use crate::policy::retry;
use crate::policy::retry_after::retry_after;

/// The largest body that is read.
const BODY_MAX: u64 = 10 * 1024 * 1024;
/// The status that ends HTTP on the connection. Source: RFC 9110 §15.2.2.
const SWITCHING: u16 = 101;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the client that all requests share.
pub(crate) fn client(timeout: Duration, concurrency: usize) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .user_agent(concat!("crawler/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(concurrency)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(Policy::none())
        .build()
}

/// Tries a job once.
pub(crate) async fn fetch(client: &reqwest::Client, job: &Job) -> Outcome {
    let start = Instant::now();
    let mut outcome = Outcome::of(job);
    let problem = read(client, job, &mut outcome).await.err();
    outcome.millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    match problem {
        Some((problem, message)) => outcome.failed(problem, message),
        None => outcome,
    }
}

async fn read(
    client: &reqwest::Client,
    job: &Job,
    outcome: &mut Outcome,
) -> Result<(), (Problem, String)> {
    let sent = client.get(job.target.clone()).send().await;
    let mut response = sent.map_err(before_answer)?;
    let status = response.status().as_u16();
    outcome.status = Some(status);
    if status == SWITCHING {
        let message =
            "the server answered 101 and speaks another protocol, which it was not asked to";
        return Err((Problem::Protocol, message.to_owned()));
    }
    if retry::is_failure(status) {
        let value = response.headers().get(RETRY_AFTER);
        outcome.retry_after = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, SystemTime::now()));
    }
    while let Some(chunk) = response.chunk().await.map_err(within_body)? {
        outcome.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if outcome.bytes > BODY_MAX {
            let message = format!("the body is larger than {BODY_MAX} bytes; it is not read on");
            return Err((Problem::BodyTooLarge, message));
        }
    }
    if retry::is_failure(status) {
        let message = format!("the server answered {status} instead of the page");
        return Err((Problem::Status(status), message));
    }
    Ok(())
}
