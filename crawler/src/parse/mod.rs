//! What a page says: its links, its name, and what its author asks of crawlers; and what a sitemap lists. Any bytes are a
//! page, in time and memory that grow no faster than they do.

mod charset;
pub use charset::{Charset, CharsetSource};
mod char_reference;
mod decode;
mod directives;
mod foreign;
mod raw;
mod refresh;
mod room;
mod scanner;
mod tags;
pub use directives::Directives;
mod link_header;
pub use link_header::{HeaderLink, link_header};
mod css;
mod page;
mod srcset;
pub use page::{Link, LinkKind, Page};
mod document;
mod follow;
pub use follow::Follow;
mod html;
pub use html::{Response, is_css, is_html, parse_css, parse_html};
mod wishes;
pub use wishes::Wishes;
mod sitemap;
pub use sitemap::{Sitemap, SitemapKind, is_xml, parse_sitemap};
