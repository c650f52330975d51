//! The kinds of traps: what a crawler may lose itself in beside the pages of a site.

use std::str::FromStr;

use thiserror::Error;

use crate::web::site::Page;

/// A part of a host that a crawler may lose itself in. Each page of the site links to it.
///
/// # Examples
///
/// ```
/// use slow_api::{Page, Trap};
///
/// assert_eq!("facets".parse::<Trap>()?, Trap::Facets);
/// assert_eq!(Trap::Copies.entrance(Page(3)), "/copy/page/3");
/// # Ok::<(), slow_api::TrapError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trap {
    /// A calendar without an end: a month leads to its days and to the months and years around it.
    Calendar,
    /// A shop whose goods are told apart by twelve facets of eight values, in any order of them.
    Facets,
    /// Folders in folders, of which each is the same page, byte by byte.
    Same,
    /// The pages of the site once more, at two other places.
    Copies,
    /// Pages of 16 MiB, of which each leads to two further ones.
    Huge,
}

impl Trap {
    /// Every trap, in the order in which they are told.
    pub const ALL: [Self; 5] = [
        Self::Calendar,
        Self::Facets,
        Self::Same,
        Self::Copies,
        Self::Huge,
    ];

    /// Returns the trap's name, which is what is parsed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Facets => "facets",
            Self::Same => "same",
            Self::Copies => "copies",
            Self::Huge => "huge",
        }
    }

    /// Returns the path that a page of the site links to.
    #[must_use]
    pub fn entrance(self, page: Page) -> String {
        match self {
            Self::Calendar => "/calendar/2026/6".to_owned(),
            Self::Facets => "/shop".to_owned(),
            Self::Same => "/same/".to_owned(),
            Self::Copies => format!("/copy/page/{}", page.0),
            Self::Huge => "/huge/0".to_owned(),
        }
    }

    /// Returns the trap that the paths with this first segment belong to.
    pub(crate) fn of(first: &str) -> Option<Self> {
        match first {
            "calendar" => Some(Self::Calendar),
            "shop" => Some(Self::Facets),
            "same" => Some(Self::Same),
            "copy" | "print" => Some(Self::Copies),
            "huge" => Some(Self::Huge),
            _ => None,
        }
    }
}

impl FromStr for Trap {
    type Err = TrapError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut traps = Self::ALL.into_iter();
        traps
            .find(|trap| trap.name() == text)
            .ok_or_else(|| TrapError(text.to_owned()))
    }
}

/// What was given is no trap.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is none of calendar, facets, same, copies and huge")]
pub struct TrapError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trap_has_a_name_and_a_place_of_its_own() {
        for trap in Trap::ALL {
            assert_eq!(trap.name().parse(), Ok(trap));
            let entrance = trap.entrance(Page(7));
            let first = entrance.split('/').nth(1).unwrap();
            assert_eq!(Trap::of(first), Some(trap), "{entrance}");
        }
        assert_eq!(Trap::of("site"), None);
        let error = "maze".parse::<Trap>().unwrap_err();
        let names = Trap::ALL.map(Trap::name);
        assert!(names.iter().all(|name| error.to_string().contains(name)));
    }
}
