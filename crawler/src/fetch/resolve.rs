//! Names to addresses: looked up by ourselves, so that the address that is checked is the one that is connected to.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hyper_util::client::legacy::connect::dns;
use thiserror::Error;
use tower_service::Service;

use crate::policy::address::AllowedAddresses;

/// Why names can't be looked up.
#[derive(Debug, Error)]
#[error("cannot read how this machine looks names up: name a server with --dns")]
pub struct NamesError(#[source] Box<dyn Error + Send + Sync>);

/// Looks names up: as the machine is set up, or with one server.
#[derive(Debug, Clone)]
pub struct Names(TokioResolver);

impl Names {
    /// Looks names up as the machine is set up.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when that can't be read.
    pub fn of_machine() -> Result<Self, NamesError> {
        let build = TokioResolver::builder(TokioRuntimeProvider::default());
        let resolver = build.and_then(|build| build.build());
        resolver.map(Self).map_err(|error| NamesError(error.into()))
    }

    /// Asks one server, over UDP, and TCP where an answer is long.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when the resolver can't be set up.
    pub fn of_server(server: SocketAddr) -> Result<Self, NamesError> {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut config.connections {
            connection.port = server.port();
        }
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![config]);
        let build = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = build.build();
        resolver.map(Self).map_err(|error| NamesError(error.into()))
    }

    /// Looks a name up.
    ///
    /// # Errors
    ///
    /// What is known of why it has no address, in words.
    pub async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Box<dyn Error + Send + Sync>> {
        // Some have an `_`, which no host should have, and browsers find them.
        let name = Name::from_str_relaxed(name).map_err(|error| error.to_string())?;
        let found = self.0.lookup_ip(name).await;
        let found = found.map_err(|error| words(&error))?;
        Ok(found.iter().collect())
    }
}

/// Says why a name has no address: the resolver's own words hold its whole question.
fn words(error: &NetError) -> String {
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Timeout => return "no name server answered in time".to_owned(),
        NetError::NoConnections => return "no name server can be reached".to_owned(),
        other => return other.to_string(),
    };
    match code {
        ResponseCode::NXDomain => "there is no such name".to_owned(),
        ResponseCode::NoError => "the name has no address".to_owned(),
        code => format!("a name server answered: {code}"),
    }
}

/// The names of a client that connects to allowed addresses alone.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) names: Names,
    /// `None` where every address is allowed: for a host and port that the user typed.
    pub(super) allowed: Option<Arc<AllowedAddresses>>,
}

impl Checked {
    pub(super) async fn addresses(
        &self,
        name: &str,
    ) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let mut refused = None;
        let mut addresses = self.names.look_up(name).await?;
        if let Some(allowed) = &self.allowed {
            addresses.retain(|address| match allowed.check_address(*address) {
                Ok(()) => true,
                Err(error) => {
                    refused = Some(error);
                    false
                }
            });
        }
        match refused {
            // One address in many that is no server's is a mistake; none that is, is an answer.
            Some(refused) if addresses.is_empty() => Err(refused.into()),
            _ => Ok(addresses
                .into_iter()
                .map(|ip| SocketAddr::new(ip, 0))
                .collect()),
        }
    }
}

impl Service<dns::Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        let checked = self.clone();
        Box::pin(async move {
            let addresses = checked.addresses(name.as_str()).await?;
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::net::NoRecords;
    use hickory_resolver::proto::op::Query;

    use super::*;

    #[test]
    fn why_a_name_has_no_address_is_told_in_words_and_not_with_the_question() {
        fn check(error: &NetError, expected: &str) {
            assert_eq!(words(error), expected);
        }
        let none = |code| {
            let none = NoRecords::new(Query::default(), code);
            NetError::Dns(DnsError::NoRecordsFound(none))
        };
        check(&none(ResponseCode::NXDomain), "there is no such name");
        check(&none(ResponseCode::NoError), "the name has no address");
        check(&NetError::Timeout, "no name server answered in time");
        check(&NetError::NoConnections, "no name server can be reached");
        let failing = none(ResponseCode::ServFail);
        check(&failing, "a name server answered: Server Failure");
    }
}
