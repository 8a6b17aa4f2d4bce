//! The selector language of Calico's policies, such as `app == 'web' && !has(tier)`.

use std::collections::BTreeMap;

/// A selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalicoSelector {
    /// `all()`, `global()`, or an empty selector.
    All,
    /// `has(label)`.
    Has(String),
    /// A test of a label's value: `==`, `in {…}`, `contains`, `starts with`, `ends with`.
    Is(String, Test, Vec<String>),
    /// `!…`.
    Not(Box<Self>),
    /// `… && …`.
    And(Vec<Self>),
    /// `… || …`.
    Or(Vec<Self>),
}

/// How a value is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is one of these.
    In,
    /// It contains this text.
    Contains,
    /// It begins with this text.
    Starts,
    /// It ends with this text.
    Ends,
}

impl CalicoSelector {
    /// Parses a selector.
    ///
    /// # Errors
    /// The part of the text that is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::All);
        }
        let mut reader = Reader { text, left: text };
        let found = reader.either(0)?;
        if reader.left.trim().is_empty() { Ok(found) } else { Err(reader.unread()) }
    }

    /// Whether labels match. `!=` and `not in` also match if the label does not exist.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::All => true,
            Self::Has(label) => labels.contains_key(label),
            Self::Is(label, test, words) => labels.get(label).is_some_and(|value| {
                words.iter().any(|word| match test {
                    Test::In => value == word,
                    Test::Contains => value.contains(word.as_str()),
                    Test::Starts => value.starts_with(word.as_str()),
                    Test::Ends => value.ends_with(word.as_str()),
                })
            }),
            Self::Not(inner) => !inner.matches(labels),
            Self::And(all) => all.iter().all(|s| s.matches(labels)),
            Self::Or(all) => all.iter().any(|s| s.matches(labels)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    left: &'a str,
}

/// The limit for nesting. No real selector is nested more deeply.
const DEEPEST: usize = 50;

impl Reader<'_> {
    fn unread(&self) -> String {
        format!("the selector `{}` is not valid from `{}` on", self.text, self.left.trim())
    }

    fn takes(&mut self, word: &str) -> bool {
        match self.left.trim_start().strip_prefix(word) {
            Some(rest) => {
                self.left = rest;
                true
            }
            None => false,
        }
    }

    fn needs(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) { Ok(()) } else { Err(self.unread()) }
    }

    fn either(&mut self, depth: usize) -> Result<CalicoSelector, String> {
        let mut all = vec![self.both(depth)?];
        while self.takes("||") {
            all.push(self.both(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { CalicoSelector::Or(all) })
    }

    fn both(&mut self, depth: usize) -> Result<CalicoSelector, String> {
        let mut all = vec![self.operand(depth)?];
        while self.takes("&&") {
            all.push(self.operand(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { CalicoSelector::And(all) })
    }

    fn operand(&mut self, depth: usize) -> Result<CalicoSelector, String> {
        if depth > DEEPEST {
            return Err(self.unread());
        }
        if self.takes("!") {
            return Ok(CalicoSelector::Not(Box::new(self.operand(depth + 1)?)));
        }
        if self.takes("(") {
            let inner = self.either(depth + 1)?;
            self.needs(")")?;
            return Ok(inner);
        }
        let label = self.label()?;
        if matches!(label.as_str(), "all" | "global" | "has") && self.takes("(") {
            let inner = if label == "has" { CalicoSelector::Has(self.label()?) } else { CalicoSelector::All };
            self.needs(")")?;
            return Ok(inner);
        }
        self.test(label)
    }

    fn test(&mut self, label: String) -> Result<CalicoSelector, String> {
        let negated = |is| CalicoSelector::Not(Box::new(is));
        if self.takes("==") || self.takes("=") {
            return Ok(CalicoSelector::Is(label, Test::In, vec![self.word()?]));
        }
        if self.takes("!=") {
            return Ok(negated(CalicoSelector::Is(label, Test::In, vec![self.word()?])));
        }
        if self.takes("contains") {
            return Ok(CalicoSelector::Is(label, Test::Contains, vec![self.word()?]));
        }
        for (word, test) in [("starts", Test::Starts), ("ends", Test::Ends)] {
            if self.takes(word) {
                self.needs("with")?;
                return Ok(CalicoSelector::Is(label, test, vec![self.word()?]));
            }
        }
        let not = self.takes("not");
        self.needs("in")?;
        self.needs("{")?;
        let mut words = vec![];
        while !self.takes("}") {
            words.push(self.word()?);
            let _ = self.takes(",");
        }
        let is = CalicoSelector::Is(label, Test::In, words);
        Ok(if not { negated(is) } else { is })
    }

    fn label(&mut self) -> Result<String, String> {
        let rest = self.left.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unread());
        }
        self.left = &rest[end..];
        Ok(rest[..end].to_owned())
    }

    fn word(&mut self) -> Result<String, String> {
        let rest = self.left.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(|| self.unread())?;
        let (word, after) = rest[1..].split_once(quote).ok_or_else(|| self.unread())?;
        self.left = after;
        Ok(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language() {
        let labels: BTreeMap<String, String> =
            [("app", "web"), ("tier", "front-end")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        for (text, wanted) in [
            ("", true),
            ("all()", true),
            ("app == 'web'", true),
            ("app=='api' || tier starts with \"front\"", true),
            ("app in {'api', 'web'} && !has(legacy)", true),
            ("app not in {'web'}", false),
            ("zone != 'a'", true),
            ("!(app == 'web' && tier ends with 'end')", false),
            ("has(app) && tier contains 'nt-e'", true),
        ] {
            assert_eq!(CalicoSelector::parse(text).expect(text).matches(&labels), wanted, "{text}");
        }
        for text in
            ["app == web", "app", "has(app", "(app == 'web'", "app == 'web' or b", "app in {'a'", &"(".repeat(99)]
        {
            assert!(CalicoSelector::parse(text).is_err(), "{text}");
        }
    }
}
