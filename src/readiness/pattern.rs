//! Patterns for names, such as `PDB-*`: `*` stands for any characters.

/// Whether one of the patterns matches a name; `*` stands for anything.
pub(crate) fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern, name))
}

/// Whether a pattern matches a text; `*` stands for any characters.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob("PDB-*", "PDB-003") && glob("*", "x") && glob("a*c", "abc") && glob("a*b*", "a-b-c"));
        assert!(!glob("PDB-*", "NET-001") && !glob("a*c", "ab") && !glob("a", "ab") && !glob("a*a", "a"));
    }
}
