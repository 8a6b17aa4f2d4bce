//! Label selectors, with matchExpressions. Tools often forget those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A label selector. An empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Selector {
    /// All of these labels must match.
    pub match_labels: BTreeMap<String, String>,
    /// All of these expressions must match.
    pub match_expressions: Vec<Requirement>,
}

/// One expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirement {
    /// Label.
    pub key: String,
    /// In, NotIn, Exists or DoesNotExist.
    pub operator: String,
    /// Values of In and NotIn.
    pub values: Vec<String>,
}

impl Selector {
    /// Parses the text of a `labelSelector` query: `a=b,c!=d,e in (x,y),f,!g`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut selector = Self::default();
        for term in terms(text) {
            let (key, operator, values) = requirement(term)?;
            if !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) || key.is_empty() {
                return Err(format!("unable to parse requirement: `{term}`"));
            }
            selector.match_expressions.push(Requirement { key, operator: operator.to_owned(), values });
        }
        Ok(selector)
    }

    /// A selector that matches nothing.
    pub fn nothing() -> Self {
        Self { match_expressions: vec![Requirement::default()], ..Self::default() }
    }

    /// Whether labels match. An expression with an unknown operator matches nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|r| {
                let value = labels.get(&r.key);
                match r.operator.as_str() {
                    "In" => value.is_some_and(|v| r.values.contains(v)),
                    "NotIn" => value.is_none_or(|v| !r.values.contains(v)),
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
    }
}

/// Splits a text at commas that are not inside parentheses.
fn terms(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|t| !t.is_empty())
    .collect()
}

fn requirement(term: &str) -> Result<(String, &'static str, Vec<String>), String> {
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some(key) = term.strip_prefix('!') {
        return Ok((key.trim().to_owned(), "DoesNotExist", vec![]));
    }
    if let Some((key, value)) = term.split_once("!=") {
        return Ok((key.trim().to_owned(), "NotIn", one(value)));
    }
    if let Some((key, value)) = term.split_once('=') {
        return Ok((key.trim().to_owned(), "In", one(value.trim_start_matches('='))));
    }
    let Some((head, set)) = term.split_once('(') else { return Ok((term.to_owned(), "Exists", vec![])) };
    let set = set.strip_suffix(')').ok_or_else(|| format!("unable to parse requirement: `{term}`"))?;
    let values = set.split(',').map(|v| v.trim().to_owned()).collect();
    match head.split_whitespace().collect::<Vec<_>>()[..] {
        [key, "in"] => Ok((key.to_owned(), "In", values)),
        [key, "notin"] => Ok((key.to_owned(), "NotIn", values)),
        _ => Err(format!("unable to parse requirement: `{term}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_count_as_much_as_labels() {
        let selector: Selector = serde_json::from_value(serde_json::json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["test"]}],
        }))
        .expect("a selector");
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert!(selector.matches(&labels(&[("app", "web")])));
        assert!(!selector.matches(&labels(&[("app", "web"), ("tier", "test")])));
        assert!(!selector.matches(&labels(&[("tier", "prod")])));
        assert!(Selector::default().matches(&labels(&[])));
    }

    #[test]
    fn the_text_form_says_the_same() {
        let labels: BTreeMap<String, String> = [("app".to_owned(), "web".to_owned())].into();
        for (text, wanted) in [
            ("app=web", true),
            ("app==web,tier!=test", true),
            ("app in (web, api),!tier", true),
            ("app notin (web)", false),
            ("tier", false),
            ("", true),
        ] {
            assert_eq!(Selector::parse(text).expect(text).matches(&labels), wanted, "{text}");
        }
        assert!(Selector::parse("app in web").is_err());
    }
}
