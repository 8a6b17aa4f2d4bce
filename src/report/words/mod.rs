//! The texts of the report, apart from what the journal says. Each is a [`Word`] with a key; a language file gives all of
//! them in another language. English is in the catalogue, one file for each part of the report. Start with [`Words`].

pub(super) mod actions;
pub(super) mod annex;
pub(super) mod back;
pub(super) mod before;
pub(super) mod causes;
pub(super) mod controls;
pub(super) mod evidence;
pub(super) mod findings;
pub(super) mod frame;
pub(super) mod gaps;
mod language;
pub(super) mod page_one;
pub(super) mod people;
pub(super) mod pictures;
pub(super) mod results;
pub(super) mod strengths;
pub(super) mod tested;
pub(super) mod timeline;

pub use language::{LanguageError, SHIPPED, english};

use std::{collections::BTreeMap, fmt::Display};

/// A text of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Its key in language files.
    pub key: &'static str,
    /// The English text. `{0}`, `{1}` and so on stand for values.
    pub english: &'static str,
}

/// Defines the texts of a part of the report, and the list of them. The key is the part and the name, in lower case.
macro_rules! words {
    ($part:literal, $($name:ident = $english:literal;)*) => {
        $(pub(in crate::report) const $name: super::Word =
            super::Word { key: concat!($part, ".", stringify!($name)), english: $english };)*
        pub(super) const ALL: &[super::Word] = &[$($name),*];
    };
}
use words;

/// A text of the catalogue with its values, in the language of the report.
macro_rules! say {
    ($words:expr, $word:expr $(, $with:expr)* $(,)?) => {
        $words.say(&$word, &[$(&$with as &dyn std::fmt::Display),*])
    };
}
pub(super) use say;

/// Several texts without values, such as the headings of a table.
macro_rules! head {
    ($words:expr, $($word:expr),* $(,)?) => { vec![$($words.say(&$word, &[])),*] };
}
pub(super) use head;

/// Every text, by part.
const CATALOGUE: [&[Word]; 17] = [
    frame::ALL,
    page_one::ALL,
    strengths::ALL,
    tested::ALL,
    results::ALL,
    timeline::ALL,
    back::ALL,
    findings::ALL,
    gaps::ALL,
    causes::ALL,
    actions::ALL,
    before::ALL,
    controls::ALL,
    evidence::ALL,
    people::ALL,
    annex::ALL,
    pictures::ALL,
];

/// Every text of the catalogue.
pub fn catalogue() -> impl Iterator<Item = &'static Word> {
    CATALOGUE.into_iter().flatten()
}

/// The texts in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The code of the language, for readers of HTML.
    language: String,
    /// The texts by key; empty for English.
    other: BTreeMap<String, String>,
}

impl Default for Words {
    fn default() -> Self {
        Self { language: "en".into(), other: BTreeMap::new() }
    }
}

impl Words {
    /// The code of the language, such as `en`.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// A text with its values.
    pub fn say(&self, word: &Word, with: &[&dyn Display]) -> String {
        let text = self.other.get(word.key).map_or(word.english, String::as_str);
        fill(text, with)
    }
}

/// Puts the values in place of `{0}`, `{1}` and so on. The text of a value is not read again.
fn fill(text: &str, with: &[&dyn Display]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let number = after.chars().next().and_then(|c| c.to_digit(10)).filter(|_| after[1..].starts_with('}'));
        match number.and_then(|n| with.get(n as usize)) {
            Some(value) => {
                out.push_str(&value.to_string());
                rest = &after[2..];
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_the_text_says_and_are_not_read_again() {
        assert_eq!(fill("{1} of {0}: {2} {x} {", &[&"{1}", &7]), "7 of {1}: {2} {x} {");
    }

    #[test]
    fn every_key_is_once_in_the_catalogue() {
        let mut keys: Vec<&str> = catalogue().map(|w| w.key).collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}
