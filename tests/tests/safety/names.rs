//! Names and robots.txt of strangers lead nowhere either: the address that is checked is the one that is connected to.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::crawl::crawl;
use crate::dns::NameServer;
use crate::forbidden::Forbidden;
use crate::site::{Site, nothing, page, redirect};

/// What stands for the public internet.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const ALLOWED: [&str; 2] = ["--allow-net", "127.0.0.2/32"];

#[tokio::test]
async fn a_name_that_is_rebound_after_its_robots_txt_is_refused() {
    let is_rebound = Arc::new(AtomicBool::new(false));
    let rebinds = Arc::clone(&is_rebound);
    let site = Site::start(PUBLIC, move |host, path| match (host, path) {
        ("rebound.test", "/robots.txt") => {
            rebinds.store(true, Ordering::SeqCst);
            nothing()
        }
        _ => nothing(),
    });
    let site = site.await;
    // The name leads to the same port of the forbidden address.
    let forbidden = Forbidden::start(site.port()).await;
    let port = site.port();
    let links = Site::start(PUBLIC, move |_, path| match path {
        "/" => page(&[format!("http://rebound.test:{port}/")]),
        _ => nothing(),
    });
    let links = links.await;
    let looked = Arc::clone(&is_rebound);
    let dns = NameServer::start(move |name| match name {
        "rebound.test" if looked.load(Ordering::SeqCst) => Some(Ipv4Addr::LOCALHOST),
        _ => Some(PUBLIC),
    });
    let seed = format!("http://seed.test:{}/", links.port());
    let crawled = crawl(&seed, &dns.await.address(), &ALLOWED).await;
    assert!(is_rebound.load(Ordering::SeqCst));
    crawled.check(&seed, "fetched");
    crawled.check(&format!("http://rebound.test:{port}/"), "address-loopback");
    assert_eq!((forbidden.connections(), crawled.code), (0, 0));
}

#[tokio::test]
async fn a_name_with_an_underscore_is_looked_up_though_no_host_should_have_it() {
    let site = Site::start(PUBLIC, |_, _| nothing()).await;
    let dns = NameServer::start(|_| Some(PUBLIC)).await;
    let seed = format!("http://under_score.test:{}/", site.port());
    let crawled = crawl(&seed, &dns.address(), &ALLOWED).await;
    crawled.check(&seed, "fetched");
}

#[tokio::test]
async fn a_robots_txt_that_leads_inside_is_not_followed() {
    let forbidden = Forbidden::start(0).await;
    let to = forbidden.port();
    let site = Site::start(PUBLIC, move |_, path| match path {
        "/robots.txt" => redirect(&format!("http://inside.test:{to}/robots.txt")),
        _ => page(&[]),
    });
    let site = site.await;
    let port = site.port();
    let links = Site::start(PUBLIC, move |_, path| match path {
        "/" => page(&[format!("http://led.test:{port}/")]),
        _ => nothing(),
    });
    let links = links.await;
    let dns = NameServer::start(|name| match name {
        "inside.test" => Some(Ipv4Addr::LOCALHOST),
        _ => Some(PUBLIC),
    });
    let seed = format!("http://seed.test:{}/", links.port());
    let crawled = crawl(&seed, &dns.await.address(), &ALLOWED).await;
    crawled.check(&seed, "fetched");
    crawled.check(&format!("http://led.test:{port}/"), "address-loopback");
    assert_eq!((forbidden.connections(), crawled.code), (0, 0));
}
