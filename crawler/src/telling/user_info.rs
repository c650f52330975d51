//! Takes what may be a user's name and password out of a line for people: errors repeat arguments, and an argument
//! may be a URL that holds both.

/// Returns the text without what may be the user-info of a URL in it.
///
/// It hides too much rather than too little: all between a line's first `://` and its last `@`, and without a `://`
/// the word before the `@` if it holds a colon.
pub(crate) fn without_user_info(text: &str) -> String {
    text.split_inclusive('\n').map(masked).collect()
}

/// Returns whether a URL in the text has user-info.
pub(crate) fn names_user(text: &str) -> bool {
    let mut authorities = text.split("://").skip(1);
    authorities.any(|rest| {
        let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
        rest[..end].contains('@')
    })
}

/// How a line says what to write.
const FORM: &str = "USER:PASSWORD";

fn masked(line: &str) -> String {
    let hidden = line.rfind('@').and_then(|end| {
        let before = &line[..end];
        let after_scheme = before.find("://").map(|at| at + 3);
        Some(after_scheme.or_else(|| name_and_password(before))?..end)
    });
    match hidden {
        Some(hidden) if line[hidden.clone()] == *FORM => line.to_owned(),
        Some(hidden) => format!("{}***{}", &line[..hidden.start], &line[hidden.end..]),
        None => line.to_owned(),
    }
}

fn name_and_password(before: &str) -> Option<usize> {
    let word = before.rfind([' ', '\'', '"', '=']).map_or(0, |at| at + 1);
    before[word..].contains(':').then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_info_of_a_url_names_a_user() {
        for text in ["Bot (+http://ann:pw@h/)", "Bot (+https://h/ http://ann@h)"] {
            assert!(names_user(text), "{text}");
        }
        for text in [
            "Bot (+mailto:ann@h)",
            "Bot (+https://h/@ann)",
            "Bot/1.0 (ann@h)",
        ] {
            assert!(!names_user(text), "{text}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_hidden_and_all_else_stays() {
        fn check(text: &str, expected: &str) {
            assert_eq!(without_user_info(text), expected);
        }
        check(
            "no 'http://ann:pw@h/a' here\n\nUsage: x\n",
            "no 'http://***@h/a' here\n\nUsage: x\n",
        );
        check(
            "cannot read http://ann:p/w @x@h",
            "cannot read http://***@h",
        );
        check(
            "crawler: cannot read ann:pw@h; why",
            "crawler: cannot read ***@h; why",
        );
        check("--urls='ann:pw@h'", "--urls='***@h'");
        check("cannot read me@home.txt", "cannot read me@home.txt");
        check(
            "postgres://USER:PASSWORD@HOST",
            "postgres://USER:PASSWORD@HOST",
        );
        check("http://h/a: refused", "http://h/a: refused");
    }
}
