//! `<meta http-equiv=refresh>`: the page that a page sends its reader on to.

/// Returns the URL in the value of `content`; without one it is the page itself that is loaded again.
/// Source: HTML §4.2.5.3, the shared declarative refresh steps.
pub(super) fn target(content: &str) -> Option<&str> {
    let rest = content.trim_ascii_start();
    let after = rest.trim_start_matches(|char: char| char.is_ascii_digit());
    if after.len() == rest.len() && !rest.starts_with('.') {
        return None;
    }
    let after = after.trim_start_matches(|char: char| char.is_ascii_digit() || char == '.');
    if !after.starts_with([';', ',']) && !after.starts_with(|char: char| char.is_ascii_whitespace())
    {
        return None;
    }
    let after = after.trim_ascii_start();
    let after = after
        .strip_prefix([';', ','])
        .unwrap_or(after)
        .trim_ascii_start();
    let url = without_name(after).unwrap_or(after);
    let url = match url.chars().next() {
        Some(quote @ ('"' | '\'')) => url[1..].split(quote).next()?,
        _ => url,
    };
    (!url.is_empty()).then_some(url)
}

/// Returns what follows `url=`.
fn without_name(text: &str) -> Option<&str> {
    let name = text.get(..3)?;
    let after = name
        .eq_ignore_ascii_case("url")
        .then(|| text[3..].trim_ascii_start())?;
    Some(after.strip_prefix('=')?.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, expected: Option<&str>) {
        assert_eq!(target(content), expected, "{content:?}");
    }

    #[test]
    fn a_refresh_names_its_target() {
        check("0;url=/a", Some("/a"));
        check("5; URL = '/a b' x", Some("/a b"));
        check("0;url=\"/a", Some("/a"));
        check(" 1.5 , Url=/a?b=c;d", Some("/a?b=c;d"));
        check("0 url=/a", Some("/a"));
        check(".;url=/a", Some("/a"));
    }

    #[test]
    fn the_name_may_be_left_out() {
        check("0; /a", Some("/a"));
        check("0; '/a'", Some("/a"));
        check("0; url", Some("url"));
        check("0; urlx=/a", Some("urlx=/a"));
        check("0;ur", Some("ur"));
        check("0;ü=/a", Some("ü=/a"));
    }

    #[test]
    fn without_a_target_the_page_is_loaded_again() {
        for content in [
            "",
            "0",
            "5;",
            "5; ",
            "5;url=",
            "5;url=''",
            "url=/a",
            "-1;url=/a",
            "5x;url=/a",
            "ü",
        ] {
            check(content, None);
        }
    }
}
