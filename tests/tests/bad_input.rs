//! Whatever is wrong with what the crawler is given: it says what and where, and ends with the right code.

use std::path::Path;

use tests::{Crawler, Ended, program, text};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Runs the crawler in `folder`, where nothing may listen on port 1, and looks for its code and words.
async fn check(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let mut command = Command::new(program("crawler"));
    let ended = Crawler::spawn(command.current_dir(folder).args(args))
        .ended()
        .await;
    assert_eq!(ended.code(), code, "{args:?}: {}", ended.stderr);
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "{args:?} does not say {word:?}: {}",
            ended.stderr
        );
    }
    for secret in ["hunter2", "ann:"] {
        assert!(!ended.stderr.contains(secret), "{args:?}: {}", ended.stderr);
        assert!(!ended.stdout.contains(secret), "{args:?}: {}", ended.stdout);
    }
}

/// Runs a line of the shell, where `$0` is the crawler and what follows are `args`.
async fn shell(line: &str, args: &[&str]) -> Ended {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .arg(program("crawler"))
        .args(args);
    Crawler::spawn(&mut command).ended().await
}

#[tokio::test]
async fn each_is_told_with_what_where_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).expect("room");
    write("empty", b"# nothing\n\n");
    write("rubbish", b"http://127.0.0.1:1/\nann:hunter2\nnot a url\n");
    write("latin1", b"http://127.0.0.1:1/\nhttp://h/caf\xe9\n");
    write("one", b"http://127.0.0.1:1/\n");
    write("secret", b"http://ann:hunter2@127.0.0.1:1/a\n");
    write("diary", b"dear diary\n");
    std::fs::create_dir(folder.join("a-folder")).expect("room");
    let nobody = "http://ann:hunter2@127.0.0.1:1";

    let table: &[(&[&str], i32, &[&str])] = &[
        (&["--bogus"], 2, &["--bogus", "--help"]),
        (&[nobody], 2, &["without a flag", "give --urls FILE"]),
        (&["--quiet", "ann:hunter2@h"], 2, &["give --urls FILE"]),
        (&["--count", nobody], 2, &["'http://***@127.0.0.1:1'"]),
        (&["--timeout", nobody], 2, &["--timeout"]),
        (&["--concurrency", "ann:hunter2@h"], 2, &["'***@h'"]),
        (&["--log=http://ann:hunter2@h"], 2, &["--log"]),
        (&["--http://ann:hunter2@h"], 2, &["unexpected argument"]),
        (&["--urls", nobody], 2, &["cannot read", "http://***@"]),
        (
            &["--urls", "one", "-o", nobody],
            2,
            &["names no format", "-o"],
        ),
        (
            &["--urls", "/dev/zero"],
            2,
            &["/dev/zero", "line 1 is longer", "no list of URLs"],
        ),
        (&["--concurrency", "0"], 2, &["--concurrency", "at least 1"]),
        (&["--concurrency", "many"], 2, &["whole number"]),
        (&["--count", "0"], 2, &["--count", "at least 1"]),
        (&["--timeout", "5h"], 2, &["--timeout", "ms, s or m"]),
        (&["--retries=-1"], 2, &["--retries", "a whole number"]),
        (&["--retries", "70000"], 2, &["--retries", "write less"]),
        (&["--dns", "127.0.0.1"], 2, &["--dns", "127.0.0.1:53"]),
        (&["--dns", "ann:hunter2@h"], 2, &["--dns", "its port"]),
        (
            &["crawl", "example.com"],
            2,
            &["seed 1", "does not begin with http:// or https://"],
        ),
        (
            &["resume"],
            2,
            &["no job is kept here", "crawler resume DIR"],
        ),
        (
            &["crawl", "http://h/", "--depth", "deep"],
            2,
            &["--depth", "a whole number"],
        ),
        (
            &["crawl", "http://h/", "--pages", "1e6"],
            2,
            &["--pages", "a whole number"],
        ),
        (
            &["crawl", "http://h/", "--allow-net", "10.1.2.3"],
            2,
            &["--allow-net", "10.1.2.3/32"],
        ),
        (
            &["--urls", "one", "--count", "3"],
            2,
            &["cannot be used with"],
        ),
        (
            &["--api", "ann:hunter2"],
            2,
            &["--api", "http://127.0.0.1:4000"],
        ),
        (
            &["--urls", "missing"],
            2,
            &["missing", "No such file", "check the path"],
        ),
        (&["--urls", "a-folder"], 2, &["a-folder", "directory"]),
        (
            &["--urls", "empty"],
            2,
            &["empty holds no URLs", "one a line"],
        ),
        (&["--urls", "-"], 2, &["standard input holds no URLs"]),
        (
            &["--urls", "one", "-o", "no/such/folder"],
            2,
            &["cannot write no/such/folder", "make its folder", "-o"],
        ),
        (
            &["--urls", "one", "-o", "./one"],
            2,
            &["./one holds the URLs"],
        ),
        (
            &["--urls", "one", "--job", "diary"],
            2,
            &["cannot make the folder diary"],
        ),
        (
            &["--urls", "one", "-o", "diary"],
            2,
            &["diary", "holds what this job has not written", "--fresh"],
        ),
        (&["--rate", "3/h"], 2, &["--rate", "200/s or 30/m"]),
        (
            &["--rate", "3/s", "--pace", "1s"],
            2,
            &["cannot be used with"],
        ),
        (&["--every", "0s"], 2, &["--every", "at least 1ms"]),
        (
            &["--api", nobody],
            2,
            &["--api", "a user name or a password"],
        ),
        (
            &["--urls", "rubbish", "--retries", "0"],
            1,
            &["line 2: neither", "line 3: not a URL; write a full one"],
        ),
        (
            &["--urls", "latin1", "--retries", "0"],
            1,
            &["line 2: not UTF-8; save the list as UTF-8"],
        ),
        (
            &["--urls", "one", "--retries", "0"],
            1,
            &[
                "1 failed (connect)",
                "http://127.0.0.1:1/",
                "refused",
                "server runs",
            ],
        ),
        (
            &["--urls", "one", "--retries", "0", "--quiet"],
            1,
            &["1 failed (connect)"],
        ),
        (
            &["--urls", "secret", "--retries", "0"],
            1,
            &["http://127.0.0.1:1/a"],
        ),
        (
            &["--api", "http://127.0.0.1:1", "--retries", "0"],
            1,
            &[
                "using the API at http://127.0.0.1:1/",
                "100 failed (connect)",
            ],
        ),
    ];
    for (args, code, words) in table {
        check(folder, args, *code, words).await;
    }
    let diary = std::fs::read(folder.join("diary")).expect("it is there");
    assert_eq!(diary, b"dear diary\n", "what is not ours stays as it was");
}

