//! The header `Link`: what a page without markup says in its `<link>` elements. Source: RFC 8288 §3.

/// One link of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLink<'a> {
    /// Its target, relative to the page.
    pub target: &'a str,
    /// The relations of the page to it, apart by blanks.
    pub rel: String,
}

/// Returns the links of one header's value, up to where it is no list of links any more.
///
/// A link of something else than the page (with an `anchor`) is left out, and so is one without a relation.
///
/// ```
/// use crawler::parse::link_header;
///
/// let links = link_header("</a>; rel=\"next prefetch\", <https://h/b>; rel=canonical");
/// let targets: Vec<&str> = links.map(|link| link.target).collect();
/// assert_eq!(targets, ["/a", "https://h/b"]);
/// ```
pub fn link_header(value: &str) -> impl Iterator<Item = HeaderLink<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let link = next_link(&mut rest)?;
            if let Some(link) = link {
                return Some(link);
            }
        }
    })
}

/// Takes one link; the inner `None` is one that is left out.
fn next_link<'a>(rest: &mut &'a str) -> Option<Option<HeaderLink<'a>>> {
    let text = rest.trim_start_matches([' ', '\t', ',']);
    let (target, after) = text.strip_prefix('<')?.split_once('>')?;
    *rest = after;
    let (mut rel, mut has_anchor) = (None, false);
    while let Some((name, value)) = next_parameter(rest) {
        if name.eq_ignore_ascii_case("rel") {
            // Only the first counts. Source: RFC 8288 §3.3.
            rel.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("anchor") {
            has_anchor = true;
        }
    }
    let link = rel.map(|rel| HeaderLink {
        target: target.trim(),
        rel,
    });
    Some(link.filter(|_| !has_anchor))
}

/// Takes a semicolon, a name and what may be its value; leaves the rest where no parameter begins.
fn next_parameter<'a>(rest: &mut &'a str) -> Option<(&'a str, String)> {
    let text = rest
        .trim_ascii_start()
        .strip_prefix(';')?
        .trim_ascii_start();
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    *rest = after;
    let Some(after) = after.strip_prefix('=') else {
        return Some((name.trim(), String::new()));
    };
    let after = after.trim_ascii_start();
    let value = if let Some(quoted) = after.strip_prefix('"') {
        unquoted(quoted, rest)
    } else {
        let end = after.find([';', ',']).unwrap_or(after.len());
        *rest = &after[end..];
        after[..end].trim().to_owned()
    };
    Some((name.trim(), value))
}

/// Reads a quoted string to its end, and leaves what follows it. Source: RFC 9110 §5.6.4.
fn unquoted<'a>(text: &'a str, rest: &mut &'a str) -> String {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => value.extend(chars.next()),
            char => value.push(char),
        }
    }
    *rest = chars.as_str();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[(&str, &str)]) {
        let links: Vec<_> = link_header(value).collect();
        let links: Vec<_> = links
            .iter()
            .map(|link| (link.target, link.rel.as_str()))
            .collect();
        assert_eq!(links, expected, "{value:?}");
    }

    #[test]
    fn each_link_has_a_target_and_a_relation() {
        check("</a>; rel=next", &[("/a", "next")]);
        check("< /a > ; rel = \"next prev\"", &[("/a", "next prev")]);
        check(
            "</a>;rel=next,</b>;REL=prev",
            &[("/a", "next"), ("/b", "prev")],
        );
        check(
            ", </a>; rel=next,, </b>; rel=prev,",
            &[("/a", "next"), ("/b", "prev")],
        );
        check("<>; rel=canonical", &[("", "canonical")]);
    }

    #[test]
    fn marks_within_quotes_and_targets_end_nothing() {
        check(
            "</a,b;c>; title=\"x, <y>; rel=no\"; rel=next",
            &[("/a,b;c", "next")],
        );
        check(r#"</a>; title="\"; rel=no"; rel=next"#, &[("/a", "next")]);
    }

    #[test]
    fn the_first_relation_counts() {
        check("</a>; rel=next; rel=prev", &[("/a", "next")]);
        check("</a>; crossorigin; rel=next", &[("/a", "next")]);
    }

    #[test]
    fn what_is_no_link_of_the_page_is_left_out() {
        check("</a>, </b>; rel=next", &[("/b", "next")]);
        check(
            "</a>; rel=next; anchor=\"/c\", </b>; rel=prev",
            &[("/b", "prev")],
        );
    }

    #[test]
    fn what_is_no_list_of_links_ends_it() {
        check("", &[]);
        check("/a; rel=next", &[]);
        check("</a; rel=next", &[]);
        check("</a>; rel=next x </b>; rel=prev", &[("/a", "next x </b>")]);
        check("</a>; rel=\"next", &[("/a", "next")]);
        check("</a>; rel=next; ü; <", &[("/a", "next")]);
    }
}
