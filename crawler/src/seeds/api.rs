//! Which slow API is asked: one that was named, the one on port 4000, or one started in this process.

use std::time::Duration;

use anyhow::Context as _;
use url::Url;

use crate::web_url::WebUrl;

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

impl Api {
    /// Returns the URL that asks it for a page, by its number.
    ///
    /// # Errors
    ///
    /// When the API's own URL is too long for that.
    pub(crate) fn page(&self, number: usize) -> anyhow::Result<WebUrl> {
        let mut url = self.url.clone();
        let base = self.url.path().trim_end_matches('/');
        url.set_path(&format!("{base}/api/crawl"));
        let page = format!("https://example.com/page{number}");
        url.query_pairs_mut().clear().append_pair("url", &page);
        WebUrl::parse(url.as_str()).context("--api can't be asked")
    }
}

/// Finds the slow API, or starts one where it may end with this process.
pub(crate) async fn find(named: Option<Url>, may_start: bool) -> anyhow::Result<Api> {
    if let Some(url) = named {
        return Ok(Api {
            line: format!("using the API at {url}"),
            own: None,
            url,
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
    anyhow::ensure!(
        may_start,
        "{why}, and one of this process would be gone when the job is resumed or shared; start cargo run -p slow-api, or \
         name one with --api"
    );
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
    fn a_page_is_asked_for_percent_encoded_below_the_apis_own_path() {
        let api = Api {
            url: Url::parse("http://h:1/base/").unwrap(),
            own: None,
            line: String::new(),
        };
        assert_eq!(
            api.page(100).unwrap().as_str(),
            "http://h:1/base/api/crawl?url=https%3A%2F%2Fexample.com%2Fpage100"
        );
    }

    #[test]
    fn only_a_service_that_names_itself_is_used() {
        assert!(is_slow_api(br#"{"version": "1", "service": "slow-api"}"#));
        assert!(!is_slow_api(br#"{"service": "other"}"#));
        assert!(!is_slow_api(b"<html>slow-api</html>"));
        assert!(!is_slow_api(b"[]"));
    }
}
