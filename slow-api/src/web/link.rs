//! The links of a page: where each leads, and how it is written.

use crate::web::draws::Draws;
use crate::web::site::Page;

/// A link of a page.
///
/// # Examples
///
/// ```
/// use slow_api::{Page, Site, Target};
///
/// let links = Site::default().links(Page(0));
/// assert_eq!(links[0].target, Target::Page(Page(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Where it leads.
    pub target: Target,
    /// How it is written.
    pub form: LinkForm,
}

/// Where a [`Link`] leads.
///
/// # Examples
///
/// ```
/// use slow_api::{Page, Site, Target};
///
/// let site = Site::default();
/// let private = (0..10).flat_map(|n| site.links(Page(n)));
/// assert!(private.map(|link| link.target).any(|target| matches!(target, Target::Private(_))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A page.
    Page(Page),
    /// A page, by a link that says `rel=nofollow`.
    Nofollow(Page),
    /// The private page with this number, which robots.txt disallows.
    Private(u64),
}

/// How a [`Link`] is written; all forms of a link to one page mean the same URL.
///
/// # Examples
///
/// ```
/// use slow_api::{LinkForm, Page, Site};
///
/// let links = Site::default().links(Page(0));
/// assert!(links.iter().any(|link| link.form == LinkForm::Entity));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkForm {
    /// With scheme and host.
    Absolute,
    /// With the host, without the scheme.
    SchemeRelative,
    /// From the root of the host.
    Rooted,
    /// From the folder of the page, by `..`.
    Dotted,
    /// From the root, with a fragment.
    Fragment,
    /// From the root, with character references for some of its letters.
    Entity,
    /// From the root, with an unescaped `&` where it has one.
    Bare,
    /// From the root, with white space around it.
    Spaced,
}

impl Link {
    pub(crate) fn new(target: Target, draws: &mut Draws) -> Self {
        Self {
            target,
            form: draws.pick(&LinkForm::ALL),
        }
    }
}

impl LinkForm {
    /// Every form; a link has each with the same chance.
    pub(crate) const ALL: [Self; 8] = [
        Self::Absolute,
        Self::SchemeRelative,
        Self::Rooted,
        Self::Dotted,
        Self::Fragment,
        Self::Entity,
        Self::Bare,
        Self::Spaced,
    ];
}
