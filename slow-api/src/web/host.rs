//! A host of the local web: which paths it has and what it replies there.
//!
//! | path | reply |
//! |---|---|
//! | `/robots.txt` | as its [`RobotsMode`] says |
//! | `/robots/N` | what `/robots.txt` redirects to |
//! | `/sitemap.xml`, `/sitemap/N.xml` | the index and the files of all reachable pages |
//! | `/sitemaps/…` | a sitemap of some kind |
//! | `/site/` | a redirect to the front page |
//! | `/site/page/N` | the page, whatever its query is |
//! | `/site/private/N` | a page that robots.txt disallows |
//! | `/site/style.css` | the style sheet of all pages |
//! | `/parts/…` | a page with parts of every form, and what it is made of |
//! | `/fault/…` | a fault |
//! | `/calendar/…` and so on | where there is such a [`Trap`], a page of it |

use std::net::SocketAddr;
use std::time::Duration;

use warp::http::StatusCode;
use warp::http::header::HeaderValue;

use crate::faults;
use crate::options::Options;
use crate::web::render::Around;
use crate::web::reply::{Asked, Refusal, Reply, answer, html, redirect};
use crate::web::robots::{CLOSED, HOPS, PRIVATE, RobotsMode, Rules};
use crate::web::site::{Page, Site};
use crate::web::trap::Trap;
use crate::web::visits::Kind;
use crate::web::{parts, sitemap, sitemaps, traps};

/// What decides about the replies of one host.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    origin: String,
    neighbours: Vec<String>,
    site: Site,
    robots: RobotsMode,
    robots_delay: Duration,
    page_delay: Duration,
    traps: Vec<Trap>,
    rules: Rules,
}

impl Host {
    /// Makes the host at `at` among all addresses.
    pub(crate) fn new(options: &Options, addresses: &[SocketAddr], at: usize) -> Self {
        let origin_of = |address: &SocketAddr| format!("http://{address}");
        let origin = origin_of(&addresses[at]);
        let web = &options.web;
        Self {
            site: web.site_of(at),
            robots: web.robots_of(at),
            robots_delay: options.delay,
            page_delay: web.page_delay,
            traps: web.traps.clone(),
            rules: Rules {
                crawl_delay_seconds: web.crawl_delay_seconds,
                sitemap: web.names_sitemap.then(|| format!("{origin}/sitemap.xml")),
            },
            neighbours: addresses
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .map(|(_, address)| origin_of(address))
                .collect(),
            origin,
        }
    }

    /// Returns scheme and authority of the host.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns scheme and authority of another host, or of this one by its name when it is the only one.
    pub(crate) fn other_origin(&self) -> String {
        let port = self.origin.rsplit(':').next().unwrap_or_default();
        let first = self.neighbours.first().cloned();
        first.unwrap_or_else(|| format!("http://localhost:{port}"))
    }

    /// Returns what a request of this path is counted as.
    pub(crate) fn kind(&self, path: &str) -> Kind {
        let is_all_disallowed = matches!(self.robots, RobotsMode::Closed | RobotsMode::ServerError);
        let is_none_disallowed = matches!(self.robots, RobotsMode::Missing | RobotsMode::Loop);
        if path == "/robots.txt" || path.starts_with("/robots/") {
            Kind::Robots
        } else if is_all_disallowed || path.starts_with(PRIVATE) && !is_none_disallowed {
            Kind::Disallowed
        } else {
            Kind::Page
        }
    }

    /// Returns whether a reply at this path may take longer to make than the executor may be blocked.
    pub(crate) fn is_slow_at(&self, path: &str) -> bool {
        path.starts_with("/fault/")
            || path.starts_with("/sitemap/")
            || path.starts_with("/sitemaps/")
            || path.starts_with("/huge/")
            || self.robots == RobotsMode::Huge && self.kind(path) == Kind::Robots
            || self.site.page_bytes > PAGE_BYTES_QUICK
            || self.site.links > LINKS_QUICK
    }

