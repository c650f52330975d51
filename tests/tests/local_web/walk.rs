//! Walks over the sites: what is said to be reachable is what a polite visitor finds, over all hosts.

use std::collections::BTreeSet;

use reqwest::Url;
use slow_api::{Page, Server, Site, WebOptions};

use crate::visitor::{client, counts_of, get, header, hosts, start};

/// Reads the links of a page that may be followed.
fn followed(html: &str, at: &Url) -> Vec<Url> {
    let anchors = html.split("<a ").chain(html.split("<A ")).skip(1);
    let tags = anchors.filter_map(|anchor| anchor.split_once('>').map(|(tag, _)| tag));
    let links = tags
        .filter(|tag| !tag.contains("nofollow"))
        .filter_map(|tag| {
            let (_, value) = tag
                .split_once("href=")
                .or_else(|| tag.split_once("HREF="))?;
            let value = value.trim_matches(['"', '\'']);
            let value = value
                .replace("&#x2F;", "/")
                .replace("&#47;", "/")
                .replace("&amp;", "&");
            let mut url = at.join(&value).unwrap();
            url.set_fragment(None);
            Some(url)
        });
    links.collect()
}

async fn walk(from: &str) -> BTreeSet<Url> {
    let client = client();
    let mut seen = BTreeSet::new();
    let mut ahead = vec![Url::parse(from).unwrap()];
    while let Some(url) = ahead.pop() {
        if url.path().starts_with("/site/private") || !seen.insert(url.clone()) {
            continue;
        }
        let answer = client.get(url.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        assert_eq!(
            header(&answer, "content-type"),
            Some("text/html; charset=utf-8")
        );
        ahead.extend(followed(&answer.text().await.unwrap(), &url));
    }
    seen
}

fn reachable(server: &Server, web: &WebOptions, host: usize) -> BTreeSet<Url> {
    let (site, address) = (web.site_of(host), server.hosts()[host]);
    let pages = site.reachable().into_iter();
    let urls = pages.map(|page| format!("http://{address}{}", site.path(page)));
    urls.map(|url| Url::parse(&url).unwrap()).collect()
}

#[tokio::test]
async fn a_polite_walk_finds_what_is_reachable_on_every_host_and_each_page_once() {
    let web = WebOptions {
        hosts: hosts(2),
        site: Site {
            seed: 5,
            pages: 100,
            links: 12,
            page_bytes: 2_000,
        },
        ..WebOptions::default()
    };
    let server = start(web.clone()).await;
    let seen = walk(&format!("{}/site/page/0", server.url())).await;
    let expected: BTreeSet<_> = (0..2)
        .flat_map(|host| reachable(&server, &web, host))
        .collect();
    assert_eq!(expected.len(), 190);
    assert_eq!(seen, expected);
    for host in 0..2 {
        let counts = counts_of(&server, host);
        assert_eq!((counts.disallowed, counts.unlisted), (0, 0));
        assert!(
            counts.by_path.values().all(|count| *count == 1),
            "{counts:?}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_the_server_sends_is_what_the_library_renders() {
    let web = WebOptions::default();
    let server = start(web.clone()).await;
    for number in [0, 1, 500, 999] {
        let answer = get(&server, &web.site.path(Page(number))).await;
        let html = web.site.html(Page(number), &server.url());
        assert_eq!(answer.text().await.unwrap(), html);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_sitemap_lists_what_is_reachable() {
    let web = WebOptions::default();
    let server = start(web.clone()).await;
    let robots = get(&server, "/robots.txt").await.text().await.unwrap();
    let index = format!("{}/sitemap.xml", server.url());
    assert!(
        robots.contains(&format!("\nSitemap: {index}\n")),
        "{robots}"
    );
    let locations = |xml: String| -> Vec<String> {
        let parts = xml.split("<loc>").skip(1);
        parts
            .map(|part| part.split("</loc>").next().unwrap().replace("&amp;", "&"))
            .collect()
    };
    let files = locations(
        client()
            .get(index)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    );
    let mut urls = BTreeSet::new();
    for file in files {
        let file = client().get(file).send().await.unwrap();
        urls.extend(
            locations(file.text().await.unwrap())
                .iter()
                .map(|url| Url::parse(url).unwrap()),
        );
    }
    assert_eq!(urls, reachable(&server, &web, 0));
    server.stop().await;
}

#[tokio::test]
async fn there_are_no_pages_past_the_last_and_no_other_methods() {
    let server = start(WebOptions::default()).await;
    let check = async |path: &str, status: u16| {
        let answer = get(&server, path).await;
        assert_eq!(answer.status(), status, "{path}");
        answer
    };
    check("/site/page/999", 200).await;
    check("/site/page/999?any=query", 200).await;
    check("/site/page/1000", 404).await;
    check("/site/page/-1", 404).await;
    check("/site/page/99999999999999999999", 404).await;
    check("/site/page/1/2", 404).await;
    check("/site/style.css", 200).await;
    check("/sitemap/1.xml", 404).await;
    check("/siteless", 404).await;
    let to_front = check("/site/", 301).await;
    assert_eq!(header(&to_front, "location"), Some("/site/page/0"));
    let url = format!("{}/site/page/1", server.url());
    let answer = client().post(&url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "allow")),
        (405, Some("GET, HEAD"))
    );
    let answer = client().head(&url).send().await.unwrap();
    assert_eq!(header(&answer, "content-length").unwrap().len(), 5);
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
    server.stop().await;
}
