//! Answers a request: one of the API by its routes, one of the local web by what its host decides.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::{Bytes, Incoming};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use warp::filters::BoxedFilter;
use warp::http::{Request, Response, StatusCode, Uri};

use crate::play::Played;
use crate::routes::{READ, not_allowed};
use crate::web::{Asked, Host, Refusal, Reply, Visit, VisitLog, owns, refuse};

/// What answers the requests of one host.
#[derive(Clone)]
pub(crate) struct Responder {
    pub(crate) routes: BoxedFilter<(warp::reply::Response,)>,
    pub(crate) host: Arc<Host>,
    pub(crate) log: VisitLog,
}

/// An answer, by who gave it.
pub(crate) enum Responded {
    Api(warp::reply::Response),
    Web(Response<Bytes>, Visit),
}

impl Responder {
    /// Answers a request; one whose answer is a script never is: the script goes to `scripts`, and whoever reads
    /// them takes the connection away.
    pub(crate) async fn respond(
        self,
        request: Request<Incoming>,
        scripts: mpsc::Sender<Played>,
    ) -> Responded {
        if !owns(request.uri().path()) {
            let service = TowerToHyperService::new(warp::service(self.routes));
            let responded: Result<_, Infallible> = service.call(request).await;
            return Responded::Api(responded.unwrap_or_else(|never| match never {}));
        }
        if !READ.contains(request.method()) {
            return Responded::Api(not_allowed(request.method(), &READ));
        }
        let path = request.uri().path();
        let path_and_query = request.uri().path_and_query();
        let visit = self.log.begin(
            path_and_query.map_or(path, |both| both.as_str()),
            self.host.kind(path),
        );
        match self.reply(request.uri(), visit.nth()).await {
            Ok(Reply::Answer { response, after }) => {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                Responded::Web(response, visit)
            }
            Ok(Reply::Script(script)) => {
                let _connection_ended = scripts.send(Played { script, visit }).await;
                std::future::pending().await
            }
            Err(refusal) => Responded::Web(refusal.response(), visit),
        }
    }

    async fn reply(&self, uri: &Uri, nth: u64) -> Result<Reply, Refusal> {
        if !self.host.is_slow_at(uri.path()) {
            return self.host.reply(&asked(uri, nth));
        }
        let (host, uri) = (self.host.clone(), uri.clone());
        tokio::task::spawn_blocking(move || host.reply(&asked(&uri, nth)))
            .await
            .unwrap_or_else(|_| {
                let why = "the service is stopping";
                Ok(refuse(StatusCode::SERVICE_UNAVAILABLE, why).into())
            })
    }
}

fn asked(uri: &Uri, nth: u64) -> Asked<'_> {
    Asked {
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        nth,
        now: SystemTime::now(),
    }
}
