//! The pictures of the HTML as files of their own: there, colours come from the style sheet of the page. Start with
//! [`alone`].

use super::letters::shown;

/// The colours that the HTML has on paper, without variables and selectors that Typst does not know.
const STYLE: &str = include_str!("picture.css");
/// A picture that is higher than this, in parts of its width, does not fit on a page at its full width.
const TALLEST: f64 = 1.3;

/// The picture as a file.
pub(super) fn alone(svg: &str) -> Vec<u8> {
    let svg = shown(svg);
    let (open, body) = svg.split_once('>').unwrap_or(("<svg", "</svg>"));
    let attributes = open.strip_prefix("<svg").unwrap_or_default();
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\"{attributes}><style>{STYLE}</style>{body}").into_bytes()
}

/// Whether the height of the page limits the picture, and not its width.
pub(super) fn is_tall(svg: &str) -> bool {
    let size = svg.split_once("viewBox=\"0 0 ").and_then(|(_, rest)| rest.split_once('"'));
    let size = size.and_then(|(size, _)| size.split_once(' '));
    let size = size.and_then(|(wide, high)| Some((wide.parse::<f64>().ok()?, high.parse::<f64>().ok()?)));
    size.is_some_and(|(wide, high)| high > wide * TALLEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_own_colours_and_size() {
        let alone = String::from_utf8(alone("<svg viewBox=\"0 0 820 900\" role=\"img\"><rect/></svg>")).expect("text");
        assert!(
            alone.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 820 900\" role=\"img\"><style>")
        );
        assert!(alone.ends_with("</style><rect/></svg>") && !alone.contains("var("), "{alone}");
        assert!(!is_tall("<svg viewBox=\"0 0 820 900\">") && is_tall("<svg viewBox=\"0 0 820 1100\">"));
    }
}
