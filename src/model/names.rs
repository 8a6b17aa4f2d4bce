//! The names that a run writes down without redaction: names of objects, labels and directories. A secret must not be
//! equal to one of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Secret;

/// All names that a run may write down.
#[derive(Clone, Debug, Default)]
pub struct Names {
    whole: BTreeSet<String>,
}

impl Names {
    /// Collects every text in a document.
    pub fn of(document: &Value) -> Self {
        let mut names = Self::default();
        names.add_document(document);
        names
    }

    /// Adds one name.
    pub fn add(&mut self, name: &str) {
        if !name.is_empty() && !self.whole.contains(name) {
            self.whole.insert(name.to_owned());
        }
    }

    /// Adds every text of another document.
    pub fn add_document(&mut self, document: &Value) {
        match document {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_document(item)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.add(key);
                    self.add_document(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a secret is equal to a name, a segment of a path or the value of a label. A secret that is long enough
    /// must not occur inside a name either.
    pub fn hold(&self, secret: &Secret) -> bool {
        let value = secret.reveal();
        if value.is_empty() {
            return false;
        }
        self.whole.iter().any(|name| {
            name == value
                || name.split(['/', '=', ':', ',', ' ']).any(|part| part == value)
                || !secret.is_short() && name.contains(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_no_name() {
        let names = Names::of(&json!({"node": "kind-worker", "labels": {"team": "blue"}, "n": 2026,
            "path": "/api/v1/namespaces/shop/pods", "uid": "0b5f2c1e-1111-4a4a-9c9c-2f2f2f2f2f2f"}));
        let held = |text: &str| names.hold(&Secret::new(text));
        for name in ["node", "kind-worker", "blue", "team", "shop", "namespaces", "0b5f2c1e", "ind-work", "4a4a-9c9c"] {
            assert!(held(name), "{name}");
        }
        for other in ["", "blu", "2026", "hunter22", "worker", "4a4a"] {
            assert!(!held(other), "{other}");
        }
    }
}
