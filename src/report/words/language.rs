//! Language files: all texts of the catalogue in another language. A missing text is an error, so that no report is half
//! in one language and half in another. Start with [`Words::read`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Word, Words, catalogue};

/// The languages that are part of the program, with their files.
pub const SHIPPED: [(&str, &str); 1] = [("de", include_str!("de.yaml"))];

/// A key with the code of the language.
const CODE: &str = "language";
/// At most this many keys are named.
const NAMED: usize = 5;

/// Why a language file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LanguageError {
    /// It is not YAML of the right form.
    #[error("{0}: this is not a language file: {1}; write one line `key: text` for each text")]
    Form(String, String),
    /// It does not say which language it is.
    #[error("{0}: `language` must have the code of the language, such as `language: de`")]
    NoCode(String),
    /// Texts are missing.
    #[error("{0}: {1} missing: {2}; `drillmaster report --language-keys` prints all of them with their English text")]
    Missing(String, String, String),
    /// Keys are not in the catalogue.
    #[error("{0}: not in the catalogue: {1}; correct or remove them")]
    Unknown(String, String),
    /// A text has other values than the English one.
    #[error("{0}: `{1}` must have the values {2}, as in the English text: {3}")]
    Values(String, String, String, String),
}

impl Words {
    /// The texts of a language that is part of the program.
    pub fn shipped(code: &str) -> Option<Result<Self, LanguageError>> {
        if code == "en" {
            return Some(Ok(Self::default()));
        }
        let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == code)?;
        Some(Self::read(code, text))
    }

    /// Reads a language file. It must have every text of the catalogue, each with the values of the English one.
    ///
    /// # Errors
    /// What is missing or wrong in the file, with the keys.
    pub fn read(file: &str, text: &str) -> Result<Self, LanguageError> {
        let read: Result<BTreeMap<String, String>, _> = serde_saphyr::from_str(text);
        let mut other = read.map_err(|e| LanguageError::Form(file.into(), first_line(&e.to_string())))?;
        let language = other.remove(CODE).filter(|code| is_code(code));
        let language = language.ok_or_else(|| LanguageError::NoCode(file.into()))?;
        let keys: BTreeMap<String, &Word> = catalogue().map(|w| (name(w), w)).collect();
        let missing: Vec<&str> = keys.keys().filter(|key| !other.contains_key(*key)).map(String::as_str).collect();
        if !missing.is_empty() {
            let count = if missing.len() == 1 { "a text is".into() } else { format!("{} texts are", missing.len()) };
            return Err(LanguageError::Missing(file.into(), count, named(&missing)));
        }
        let unknown: Vec<&str> = other.keys().filter(|key| !keys.contains_key(*key)).map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(LanguageError::Unknown(file.into(), named(&unknown)));
        }
        for (key, word) in &keys {
            let (wanted, given) = (values(word.english), values(&other[key]));
            if wanted != given {
                let wanted: Vec<String> = wanted.into_iter().collect();
                let wanted = if wanted.is_empty() { "(none)".into() } else { wanted.join(", ") };
                return Err(LanguageError::Values(file.into(), key.clone(), wanted, word.english.into()));
            }
        }
        let other = keys.into_iter().filter_map(|(key, word)| Some((word.key.to_owned(), other.remove(&key)?)));
        Ok(Self { language, other: other.collect() })
    }
}

/// The English catalogue as a language file.
pub fn english() -> String {
    let lines = catalogue().map(|w| format!("{}: {}\n", name(w), serde_json::Value::from(w.english)));
    format!("{CODE}: en\n{}", lines.collect::<String>())
}

/// The key as language files write it.
fn name(word: &Word) -> String {
    word.key.to_lowercase()
}

fn is_code(code: &str) -> bool {
    (2..=11).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn named(keys: &[&str]) -> String {
    let more = keys.len().saturating_sub(NAMED);
    let shown: Vec<String> = keys.iter().take(NAMED).map(|key| format!("`{key}`")).collect();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The values that a text has, such as `{0}`.
fn values(text: &str) -> BTreeSet<String> {
    let digits = text.match_indices('{').filter_map(|(at, _)| {
        let mut after = text[at + 1..].chars();
        let digit = after.next().filter(char::is_ascii_digit)?;
        (after.next() == Some('}')).then(|| format!("{{{digit}}}"))
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_languages_are_complete() {
        for (code, _) in SHIPPED {
            let words = Words::shipped(code).expect("shipped").unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(words.language(), code);
        }
        assert_eq!(Words::read("en", &english()).expect("the catalogue").language(), "en");
    }

    #[test]
    fn a_language_file_lacks_no_text_and_has_no_other() {
        let whole = english();
        let without = whole.lines().filter(|l| !l.starts_with("page_one.passed:")).collect::<Vec<_>>().join("\n");
        let error = Words::read("xx.yaml", &without).expect_err("incomplete").to_string();
        assert!(error.contains("a text is missing: `page_one.passed`"), "{error}");
        let error = Words::read("xx.yaml", &format!("{whole}page_one.best: x\n")).expect_err("unknown").to_string();
        assert!(error.contains("`page_one.best`"), "{error}");
        let changed = whole.replace("All {0} required", "All required");
        let error = Words::read("xx.yaml", &changed).expect_err("a value less").to_string();
        assert!(error.contains("{0}"), "{error}");
        assert!(matches!(Words::read("xx.yaml", "- a"), Err(LanguageError::Form(..))));
        assert!(matches!(Words::read("xx.yaml", "a: b"), Err(LanguageError::NoCode(_))));
    }
}
