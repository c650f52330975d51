//! Where in a document the elements are SVG or `MathML`, because there `<style>`, `<script>` and `<title>` hold
//! markup, as everything does, and no raw text.
//!
//! It follows the tree construction of the HTML standard as far as these tags alone tell: an `<svg>` that only the
//! end of an HTML element around it closes goes on to the next HTML element in it. Source: HTML §13.2.6.5.

/// How many changes of namespace are followed; a document that nests deeper is nothing a browser shows.
const DEPTH_MAX: usize = 64;

/// The namespaces around the place where the tokenizer is; without any it is HTML.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// The element that began each, outermost first.
    open: Vec<Element>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Svg,
    Math,
    /// An element of SVG whose content is HTML again.
    ForeignObject,
    Desc,
    SvgTitle,
    /// An element of `MathML` for text, whose content is HTML again.
    MathText,
}

impl Namespaces {
    /// Returns whether the elements here are foreign.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.open.last(), Some(Element::Svg | Element::Math))
    }

    /// Notes a start tag; returns whether its element is foreign.
    pub(super) fn on_start(&mut self, name: &[u8], is_self_closing: bool) -> bool {
        if self.is_foreign() && BREAKOUT.contains(&name) {
            while self.is_foreign() {
                self.open.pop();
            }
        }
        let was_foreign = self.is_foreign();
        let opened = match (name, self.open.last()) {
            // In the other's content either is an element of the other.
            (b"svg", Some(Element::Math)) | (b"math", Some(Element::Svg)) => None,
            (b"svg", _) => Some(Element::Svg),
            (b"math", _) => Some(Element::Math),
            (b"foreignobject", Some(Element::Svg)) => Some(Element::ForeignObject),
            (b"desc", Some(Element::Svg)) => Some(Element::Desc),
            (b"title", Some(Element::Svg)) => Some(Element::SvgTitle),
            (b"mi" | b"mo" | b"mn" | b"ms" | b"mtext", Some(Element::Math)) => {
                Some(Element::MathText)
            }
            _ => None,
        };
        if let Some(element) = opened
            && !is_self_closing
            && self.open.len() < DEPTH_MAX
        {
            self.open.push(element);
        }
        was_foreign || matches!(opened, Some(Element::Svg | Element::Math))
    }

    /// Notes an end tag.
    pub(super) fn on_end(&mut self, name: &[u8]) {
        // In foreign content these two end it, with or without a start tag. Source: HTML §13.2.6.5.
        if matches!(name, b"p" | b"br") {
            while self.is_foreign() {
                self.open.pop();
            }
        }
        let closed = match name {
            b"svg" => Element::Svg,
            b"math" => Element::Math,
            b"foreignobject" => Element::ForeignObject,
            b"desc" => Element::Desc,
            b"title" => Element::SvgTitle,
            b"mi" | b"mo" | b"mn" | b"ms" | b"mtext" => Element::MathText,
            _ => return,
        };
        if let Some(at) = self.open.iter().rposition(|element| *element == closed) {
            self.open.truncate(at);
        }
    }
}

/// The elements that are HTML wherever they stand, and so end what is foreign around them. Source: HTML §13.2.6.5.
const BREAKOUT: [&[u8]; 44] = [
    b"b",
    b"big",
    b"blockquote",
    b"body",
    b"br",
    b"center",
    b"code",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"em",
    b"embed",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"hr",
    b"i",
    b"img",
    b"li",
    b"listing",
    b"menu",
    b"meta",
    b"nobr",
    b"ol",
    b"p",
    b"pre",
    b"ruby",
    b"s",
    b"small",
    b"span",
    b"strong",
    b"strike",
    b"sub",
    b"sup",
    b"table",
    b"tt",
    b"u",
    b"ul",
    b"var",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks whether what follows those tags is foreign.
    fn check(tags: &str, expected: bool) {
        let mut namespaces = Namespaces::default();
        for tag in tags.split_ascii_whitespace() {
            match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
                (Some(name), _) => namespaces.on_end(name.as_bytes()),
                (_, Some(name)) => {
                    namespaces.on_start(name.as_bytes(), true);
                }
                _ => {
                    namespaces.on_start(tag.as_bytes(), false);
                }
            }
        }
        assert_eq!(namespaces.is_foreign(), expected, "{tags}");
    }

    #[test]
    fn svg_and_math_are_foreign_from_their_start_to_their_end() {
        check("html body", false);
        check("svg", true);
        check("svg g path", true);
        check("svg /svg", false);
        check("svg/", false);
        check("math mrow", true);
        check("svg svg /svg", true);
        check("/svg svg", true);
    }

    #[test]
    fn some_elements_in_them_hold_html() {
        check("svg foreignobject", false);
        check("svg title", false);
        check("svg title /title", true);
        check("svg foreignobject div svg", true);
        check("svg foreignobject /svg", false);
        check("math mi", false);
        check("math mi /mi", true);
        check("foreignobject", false);
    }

    #[test]
    fn html_in_them_ends_them() {
        check("svg p", false);
        check("svg svg div", false);
        check("svg a", true);
        check("svg math mi", true);
        check("svg math /math", true);
        check("svg foreignobject svg p", false);
        check("svg foreignobject svg p /foreignobject", true);
        check("svg /p", false);
    }

    #[test]
    fn an_element_knows_where_it_stands() {
        let mut namespaces = Namespaces::default();
        assert!(!namespaces.on_start(b"title", false));
        assert!(namespaces.on_start(b"svg", false));
        assert!(namespaces.on_start(b"title", false));
        assert!(!namespaces.on_start(b"style", false));
    }

    #[test]
    fn nesting_is_followed_to_a_depth() {
        check(&"svg ".repeat(DEPTH_MAX + 9), true);
        check(
            &format!("{} {}", "svg ".repeat(DEPTH_MAX), "/svg ".repeat(DEPTH_MAX)),
            false,
        );
    }
}
