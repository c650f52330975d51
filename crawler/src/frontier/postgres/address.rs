//! The address of a crawl: a server, a database and a name in it, taken apart and checked before anything is connected.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::frontier::{FrontierError, Place};

/// A server that does not take a connection within this is tried again later.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing for so long is gone. A node that is frozen within a transaction would else hold its
/// locks for hours.
const SILENT_MAX: Duration = Duration::from_secs(10);
/// A schema's name has at most 63 bytes, of which some are ours.
const NAME_MAX: usize = 40;

const FORM: &str = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, and in a user or password %40 for an \
                    at sign, %3A for a colon, %2F for a slash, %23 for a hash, %25 for a percent sign";

/// How far the server is believed to be the one it should be. Source: libpq, `sslmode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing is encrypted, or it is encrypted for whoever answers.
    Anyone,
    /// The certificate is checked with the name of the host, against the system's authorities or those of a file.
    Certified(Option<PathBuf>),
}

/// Where a crawl is, and how it is reached.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    server: String,
    crawl: String,
}

impl Address {
    /// Takes a URL and the name of a crawl apart.
    pub(super) fn parse(url: &str, crawl: &str) -> Result<Self, FrontierError> {
        check_name("crawl", crawl)?;
        let is_ours = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let (plain, security) = Security::take(url)?;
        // What is no address is not repeated: it may hold a password.
        let config: Option<Config> = is_ours.then(|| plain.parse().ok()).flatten();
        let mut config = config.ok_or_else(|| FrontierError::Address {
            what: "this is no address of a PostgreSQL database".to_owned(),
            help: FORM,
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(FrontierError::Address {
                what: "the address names no host".to_owned(),
                help: FORM,
            });
        }
        config.ssl_mode(security.mode);
        config.application_name(format!("crawler {crawl}"));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_MAX);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENT_MAX);
        }
        Ok(Self {
            server: server(&config),
            trust: security.trust,
            crawl: crawl.to_owned(),
            config,
        })
    }

    /// Returns it as it may be told.
    pub(super) fn place(&self) -> Place {
        Place::Database {
            server: self.server.clone(),
            crawl: self.crawl.clone(),
        }
    }

    /// Returns the schema of the crawl.
    pub(super) fn schema(&self) -> String {
        format!("crawl_{}", self.crawl)
    }
}

/// Checks a name that stands in the database, in logs and in tables.
pub(super) fn check_name(of: &str, name: &str) -> Result<(), FrontierError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(FrontierError::Address {
        what: format!("{name:?} is no name for a {of}"),
        help: "use 1 to 40 letters, digits, '-', '_' and '.'",
    })
}

/// What a URL says about encryption.
struct Security {
    mode: SslMode,
    trust: Trust,
}

impl Security {
    /// Takes what belongs to it out of a URL, for the client knows less of it.
    fn take(url: &str) -> Result<(String, Self), FrontierError> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut rest, mut mode, mut file) = (Vec::new(), "prefer", None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) if value != "system" => {
                    file = Some(PathBuf::from(value));
                }
                Some(("sslrootcert", _)) => {}
                _ => rest.push(pair),
            }
        }
        let (mode, trust) = match (mode, file) {
            ("disable", _) => (SslMode::Disable, Trust::Anyone),
            ("allow" | "prefer", _) => (SslMode::Prefer, Trust::Anyone),
            ("require", None) => (SslMode::Require, Trust::Anyone),
            // With an authority at hand it is asked, as libpq does; and a name is part of a certificate.
            ("require" | "verify-ca" | "verify-full", file) => {
                (SslMode::Require, Trust::Certified(file))
            }
            _ => {
                return Err(FrontierError::Address {
                    what: format!("sslmode={mode:?} is not known"),
                    help: "write disable, prefer, require or verify-full",
                });
            }
        };
        let rest = rest.join("&");
        let plain = if rest.is_empty() {
            place.to_owned()
        } else {
            format!("{place}?{rest}")
        };
        Ok((plain, Self { mode, trust }))
    }
}

/// Returns the hosts with their ports and the database, without user and password.
fn server(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let hosts: Vec<_> = hosts.collect();
    let database = config.get_dbname().or(config.get_user());
    format!("{}/{}", hosts.join(","), database.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url, "news").unwrap()
    }

    #[test]
    fn a_place_is_told_without_user_and_password() {
        let told = |url| parse(url).place().to_string();
        assert_eq!(
            told("postgres://me:secret@db.example:6000/web"),
            "crawl news in postgres://db.example:6000/web"
        );
        assert_eq!(
            told("postgresql://me:secret@/web?host=/run/pg&port=7000"),
            "crawl news in postgres:///run/pg:7000/web"
        );
        assert_eq!(
            told("postgres://a:1,b:2/web"),
            "crawl news in postgres://a:1,b:2/web"
        );
    }

    #[test]
    fn the_mode_of_encryption_is_honoured() {
        fn check(query: &str, mode: SslMode, trust: &Trust) {
            let address = parse(&format!("postgres://h/web{query}"));
            assert_eq!(address.config.get_ssl_mode(), mode, "{query}");
            assert_eq!(address.trust, *trust, "{query}");
        }
        let any = Trust::Anyone;
        check("", SslMode::Prefer, &any);
        check("?sslmode=disable", SslMode::Disable, &any);
        check("?sslmode=prefer&connect_timeout=3", SslMode::Prefer, &any);
        check("?sslmode=require", SslMode::Require, &any);
        let certified = Trust::Certified(None);
        check("?sslmode=verify-full", SslMode::Require, &certified);
        let full = "?sslmode=verify-full&sslrootcert=system";
        check(full, SslMode::Require, &certified);
        let own = Trust::Certified(Some(PathBuf::from("/ca.pem")));
        check(
            "?sslrootcert=/ca.pem&sslmode=verify-ca",
            SslMode::Require,
            &own,
        );
        check(
            "?sslmode=require&sslrootcert=/ca.pem",
            SslMode::Require,
            &own,
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "postgres://me:secret@h:port/web",
            "mysql://me:secret@h/web",
            "postgres://me:secret@h/web?sslmode=maybe",
            "postgres://me:secret@h/web?colour=red",
            "secret",
            "",
        ] {
            let refused = Address::parse(url, "news").unwrap_err();
            let told = format!("{refused} {refused:?}");
            assert!(
                matches!(refused, FrontierError::Address { .. }),
                "{url}: {told}"
            );
            assert!(!told.contains("secret"), "{told}");
        }
        for name in ["", "a b", "a\"; DROP", &"a".repeat(41)] {
            assert!(Address::parse("postgres://h/web", name).is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_of_it_tells_the_password() {
        let told = format!("{:?}", parse("postgres://me:secret@h/web"));
        assert!(!told.contains("secret"), "{told}");
    }
}