#[tokio::test]
async fn a_list_is_not_overwritten_whatever_it_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let [list, link] = ["list", "link"].map(|name| folder.path().join(name));
    let text = "http://127.0.0.1:1/\n";
    std::fs::write(&list, text).expect("room");
    std::fs::hard_link(&list, &link).expect("links");
    for line in [
        r#""$0" --retries 0 --urls list -o link"#,
        r#""$0" --retries 0 --urls - -o list <list"#,
        r#""$0" --retries 0 --urls - -o link <list"#,
        r#""$0" --retries 0 --urls /dev/stdin -o list <list"#,
    ] {
        let mut command = Command::new("sh");
        let command = command.current_dir(folder.path());
        let ended = Crawler::spawn(command.arg("-c").arg(line).arg(program("crawler")))
            .ended()
            .await;
        assert_eq!(ended.code(), 2, "{line}: {}", ended.stderr);
        let is_told = ended.stderr.contains("holds the URLs");
        assert!(is_told, "{line}: {}", ended.stderr);
        let left = std::fs::read_to_string(&list).expect("it is there");
        assert_eq!(left, text, "{line}");
    }
}

#[tokio::test]
async fn results_that_cannot_be_written_are_work_left() {
    let api = tests::SlowApi::start(&["--delay-ms", "0"]).await;
    let base = ["--api", api.url()];
    let full = [&base[..], &["-o", "/dev/full"]].concat();
    let ended = Crawler::start(&full).ended().await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    for word in ["No space left", "make room", "--job DIR"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }

    let line = r#"{ "$0" --api "$1" --count 2000; echo "code $?" >&2; } | head -n 1"#;
    let ended = shell(line, &[api.url()]).await;
    assert_eq!(ended.stdout.lines().count(), 1);
    for word in [
        "standard output was closed",
        "run the same command again",
        "code 3",
    ] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("p.jsonl");
    let line = r#"mkfifo "$2"; head -n 1 "$2" >/dev/null & "$0" --api "$1" --count 2000 -o "$2""#;
    let ended = shell(line, &[api.url(), text(&pipe)]).await;
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let words = format!("the reader of {} has gone", pipe.display());
    assert!(ended.stderr.contains(&words), "{}", ended.stderr);
}

#[tokio::test]
async fn a_standard_error_that_takes_nothing_changes_nothing() {
    let api = tests::SlowApi::start(&["--delay-ms", "0"]).await;
    for target in ["2>&-", "2>/dev/full"] {
        let line = format!(r#"RUST_LOG=trace "$0" --api "$1" {target}"#);
        let ended = shell(&line, &[api.url()]).await;
        assert_eq!(ended.code(), 0, "{target}");
        assert_eq!(tests::urls_in(&ended.stdout).len(), 100, "{target}");
    }
}

#[tokio::test]
async fn too_few_open_files_are_said_and_lower_the_concurrency() {
    let api = tests::SlowApi::start(&["--delay-ms", "50"]).await;
    let line = r#"ulimit -n 80 && "$0" --api "$1" --concurrency 1000"#;
    let ended = shell(line, &[api.url()]).await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    for word in ["80 open files", "at most 16 requests", "ulimit -n"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    assert_eq!(api.stats().await["max_in_flight"], 16);
}

#[tokio::test]
async fn a_stranger_on_port_4000_is_named_and_left_alone() {
    // When the port is in use already, whatever listens there is the stranger, or a slow API.
    let Ok(stranger) = TcpListener::bind("127.0.0.1:4000").await else {
        return;
    };
    let shut = tokio::spawn(async move {
        while let Ok((connection, _)) = stranger.accept().await {
            drop(connection);
        }
    });
    let mut crawler = Crawler::start(&["--count", "1"]);
    crawler
        .says("what listens on port 4000 is no slow API and is left alone; started a slow API at")
        .await;
    shut.abort();
}
