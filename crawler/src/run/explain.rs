//! `crawler explain`: what became of a URL, by its record, and what each rule says of it, by asking them all again.

use std::fmt;
use std::io::{Read as _, Write};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Plan;
use super::judge::{Judge, Ruling};
use super::looking::Looking;
use super::suspected::tried;
use crate::flags::ExplainFlags;
use crate::frontier::Trace;
use crate::policy::robots;
use crate::policy::shares::Demotion;
use crate::telling::without_user_info;
use crate::web_url::WebUrl;

/// A link of a seed, as which a URL is judged that was never seen.
const DEPTH_UNSEEN: u16 = 1;

/// Explains URLs; returns the exit code.
///
/// # Errors
///
/// When the job can't be read, or standard input.
pub(crate) async fn explain(flags: &ExplainFlags) -> anyhow::Result<u8> {
    let texts = texts(&flags.urls)?;
    let command = "crawler explain URL --job";
    let job = Looking::open(flags.job.as_deref(), &flags.look.shared, command).await?;
    let plan = Plan::of_config(&job.config().await?)?;
    let judge = Judge::new(&plan, &plan.roots()?.all(), 1, 0)?;
    let known_as = |url: &WebUrl| {
        if judge.rules.strips_tracking {
            url.without_tracking().url_hash()
        } else {
            url.url_hash()
        }
    };
    let urls: Vec<_> = texts.iter().map(|text| WebUrl::parse(text)).collect();
    let hashes: Vec<_> = urls.iter().flatten().map(known_as).collect();
    let traces = job.traces(&hashes).await?;
    let suspects = job.suspects()?;
    let mut told = String::new();
    for (text, url) in texts.iter().zip(&urls) {
        let explanation = match url {
            Ok(url) => {
                let trace = traces.get(&known_as(url)).cloned();
                let copy = job.robots(url.origin()).await?;
                let copy = copy.filter(|copy| copy.status != 0);
                let robots =
                    copy.map(|copy| robots::Rules::parse(&copy.body, &judge.rules.product));
                let depth = depth(trace.as_ref());
                Explanation {
                    url: url.as_str().to_owned(),
                    trace,
                    kills: suspects.get(&known_as(url)).copied(),
                    rulings: judge.rulings(url, depth, robots.as_ref()),
                }
            }
            Err(refused) => Explanation {
                url: without_user_info(text),
                trace: None,
                kills: None,
                rulings: vec![Ruling::refused("url", *refused)],
            },
        };
        told += &if flags.look.json {
            format!("{}\n", explanation.as_json())
        } else {
            explanation.to_string()
        };
    }
    // Who does not want the rest of it closes it.
    let _closed = std::io::stdout().write_all(told.as_bytes());
    job.close().await?;
    Ok(0)
}

