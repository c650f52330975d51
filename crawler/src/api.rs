//! Which slow API is asked: one that was named, the one on port 4000, or one started in this process.

use std::time::Duration;

use anyhow::Context as _;
use url::Url;

use crate::model::shown;

/// Where a slow API listens when somebody started one.
const USUAL: &str = "http://127.0.0.1:4000";
/// How long the usual place may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that is read of its answer.
const HEALTH_MAX: usize = 4096;

/// The API of this run.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) url: Url,
    /// The server, when it is this process's own.
    pub(crate) own: Option<slow_api::Server>,
    /// Which one it is and why, in a line.
    pub(crate) line: String,
}

/// Finds the slow API, or starts one.
pub(crate) async fn find(named: Option<&Url>) -> anyhow::Result<Api> {
    if let Some(url) = named {
        return Ok(Api {
            url: url.clone(),
            own: None,
            line: format!("using the API at {}", shown(url)),
        });
    }
    let why = match ask().await? {
        Ok(body) if is_slow_api(&body) => {
            return Ok(Api {
                url: Url::parse(USUAL)?,
                own: None,
                line: format!("using the slow API at {USUAL}"),
            });
        }
        Err(error) if error.is_connect() => "nothing listens on port 4000",
        _ => "what listens on port 4000 is no slow API and is left alone",
    };
    let options = slow_api::Options {
        port: 0,
        ..slow_api::Options::default()
    };
    let server = slow_api::start(options).await?;
    Ok(Api {
        url: Url::parse(&server.url())?,
        line: format!("{why}; started a slow API at {}", server.url()),
        own: Some(server),
    })
}

async fn ask() -> anyhow::Result<reqwest::Result<Vec<u8>>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .context("cannot set up the HTTP client")?;
    let answer = client.get(format!("{USUAL}/healthz")).send().await;
    Ok(match answer {
        Ok(answer) => start_of(answer).await,
        Err(error) => Err(error),
    })
}

/// Reads no more than says who it is: a stranger's body may have no end.
async fn start_of(mut answer: reqwest::Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < HEALTH_MAX
        && let Some(chunk) = answer.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn is_slow_api(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|health| health["service"] == "slow-api")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_that_names_itself_is_used() {
        assert!(is_slow_api(br#"{"version": "1", "service": "slow-api"}"#));
        assert!(!is_slow_api(br#"{"service": "other"}"#));
        assert!(!is_slow_api(b"<html>slow-api</html>"));
        assert!(!is_slow_api(b"[]"));
    }
}
