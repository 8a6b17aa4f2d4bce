//! Characters that the fonts of the program cannot show. PDF/A refuses a file with such a character, and a name that
//! others chose must not prevent a report. Start with [`shown`].

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::typeset::FONTS;
use crate::model::is_printable;

/// Marks that are put onto the character before them. Whether a font can put them there depends on both characters.
static MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{M}$").expect("the expression is valid"));

/// The text on one line, with the number in place of each character that cannot be shown: `[U+4E2D]`.
pub(super) fn shown(text: &str) -> String {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            c if !is_printable(c) => out.push('\u{fffd}'),
            c if FONTS.have(c) && !is_mark(c) => out.push(c),
            c => out.push_str(&format!("[U+{:04X}]", u32::from(c))),
        }
    }
    out
}

/// The same for every text of a JSON value.
pub(super) fn all_shown(value: &mut Value) {
    match value {
        Value::String(text) => *text = shown(text),
        Value::Array(items) => items.iter_mut().for_each(all_shown),
        Value::Object(fields) => fields.values_mut().for_each(all_shown),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_mark(c: char) -> bool {
    MARK.is_match(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_font_has_is_shown_as_its_number() {
        assert_eq!(shown("Größe → 7 µs · “ok”, …"), "Größe → 7 µs · “ok”, …");
        assert_eq!(shown("shop-\u{4e2d}\u{1f600}"), "shop-[U+4E2D][U+1F600]");
        assert_eq!(shown("e\u{301}"), "e[U+0301]");
        assert_eq!(shown("a\nb\u{1b}\u{202e}"), "a b\u{fffd}\u{fffd}");
    }

    /// Every text of the catalogue can be shown, in each language.
    #[test]
    fn the_texts_of_the_program_lose_no_character() {
        for text in [crate::report::english().as_str(), include_str!("../words/de.yaml")] {
            let lost: Vec<char> =
                text.chars().filter(|c| *c != '\n' && shown(&c.to_string()) != c.to_string()).collect();
            assert!(lost.is_empty(), "{lost:?}");
        }
    }
}
