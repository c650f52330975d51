//! One request: what came back, and whether to try again.

use serde::Serialize;

use crate::source::Job;

/// What became of one URL.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) url: String,
    pub(crate) status: Option<u16>,
    pub(crate) attempts: u32,
    pub(crate) bytes: usize,
    pub(crate) error: Option<&'static str>,
    #[serde(skip)]
    pub(crate) is_retried: bool,
}

/// Fetches the job's page from the API and reads the body to its end, so that the connection is used again.
pub(crate) async fn fetch(client: &reqwest::Client, api: &url::Url, job: &Job) -> Outcome {
    let page = job.page();
    let mut url = api.clone();
    url.set_path("/api/crawl");
    url.query_pairs_mut().clear().append_pair("url", &page);
    let answer = async {
        let response = client.get(url).send().await?;
        let status = response.status().as_u16();
        response.bytes().await.map(|body| (status, body.len()))
    };
    let (status, bytes, error) = match answer.await {
        Ok((status, bytes)) => (Some(status), bytes, is_retried(status).then_some("status")),
        Err(error) => (None, 0, Some(class(&error))),
    };
    Outcome {
        url: page,
        status,
        attempts: job.attempt + 1,
        bytes,
        error,
        is_retried: error.is_some(),
    }
}

fn class(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "read"
    }
}

/// The statuses that may be better next time; any other is an answer.
const fn is_retried(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}