    /// Decides on the reply to a request.
    pub(crate) fn reply(&self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let segments: Vec<_> = asked.path.split('/').skip(1).collect();
        match *segments {
            ["robots.txt"] => self.robots(),
            ["robots", hop] => self.hop(number(hop)?),
            ["sitemap.xml"] => Ok(xml(sitemap::index(&self.site, &self.origin))),
            ["sitemap", file] => {
                let file = number(file.strip_suffix(".xml").ok_or(Refusal::Unknown)?)?;
                let file = sitemap::file(&self.site, &self.origin, file);
                file.map(xml).ok_or(Refusal::Unknown)
            }
            ["sitemaps"] => Ok(moved("/sitemaps/".to_owned())),
            ["sitemaps", "moved"] => Ok(moved("/sitemaps/index.xml".to_owned())),
            ["sitemaps", ref which @ ..] => {
                sitemaps::reply(&self.site, &self.origin, &self.other_origin(), which)
            }
            ["parts", ref which @ ..] => parts::reply(&self.other_origin(), which),
            ["site"] | ["site", ""] => Ok(moved("/site/page/0".to_owned())),
            ["site", "style.css"] => Ok(answer(StatusCode::OK, "text/css", STYLE).into()),
            ["site", "page", page] => self.page(Page(number(page)?)),
            ["site", "private", private] => {
                let page = self.site.private_page(number(private)?, &self.origin);
                Ok(self.after_delay(page))
            }
            ["fault"] => Ok(moved("/fault/".to_owned())),
            ["fault", ref fault @ ..] => faults::reply(self, asked, fault),
            [first, ref rest @ ..] => self.trap(first, rest, asked.query),
            _ => Err(Refusal::Unknown),
        }
    }

    fn page(&self, page: Page) -> Result<Reply, Refusal> {
        if !self.site.contains(page) {
            return Err(Refusal::Unknown);
        }
        let around = Around {
            origin: &self.origin,
            neighbours: &self.neighbours,
            traps: &self.traps,
        };
        Ok(self.after_delay(self.site.page(page, around)))
    }

    fn trap(&self, first: &str, rest: &[&str], query: &str) -> Result<Reply, Refusal> {
        let trap = Trap::of(first).filter(|trap| self.traps.contains(trap));
        let page = match (trap, rest) {
            (Some(Trap::Calendar), at) => traps::calendar(at)?,
            (Some(Trap::Facets), []) => traps::shop(query)?,
            (Some(Trap::Same), [.., ""]) => traps::same(),
            (Some(Trap::Copies), ["page", page]) => return self.page(Page(number(page)?)),
            (Some(Trap::Huge), [page]) => traps::huge(number(page)?),
            _ => return Err(Refusal::Unknown),
        };
        Ok(self.after_delay(page))
    }

    fn robots(&self) -> Result<Reply, Refusal> {
        let after = self.robots_delay;
        match self.robots {
            RobotsMode::Ok => Ok(text(self.rules.text())),
            RobotsMode::Closed => Ok(text(CLOSED.to_owned())),
            RobotsMode::Missing => Err(Refusal::Unknown),
            RobotsMode::ServerError => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Ok(answer(status, "text/plain", "failed on purpose\n").into())
            }
            RobotsMode::Slow => {
                let response = answer(StatusCode::OK, "text/plain", self.rules.text());
                Ok(Reply::Answer { response, after })
            }
            RobotsMode::Redirect | RobotsMode::Loop => Ok(moved("/robots/1".to_owned())),
            RobotsMode::Huge => Ok(text(self.rules.huge())),
        }
    }

    fn hop(&self, hop: u64) -> Result<Reply, Refusal> {
        match self.robots {
            RobotsMode::Redirect if hop == HOPS => Ok(text(self.rules.text())),
            RobotsMode::Redirect if hop < HOPS => Ok(moved(format!("/robots/{}", hop + 1))),
            RobotsMode::Loop => Ok(moved(format!("/robots/{}", hop % HOPS + 1))),
            _ => Err(Refusal::Unknown),
        }
    }

    fn after_delay(&self, page: String) -> Reply {
        Reply::Answer {
            response: html(page),
            after: self.page_delay,
        }
    }
}

/// Returns whether a path belongs to the local web and not to the API.
pub(crate) fn owns(path: &str) -> bool {
    let first = path
        .strip_prefix('/')
        .and_then(|path| path.split('/').next());
    let is_own = matches!(
        first,
        Some(
            "robots.txt"
                | "robots"
                | "sitemap.xml"
                | "sitemap"
                | "sitemaps"
                | "site"
                | "parts"
                | "fault"
        )
    );
    is_own || first.is_some_and(|first| Trap::of(first).is_some())
}

fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::Unknown)
}

fn moved(to: String) -> Reply {
    let to = HeaderValue::try_from(to).expect("paths of our own are header text");
    redirect(StatusCode::MOVED_PERMANENTLY, to).into()
}

fn text(body: String) -> Reply {
    answer(StatusCode::OK, "text/plain; charset=utf-8", body).into()
}

fn xml(body: String) -> Reply {
    answer(StatusCode::OK, "application/xml", body).into()
}

/// The largest page that is made within some 100 µs.
const PAGE_BYTES_QUICK: usize = 64 << 10;
const LINKS_QUICK: usize = 500;
const STYLE: &str = "body { font-family: sans-serif; max-width: 40em; margin: auto }\n";