/// Returns the URLs that are meant: those of standard input in place of a dash.
fn texts(given: &[String]) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::with_capacity(given.len());
    for text in given {
        if text == "-" {
            let mut lines = String::new();
            let read = std::io::stdin().read_to_string(&mut lines);
            read.context("cannot read URLs from standard input")?;
            texts.extend(lines.lines().map(str::to_owned));
        } else {
            texts.push(text.clone());
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    Ok(texts)
}

fn depth(trace: Option<&Trace>) -> u16 {
    match trace {
        Some(Trace::Queued { depth, .. } | Trace::Delayed { depth, .. }) => *depth,
        Some(Trace::Recorded { about }) => {
            let depth = record(about)["depth"].as_u64().unwrap_or_default();
            u16::try_from(depth).unwrap_or(u16::MAX)
        }
        _ => DEPTH_UNSEEN,
    }
}

fn record(about: &str) -> Value {
    serde_json::from_str(about).unwrap_or_default()
}

struct Explanation {
    url: String,
    trace: Option<Trace>,
    /// Of a suspect, at how many kills in a row it was at work.
    kills: Option<u16>,
    rulings: Vec<Ruling>,
}

impl Explanation {
    /// Returns the code of what keeps the URL from being fetched, or kept it: that of its record, or else of the first
    /// rule that refuses it.
    fn reason(&self) -> Option<String> {
        if let Some(Trace::Recorded { about }) = &self.trace {
            return record(about)["reason"].as_str().map(str::to_owned);
        }
        let mut refusals = self
            .rulings
            .iter()
            .filter_map(|ruling| ruling.refusal.as_ref());
        refusals.next().map(|refusal| refusal.code().to_owned())
    }

    const fn stands(&self) -> &'static str {
        match self.trace {
            None => "never seen",
            Some(Trace::Queued { .. }) => "queued",
            Some(Trace::Delayed { .. }) => "waits for its next try",
            Some(Trace::Recorded { .. }) => "recorded",
        }
    }

    /// Returns why it waits behind the others of its site, as a code; a record tells it by itself.
    fn put_last(&self) -> Option<&'static str> {
        match &self.trace {
            Some(Trace::Queued { demotion, .. } | Trace::Delayed { demotion, .. }) => {
                demotion.map(Demotion::code)
            }
            _ => None,
        }
    }

    fn as_json(&self) -> Value {
        let rules = self.rulings.iter().map(|ruling| {
            let refusal = ruling.refusal.as_ref();
            json!({
                "rule": ruling.rule,
                "refuses": refusal.map(|refusal| refusal.code()),
                "message": refusal.map_or_else(|| ruling.remark.to_owned(), ToString::to_string),
            })
        });
        let mut told = json!({
            "url": self.url,
            "stands": self.stands(),
            "reason": self.reason(),
            "rules": rules.collect::<Vec<_>>(),
        });
        match &self.trace {
            Some(Trace::Recorded { about }) => told["record"] = record(about),
            Some(Trace::Queued { attempts, .. }) => told["tries"] = json!(attempts),
            Some(Trace::Delayed {
                attempts, ready_at, ..
            }) => {
                told["tries"] = json!(attempts);
                let at = humantime::format_rfc3339_millis(*ready_at);
                told["next_try"] = json!(at.to_string());
            }
            None => {}
        }
        if let Some(code) = self.put_last() {
            told["put_last"] = json!(code);
        }
        if let Some(kills) = self.kills {
            told["kills"] = json!(kills);
        }
        told
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.url)?;
        let line =
            |f: &mut fmt::Formatter<'_>, name: &str, text: &str| writeln!(f, "  {name:<9} {text}");
        match &self.trace {
            Some(Trace::Recorded { about }) => line(f, "recorded", &sentence(&record(about)))?,
            Some(Trace::Queued {
                depth, attempts, ..
            }) => {
                let text = format!(
                    "waits for its turn, or is being fetched; {depth} links from a seed, tried {attempts} times"
                );
                line(f, "queued", &text)?;
            }
            Some(Trace::Delayed {
                ready_at, attempts, ..
            }) => {
                let at = humantime::format_rfc3339_seconds(*ready_at);
                line(
                    f,
                    "delayed",
                    &format!("tried {attempts} times, and again at {at}"),
                )?;
            }
            None => line(
                f,
                "unseen",
                "the crawl followed no link to it: none led there, or each asked not to be followed or was left out by a rule; as a link of a seed:",
            )?,
        }
        if let Some(code) = self.put_last() {
            let text = format!("behind the others of its site: {code}");
            line(f, "put last", &text)?;
        }
        if let Some(kills) = self.kills {
            line(f, "suspect", &tried(kills))?;
        }
        for ruling in &self.rulings {
            match &ruling.refusal {
                Some(refusal) => {
                    let text = format!("refused, {}: {refusal}", refusal.code());
                    line(f, ruling.rule, &text)?;
                }
                None => line(f, ruling.rule, ruling.remark)?,
            }
        }
        Ok(())
    }
}

/// Tells a record in words.
fn sentence(record: &Value) -> String {
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| record[field].as_u64().unwrap_or_default();
    let mut told = format!("{} at {}", text("fate"), text("at"));
    if record["status"].is_u64() {
        told += &format!(", status {}", number("status"));
    }
    if record["location"].is_string() {
        told += &format!(", to {}", text("location"));
    }
    if record["reason"].is_string() {
        told += &format!(", {}", text("reason"));
    }
    if record["message"].is_string() {
        told += &format!(": {}", text("message"));
    }
    if record["nofollow"] == true {
        told += ", and asks that none of its links be followed (nofollow)";
    }
    if record["duplicate_of"].is_string() {
        told += &format!(", a duplicate of {}", text("duplicate_of"));
    }
    if record["put_last"].is_string() {
        told += &format!(", put last: {}", text("put_last"));
    }
    told + &format!(
        "; {} links from a seed, tried {} times before",
        number("depth"),
        number("retries")
    )
}
