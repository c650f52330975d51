//! Floor L: reqwest, `lol_html` and `Url::join`.

use std::sync::Arc;

use floors::{Args, Failure, Frontier, crawl, decode, may_follow};
use lol_html::{HtmlRewriter, Settings, element};
use reqwest::Client;
use url::Url;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::read()?;
    let (seed, _) = args.seed()?;
    let client = Client::builder().no_proxy().build()?;
    crawl(seed.as_str(), args.workers, |frontier| {
        work(frontier, client.clone())
    })
    .await
}

async fn work(frontier: Arc<Frontier>, client: Client) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(url) = frontier.next().await {
        let url = Url::parse(&url)?;
        let body = client.get(url.clone()).send().await?.bytes().await?;
        bytes += body.len() as u64;
        frontier.done(&links(&url, &body)?);
    }
    Ok(bytes)
}

fn links(page: &Url, html: &[u8]) -> Result<Vec<Url>, Failure> {
    let mut links = Vec::new();
    let read = element!("a[href]", |anchor| {
        let is_nofollow = anchor
            .get_attribute("rel")
            .is_some_and(|rel| rel.contains("nofollow"));
        if let Some(href) = anchor.get_attribute("href").filter(|_| !is_nofollow)
            && let Ok(mut url) = page.join(&decode(&href))
        {
            url.set_fragment(None);
            if url.authority() == page.authority() && may_follow(url.path()) {
                links.push(url);
            }
        }
        Ok(())
    });
    let settings = Settings::new().append_element_content_handler(read);
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter.write(html)?;
    rewriter.end()?;
    Ok(links)
}
