//! Describes what is wrong with a YAML text without repeating any of the text.

use serde_saphyr::Error;

/// The line and the kind of a mistake. The parser's own message quotes the text, which may be that of a Secret.
pub(crate) fn yaml_mistake(error: &Error) -> String {
    let error = error.without_snippet();
    let kind = match error {
        Error::ExternalMessage { msg, .. } => parsers_word(msg),
        Error::DuplicateMappingKey { .. } => "a key is given twice",
        Error::Eof { .. } => "the text ends too early",
        Error::MultipleDocuments { .. } => "it contains more than one document",
        Error::UnknownAnchor { .. } => "an alias refers to an anchor that does not exist",
        Error::NonFiniteFloat { .. } => "a number is not finite",
        Error::InvalidUtf8Input => "it is not valid UTF-8",
        Error::Budget { .. } => "it is too large or nested too deeply",
        _ => "a value has the wrong type",
    };
    match error.location() {
        Some(at) => format!("line {}: {kind}", at.line()),
        None => kind.to_owned(),
    }
}

/// The parser's messages are fixed texts. Some contain a part of the input after a quote or a colon.
fn parsers_word(message: &str) -> &str {
    let fixed = message.split(['`', '\'', '"', ':', '\n']).next().unwrap_or("").trim();
    if fixed.is_empty() { "it is not YAML" } else { fixed }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_mistake_is_told_without_the_text() {
        for (text, line) in [
            ("a: hunter22\nb: hunter22: hunter22\n", 2),
            ("a: hunter22\nhunter22: [\n", 0),
            ("hunter22: 1\nhunter22: 2\n", 2),
            ("a: hunter22\nb: *hunter22\n", 2),
            ("a: \"hunter22\\qhunter22\"\n", 1),
            ("a: @hunter22\n", 1),
            ("- hunter22\n---\n- hunter22\n", 0),
            ("a: !!int hunter22\n", 1),
            ("\thunter22: {\n", 1),
            ("%hunter22 hunter22\n---\na: b\n", 0),
            ("a: |\n hunter22\n\thunter22\nb\n", 0),
        ] {
            let Err(error) = serde_saphyr::from_str::<Value>(text) else { continue };
            let said = yaml_mistake(&error);
            assert!(!said.contains("hunter"), "{said}");
            assert!(line == 0 || said.starts_with(&format!("line {line}: ")), "{text:?}: {said}");
        }
    }
}
