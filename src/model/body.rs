//! How a probe compares the body of an answer. By default the whole body must match: `not ok` also contains `ok`, and
//! a load balancer's own error page may contain anything. Start with [`BodyRule`].

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::has_secret_mark;

/// The rule as a scenario writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BodyRule {
    /// The whole body, except white space at its ends. An empty text accepts any body.
    Exact(String),
    /// Another way to compare.
    By(BodyMatch),
}

/// Another way to compare a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyMatch {
    /// The body begins with this text.
    Prefix(String),
    /// The regular expression matches somewhere in the body; `^` and `$` stand for its ends.
    Regex(String),
    /// The body is JSON and has this value.
    Json(JsonMatch),
}

/// A value in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonMatch {
    /// JSON Pointer (RFC 6901), such as `/status`.
    pub pointer: String,
    /// The value that the pointer must lead to.
    pub equals: Value,
}

impl Default for BodyRule {
    fn default() -> Self {
        Self::Exact(String::new())
    }
}

impl BodyRule {
    /// The text of the rule, which may contain a secret.
    pub fn text(&mut self) -> Option<&mut String> {
        match self {
            Self::Exact(text) | Self::By(BodyMatch::Prefix(text) | BodyMatch::Regex(text)) => Some(text),
            Self::By(BodyMatch::Json(JsonMatch { equals: Value::String(text), .. })) => Some(text),
            Self::By(BodyMatch::Json(_)) => None,
        }
    }

    /// Turns the rule into a check that can be applied to a body.
    ///
    /// # Errors
    /// The regular expression or the JSON pointer is not valid.
    pub fn ready(&self) -> Result<BodyCheck, String> {
        match self {
            // A pattern that contains a secret can be compiled only after the secret was filled in.
            Self::By(BodyMatch::Regex(text)) if !has_secret_mark(text) => match Regex::new(text) {
                Ok(regex) => return Ok(BodyCheck { rule: self.clone(), regex: Some(regex) }),
                Err(error) => return Err(format!("`{text}` is not a valid regular expression: {error}")),
            },
            Self::By(BodyMatch::Json(json)) if !json.pointer.is_empty() && !json.pointer.starts_with('/') => {
                return Err(format!("`{}` is not a JSON Pointer: a pointer begins with `/`", json.pointer));
            }
            _ => {}
        }
        Ok(BodyCheck { rule: self.clone(), regex: None })
    }
}

/// A rule that can be applied to a body.
#[derive(Clone, Debug)]
pub struct BodyCheck {
    rule: BodyRule,
    regex: Option<Regex>,
}

impl BodyCheck {
    /// Whether the rule accepts a body.
    pub fn accepts(&self, body: &str) -> bool {
        match &self.rule {
            BodyRule::Exact(text) => text.is_empty() || body.trim() == text.trim(),
            BodyRule::By(BodyMatch::Prefix(text)) => body.starts_with(text.as_str()),
            BodyRule::By(BodyMatch::Regex(_)) => self.regex.as_ref().is_some_and(|r| r.is_match(body)),
            BodyRule::By(BodyMatch::Json(json)) => {
                let document = serde_json::from_str::<Value>(body).ok();
                document.is_some_and(|d| d.pointer(&json.pointer) == Some(&json.equals))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(rule: &str, body: &str) -> bool {
        let rule: BodyRule = serde_json::from_str(rule).expect("a rule");
        rule.ready().expect("it can be asked").accepts(body)
    }

    #[test]
    fn a_part_of_a_body_is_no_proof() {
        for (rule, body, wanted) in [
            (r#""ok""#, "ok\n", true),
            (r#""ok""#, "not ok", false),
            (r#""ok""#, "invalid token", false),
            (r#""""#, "anything", true),
            (r#"{"prefix": "ok "}"#, "ok 3 of 3", true),
            (r#"{"prefix": "ok "}"#, "not ok 3", false),
            (r#"{"regex": "^(ok|fine)$"}"#, "fine", true),
            (r#"{"regex": "^ok$"}"#, "book", false),
            (r#"{"json": {"pointer": "/status", "equals": "up"}}"#, r#"{"status":"up"}"#, true),
            (r#"{"json": {"pointer": "/status", "equals": "up"}}"#, r#"{"status":"uptight"}"#, false),
            (r#"{"json": {"pointer": "/n", "equals": 3}}"#, "<html>/n 3</html>", false),
        ] {
            assert_eq!(accepts(rule, body), wanted, "{rule} {body}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_said() {
        for rule in [r#"{"regex": "("}"#, r#"{"json": {"pointer": "status", "equals": 1}}"#] {
            let rule: BodyRule = serde_json::from_str(rule).expect("a rule");
            assert!(rule.ready().is_err(), "{rule:?}");
        }
    }
}
