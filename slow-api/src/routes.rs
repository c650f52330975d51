//! The routes: what is asked at which path, and the JSON that answers it.
//!
//! | path | methods | answer |
//! |---|---|---|
//! | `/api/crawl?url=U` | GET, HEAD | after the delay `{"message": "Processed U"}`, or a failure |
//! | `/api/stats` | GET, HEAD | the counts of `/api/crawl` |
//! | `/api/stats/reset` | POST | `{"reset": true}` |
//! | `/stats` | GET, HEAD | what was asked of the local web |
//! | `/stats/reset` | POST | `{"reset": true}` |
//! | `/healthz` | GET, HEAD | the service's name and version |
//!
//! A HEAD is treated, delayed and counted as its GET. Every error is `{"error": "…"}`.

use std::convert::Infallible;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use warp::filters::BoxedFilter;
use warp::http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Reply};

use crate::decision::{Decision, Outcome, decide};
use crate::options::Options;
use crate::query;
use crate::stats::Stats;
use crate::web::WebLog;

pub(crate) const READ: [Method; 2] = [Method::GET, Method::HEAD];
const POST: [Method; 1] = [Method::POST];

pub(crate) fn routes(options: Options, stats: Stats, web: WebLog) -> BoxedFilter<(Response,)> {
    let (to_show, to_reset) = (stats.clone(), stats.clone());
    let (web_to_show, web_to_reset) = (web.clone(), web);
    let options = Arc::new(options);
    let crawl = warp::path!("api" / "crawl")
        .and(warp::method())
        .and(query_string())
        .then(move |method, query| crawl(options.clone(), stats.clone(), method, query));
    let show_api = warp::path!("api" / "stats")
        .and(warp::method())
        .then(move |method| {
            let stats = to_show.clone();
            show(method, move || stats.snapshot())
        });
    let reset_api = warp::path!("api" / "stats" / "reset")
        .and(warp::method())
        .map(move |method| reset(&method, || to_reset.reset()));
    let show_web = warp::path!("stats")
        .and(warp::method())
        .then(move |method| {
            let web = web_to_show.clone();
            show(method, move || web.snapshot())
        });
    let reset_web = warp::path!("stats" / "reset")
        .and(warp::method())
        .map(move |method| reset(&method, || web_to_reset.reset()));
    let health = warp::path!("healthz")
        .and(warp::method())
        .map(|method: Method| health(&method));
    // Without its path: `warp::path::full` panics on a CONNECT, which has none.
    let unknown = warp::any().map(|| error(StatusCode::NOT_FOUND, "there is nothing at this path"));
    crawl
        .or(show_api)
        .unify()
        .or(reset_api)
        .unify()
        .or(show_web)
        .unify()
        .or(reset_web)
        .unify()
        .or(health)
        .unify()
        .or(unknown)
        .unify()
        .boxed()
}

/// Takes the query string as it came, empty when there is none.
fn query_string() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or_else(|_missing| async { Ok((String::new(),)) })
}

async fn crawl(options: Arc<Options>, stats: Stats, method: Method, query: String) -> Response {
    if !READ.contains(&method) {
        return not_allowed(&method, &READ);
    }
    let url = match query::url(&query) {
        Ok(url) => url,
        Err(refused) => return error(refused.status(), &refused.to_string()),
    };
    // Thousands wait at once: what is read is not kept over the delay.
    drop(query);
    let in_flight = stats.begin(&url);
    let Decision { delay, outcome } = decide(&options, &url, in_flight.nth());
    tokio::time::sleep(delay).await;
    in_flight.answered(outcome);
    match outcome {
        Outcome::Success => answer(
            StatusCode::OK,
            &json!({"message": format!("Processed {url}")}),
        ),
        Outcome::Failure => failure(&options),
    }
}

fn failure(options: &Options) -> Response {
    let status = StatusCode::from_u16(options.failure_status.as_u16())
        .expect("a failure's status is from 400 to 599");
    let mut response = error(status, "failed on purpose");
    if let Some(seconds) = options.retry_after_seconds {
        let _none = response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

async fn show<S: Serialize>(
    method: Method,
    snapshot: impl FnOnce() -> S + Send + 'static,
) -> Response {
    if !READ.contains(&method) {
        return not_allowed(&method, &READ);
    }
    // A million URLs take longer to sort and write than the executor may be blocked.
    tokio::task::spawn_blocking(move || answer(StatusCode::OK, &snapshot()))
        .await
        .unwrap_or_else(|_| error(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping"))
}

fn reset(method: &Method, reset: impl FnOnce()) -> Response {
    if !POST.contains(method) {
        return not_allowed(method, &POST);
    }
    reset();
    answer(StatusCode::OK, &json!({"reset": true}))
}

fn health(method: &Method) -> Response {
    if !READ.contains(method) {
        return not_allowed(method, &READ);
    }
    answer(
        StatusCode::OK,
        &json!({"service": "slow-api", "version": env!("CARGO_PKG_VERSION")}),
    )
}

pub(crate) fn not_allowed(method: &Method, allowed: &[Method]) -> Response {
    let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
    let allowed = allowed.join(", ");
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("{method} is not allowed here, only {allowed}"),
    );
    let allowed = HeaderValue::from_str(&allowed).expect("names of methods are header text");
    let _none = response.headers_mut().insert(ALLOW, allowed);
    response
}

fn error(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({"error": why}))
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    warp::reply::with_status(warp::reply::json(body), status).into_response()
}
