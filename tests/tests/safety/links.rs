//! A typed private seed opens its own host and port, and no other door of the machine.

use std::net::Ipv4Addr;

use crate::crawl::{Crawled, crawl};
use crate::dns::NameServer;
use crate::forbidden::Forbidden;
use crate::site::{Site, nothing, page, redirect};

/// Crawls a site on 127.0.0.1 that was typed, and that leads to another port in all ways there are.
async fn crawl_to(forbidden: &Forbidden, flags: &[&str]) -> Crawled {
    let to = forbidden.port();
    let site = Site::start(Ipv4Addr::LOCALHOST, move |_, path| match path {
        "/" => page(&[
            "/inside".to_owned(),
            "/redirect".to_owned(),
            format!("http://127.0.0.1:{to}/port"),
            format!("http://2130706433:{to}/decimal"),
            format!("http://0x7f000001:{to}/hexadecimal"),
            format!("http://0177.0.0.1:{to}/octal"),
            format!("http://127.1:{to}/short"),
            format!("http://localhost:{to}/name"),
            format!("http://inside.test:{to}/name"),
            format!("http://[::ffff:127.0.0.1]:{to}/mapped"),
        ]),
        "/redirect" => redirect(&format!("http://127.0.0.1:{to}/redirected")),
        "/inside" => page(&[]),
        _ => nothing(),
    })
    .await;
    let dns = NameServer::start(|name| (name == "inside.test").then_some(Ipv4Addr::LOCALHOST));
    let seed = format!("http://127.0.0.1:{}/", site.port());
    let crawled = crawl(&seed, &dns.await.address(), flags).await;
    crawled.check(&seed, "fetched");
    crawled.check(&format!("{seed}inside"), "fetched");
    crawled
}

const LOOPBACK: [&str; 6] = [
    "port",
    "decimal",
    "hexadecimal",
    "octal",
    "short",
    "redirected",
];

#[tokio::test]
async fn no_link_from_a_typed_seed_reaches_another_port_of_its_machine() {
    let forbidden = Forbidden::start(0).await;
    let to = forbidden.port();
    for flags in [
        &[][..],
        &["--ignore-robots"],
        &["--allow-net", "10.0.0.0/8"],
    ] {
        let crawled = crawl_to(&forbidden, flags).await;
        for path in LOOPBACK {
            crawled.check(&format!("http://127.0.0.1:{to}/{path}"), "address-loopback");
        }
        crawled.check(&format!("http://localhost:{to}/name"), "address-loopback");
        crawled.check(&format!("http://inside.test:{to}/name"), "address-loopback");
        crawled.check(
            &format!("http://[::ffff:7f00:1]:{to}/mapped"),
            "address-embedded",
        );
        assert_eq!((forbidden.connections(), crawled.code), (0, 0), "{flags:?}");
    }
}

#[tokio::test]
async fn what_is_allowed_is_reached() {
    let forbidden = Forbidden::start(0).await;
    let to = forbidden.port();
    for flags in [&["--allow-private"][..], &["--allow-net", "127.0.0.0/8"]] {
        let before = forbidden.connections();
        let crawled = crawl_to(&forbidden, flags).await;
        for path in LOOPBACK {
            crawled.check(&format!("http://127.0.0.1:{to}/{path}"), "fetched");
        }
        crawled.check(&format!("http://inside.test:{to}/name"), "fetched");
        assert!(forbidden.connections() > before, "{flags:?}");
    }
}

#[tokio::test]
async fn networks_of_others_are_refused_by_what_they_are_for() {
    let links = [
        ("http://10.0.0.1/", "address-private"),
        ("http://192.168.1.1/", "address-private"),
        ("http://169.254.169.254/latest/", "address-link-local"),
        ("http://100.64.0.1/", "address-shared"),
        ("http://0.0.0.0/", "address-unspecified"),
        ("http://224.0.0.1/", "address-multicast"),
        ("http://[::1]/", "address-loopback"),
        ("http://[fd00::1]/", "address-private"),
        ("http://[fe80::1]/", "address-link-local"),
    ];
    let urls: Vec<_> = links.iter().map(|(url, _)| (*url).to_owned()).collect();
    let reply = move |_: &str, path: &str| if path == "/" { page(&urls) } else { nothing() };
    let site = Site::start(Ipv4Addr::LOCALHOST, reply).await;
    let dns = NameServer::start(|_| None).await;
    let seed = format!("http://127.0.0.1:{}/", site.port());
    let crawled = crawl(&seed, &dns.address(), &[]).await;
    for (url, code) in links {
        crawled.check(url, code);
    }
}
