//! New pieces of YAML and JSON, as an insertion needs them.

use serde::Serialize;
use serde_json::Value;
use serde_saphyr::SerializerOptions;

/// A value as YAML in block style, without indentation; it ends with a line break. Texts that an older reader of YAML
/// would take for something else are quoted.
pub fn yaml(value: &impl Serialize) -> String {
    let text = serde_saphyr::to_string_with_options(value, SerializerOptions::default()).unwrap_or_default();
    if text.ends_with('\n') { text } else { text + "\n" }
}

/// The same lines, indented, with the line breaks of the file around them.
pub(super) fn indented(text: &str, columns: usize, line_break: &str) -> String {
    let indent = " ".repeat(columns);
    text.lines()
        .map(|line| if line.is_empty() { line_break.to_owned() } else { format!("{indent}{line}{line_break}") })
        .collect()
}

/// A value in flow style. JSON is flow style that every reader accepts.
pub(super) fn flow(value: &Value) -> String {
    value.to_string()
}

/// Whether a text is one word of letters. A key of this form needs no quotes in flow style, and a text of this form
/// nothing but its quotes.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic())
}
