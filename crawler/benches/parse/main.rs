//! Microseconds a page from its bytes to its links, against the same by html5ever's tokenizer and `Url::join`; and
//! microseconds for the references of one page alone.
//!
//! `cargo bench -p crawler --bench parse` takes some twenty seconds, `… --bench parse -- quick` two. The programs of one
//! contest take turns, round by round, so that a busy machine slows them alike: compare the ratios, each of which is the
//! median of ratios within a round.

mod contest;
mod html5ever_links;
mod pages;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use contest::{Contest, Effort};
use crawler::parse::{Response, parse_html};
use crawler::policy::robots::Product;
use crawler::web_url::WebUrl;
use url::Url;

const FULL: Effort = Effort {
    round: Duration::from_millis(200),
    rounds: 15,
};

const QUICK: Effort = Effort {
    round: Duration::from_millis(20),
    rounds: 5,
};

fn main() -> ExitCode {
    // Cargo says `--bench` to a bench it runs as one; `cargo test --all-targets` doesn't, and gets no figures.
    let mut effort = None;
    for argument in std::env::args().skip(1) {
        effort = match argument.as_str() {
            "--bench" => effort.or(Some(FULL)),
            "quick" => Some(QUICK),
            unknown => {
                eprintln!(
                    "unknown argument {unknown:?}: say `quick`, or nothing to measure in full"
                );
                return ExitCode::from(2);
            }
        };
    }
    let Some(effort) = effort else {
        println!("nothing measured: run me with `cargo bench`");
        return ExitCode::SUCCESS;
    };
    for contest in contests() {
        contest.run(&effort);
    }
    ExitCode::SUCCESS
}

fn contests() -> Vec<Contest> {
    let site = pages::of_site();
    let references = html5ever_links::references(&site);
    vec![
        whole("a page of slow-api's site", site),
        whole("a large page of references", pages::full_of_references()),
        joins(references),
    ]
}

/// From the bytes of a page to its links.
fn whole(name: &str, html: String) -> Contest {
    let url = WebUrl::parse(pages::URL).expect("it is a URL");
    let product = Product::of("ExampleBot/1.0").expect("it is a name");
    let base = Url::parse(pages::URL).expect("it is a URL");
    let page = html.clone();
    let by_html5ever = move || {
        for reference in html5ever_links::references(&page) {
            black_box(base.join(&reference).is_ok());
        }
    };
    let ours = move || {
        let mut response = Response::new(&url);
        response.content_type = Some("text/html; charset=utf-8");
        black_box(parse_html(html.as_bytes(), &response, &product));
    };
    Contest {
        name: name.to_owned(),
        programs: vec![
            (
                "html5ever's tokenizer and Url::join",
                Box::new(by_html5ever),
            ),
            ("parse_html", Box::new(ours)),
        ],
    }
}

/// From the references of a page to URLs.
fn joins(references: Vec<String>) -> Contest {
    let url = WebUrl::parse(pages::URL).expect("it is a URL");
    let base = Url::parse(pages::URL).expect("it is a URL");
    let name = format!("{} references of that page of the site", references.len());
    let texts = references.clone();
    let by_standard = move || {
        for text in &texts {
            black_box(base.join(text).is_ok());
        }
    };
    let ours = move || {
        for text in &references {
            black_box(url.join(text).is_ok());
        }
    };
    Contest {
        name,
        programs: vec![
            ("Url::join", Box::new(by_standard)),
            ("WebUrl::join", Box::new(ours)),
        ],
    }
}
