//! Whatever is wrong with the address of a database, or with what it may do there: each is told in words that say what
//! to change, without the password.

use std::process::Stdio;

use tests::{Crawler, Postgres, program};
use tokio::process::Command;
use tokio_postgres::NoTls;

/// Makes a user who may do nothing, and returns the server's port.
async fn guest(server: &Postgres) -> u16 {
    let url = server.tcp_url(Postgres::PASSWORD);
    let (client, connection) = tokio_postgres::connect(&url, NoTls)
        .await
        .expect("it listens");
    tokio::spawn(connection);
    let guest = "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'hunter2'";
    client.batch_execute(guest).await.expect("it may");
    let config: tokio_postgres::Config = url.parse().expect("a URL");
    config.get_ports()[0]
}

#[tokio::test]
async fn each_refusal_is_told_with_what_to_change_and_without_the_password() {
    let server = tokio::task::spawn_blocking(Postgres::shared)
        .await
        .expect("a server starts");
    let port = guest(server).await;
    let own = |rest: &str| {
        format!(
            "postgres://crawler:{}@127.0.0.1:{port}{rest}",
            Postgres::PASSWORD
        )
    };
    let guest = |rest: &str| format!("postgres://guest:hunter2@127.0.0.1:{port}{rest}");
    let write = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE";
    let table: &[(String, &[&str])] = &[
        ("hunter2".to_owned(), &["no address of a PostgreSQL", write]),
        (
            "http://ann:hunter2@h/web".to_owned(),
            &["no address", write],
        ),
        (
            "postgres://ann:hun@ter2:h/web".to_owned(),
            &["no address", "%40 for an at sign"],
        ),
        (guest("/web?colour=red"), &["no address", write]),
        ("postgres:///web".to_owned(), &["names no host", write]),
        (
            guest("/web?sslmode=maybe"),
            &["sslmode=\"maybe\" is not known", "verify-full"],
        ),
        (
            "postgres://ann:hunter2@127.0.0.1:1/web".to_owned(),
            &[
                "cannot reach",
                "127.0.0.1:1/web",
                "the server runs",
                "Connection refused",
            ],
        ),
        (
            "postgres://ann:hunter2@db.invalid/web".to_owned(),
            &[
                "cannot reach",
                "db.invalid:5432/web",
                "Name or service not known",
            ],
        ),
        (
            guest("/postgres").replace("hunter2", "hunter3"),
            &[
                "see the user and the password",
                "password authentication failed for user \"guest\"",
            ],
        ),
        (
            own("/nowhere"),
            &[
                "make the database first",
                "database \"nowhere\" does not exist",
            ],
        ),
        (
            guest("/postgres"),
            &[
                "GRANT CREATE ON DATABASE",
                "permission denied for database postgres",
            ],
        ),
        (
            own("/postgres?sslmode=require"),
            &["ssl = on", "sslmode=disable", "does not support TLS"],
        ),
    ];
    for (url, words) in table {
        let folder = tempfile::tempdir().expect("room");
        let mut command = Command::new(program("crawler"));
        let args = [
            "crawl",
            "http://127.0.0.1:1/",
            "--crawl",
            "refused",
            "--frontier",
            url,
        ];
        let command = command.args(args).current_dir(folder.path());
        let ended = Crawler::spawn(command.stdin(Stdio::null())).ended().await;
        let told = ended.stderr.trim_end();
        assert_eq!(ended.code(), 2, "{told}");
        for word in *words {
            assert!(told.contains(word), "{url}: no {word:?} in: {told}");
        }
        assert_eq!(told.lines().count(), 1, "{told}");
        for raw in [
            "hunter",
            Postgres::PASSWORD,
            "db error",
            "error connecting",
            "kind:",
            "WARN",
        ] {
            assert!(!told.contains(raw), "{raw:?} in: {told}");
        }
    }
}
