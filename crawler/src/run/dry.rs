//! `--dry-run`: what would be fetched first, and why not, without a request.

use std::io::Write;

use super::Crew;
use crate::policy::refusal::Refusal;
use crate::seeds::Seeds;
use crate::telling::{Counted, say};
use crate::web_url::WebUrl;

/// Tells what each rule says of the first URLs; returns the exit code.
///
/// # Errors
///
/// When a list can't be read on.
pub(super) async fn dry_run(seeds: &mut Seeds<'_>, crew: &mut Crew) -> anyhow::Result<u8> {
    let mut told = Told::default();
    for sitemap in seeds.take_sitemaps() {
        let refusal = crew.judge().refusal_of_sitemap(&sitemap);
        told.judged(&sitemap, refusal);
    }
    loop {
        // Who does not want the rest of it closes it.
        if std::io::stdout().write_all(told.text.as_bytes()).is_err() {
            break;
        }
        told.text.clear();
        let part = seeds.next_part().await?;
        if part.is_empty() {
            break;
        }
        for line in part {
            match line {
                Ok(url) => {
                    crew.meet(&url);
                    let rulings = crew.judge().rulings(&url, 0, None);
                    told.judged(&url, rulings.into_iter().find_map(|ruling| ruling.refusal));
                }
                Err(rejected) => {
                    told.refused += 1;
                    told.text += &format!("refuse  {rejected}\n");
                }
            }
        }
    }
    let (to_fetch, refused) = (told.to_fetch, told.refused);
    let places = crew.concurrency().get() as u64;
    say(format!(
        "crawler: {} would be fetched, up to {places} at once, and {refused} refused; nothing was asked for, not even robots.txt",
        Counted(to_fetch, "URL")
    ));
    Ok(0)
}

/// What was told of the first URLs.
#[derive(Debug, Default)]
struct Told {
    to_fetch: u64,
    refused: u64,
    /// What is yet to be written.
    text: String,
}

impl Told {
    fn judged(&mut self, url: &WebUrl, refusal: Option<Refusal>) {
        let url = url.as_str();
        self.text += &match refusal {
            Some(refusal) => {
                self.refused += 1;
                format!("refuse  {url}  {}: {refusal}\n", refusal.code())
            }
            None => {
                self.to_fetch += 1;
                format!("fetch   {url}\n")
            }
        };
    }
}
