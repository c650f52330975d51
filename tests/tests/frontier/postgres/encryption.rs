//! Encrypted connections to a real server, whose certificate an authority of the test's own has signed for `localhost`.

use std::error::Error as _;

use crawler::frontier::{Frontier, FrontierError, Job, PostgresOptions};
use tests::{Authority, Postgres};
use tokio_postgres::NoTls;

use super::number;

struct Server {
    authority: Authority,
    postgres: Postgres,
}

impl Server {
    fn start() -> Self {
        let authority = Authority::new();
        let postgres = Postgres::encrypted(&authority.certify("DNS:localhost"));
        Self {
            authority,
            postgres,
        }
    }

    /// Returns its URL under this name of its host.
    fn url(&self, host: &str, query: &str) -> String {
        let url = self.postgres.tcp_url(Postgres::PASSWORD);
        format!("{}?{query}", url.replace("127.0.0.1", host))
    }
}

/// Begins a crawl, and returns whether its connections are encrypted.
async fn is_encrypted(server: &Server, host: &str, query: &str) -> bool {
    let name = Postgres::crawl_name();
    let options = PostgresOptions::new(&server.url(host, query), &name).unwrap();
    let frontier = options.create(Job::default()).await.unwrap();
    frontier.stats().await.unwrap();
    let url = server.postgres.url();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let of_it = format!(
        "FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'crawler {name}'"
    );
    let all = number(&client, &format!("SELECT count(*) {of_it}")).await;
    let encrypted = number(&client, &format!("SELECT count(*) {of_it} AND ssl")).await;
    assert!(all > 0 && (encrypted == 0 || encrypted == all), "{query}");
    encrypted > 0
}

/// Fails to begin a crawl, and returns all that is told of it.
async fn refusal(url: &str) -> String {
    let options = PostgresOptions::new(url, "never").unwrap();
    let refused = options.create(Job::default()).await.unwrap_err();
    assert!(
        matches!(refused, FrontierError::Refused { .. }),
        "{refused:?}"
    );
    let told = format!("{refused}: {}", refused.source().unwrap());
    assert!(!format!("{told} {refused:?}").contains(Postgres::PASSWORD));
    told
}

#[tokio::test]
async fn connections_are_encrypted_as_the_address_says() {
    let server = Server::start();
    let own = format!("sslrootcert={}", server.authority.file().display());
    for (host, query, expected) in [
        ("localhost", "sslmode=disable".to_owned(), false),
        ("localhost", "sslmode=prefer".to_owned(), true),
        // Whoever answers is believed, also under a name that is not in the certificate.
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("localhost", format!("sslmode=verify-full&{own}"), true),
    ] {
        let is_encrypted = is_encrypted(&server, host, &query).await;
        assert_eq!(is_encrypted, expected, "{query}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_is_refused_and_it_is_said_what_to_do() {
    let server = Server::start();
    let other = Authority::new();
    let [own, other] = [&server.authority, &other].map(|authority| authority.file());
    let [own, other] = [own, other].map(|file| format!("sslrootcert={}", file.display()));
    for (host, query, words) in [
        ("localhost", other, ["UnknownIssuer", "with sslrootcert"]),
        (
            "localhost",
            String::new(),
            ["UnknownIssuer", "with sslrootcert"],
        ),
        (
            "127.0.0.1",
            own,
            ["not valid for name", "as its certificate names it"],
        ),
    ] {
        let url = server.url(host, &format!("sslmode=verify-full&{query}"));
        let told = refusal(&url).await;
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
    }
    let plain = Postgres::shared().tcp_url(Postgres::PASSWORD);
    let told = refusal(&format!("{plain}?sslmode=require")).await;
    assert!(told.contains("ssl = on") && told.contains("TLS"), "{told}");
}

#[tokio::test]
async fn a_file_of_authorities_that_is_none_is_told() {
    let plain = Postgres::shared().tcp_url(Postgres::PASSWORD);
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().display().to_string();
    for (file, why) in [
        ("/no/such/file", "No such file"),
        (&empty, "no certificate"),
    ] {
        let url = format!("{plain}?sslmode=verify-full&sslrootcert={file}");
        let options = PostgresOptions::new(&url, "never").unwrap();
        let told = options.open().await.unwrap_err().to_string();
        for words in [file, why, "sslrootcert"] {
            assert!(told.contains(words), "{told}");
        }
    }
}
