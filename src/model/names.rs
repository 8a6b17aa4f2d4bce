//! The names of a run: of objects, labels, folders. They are written down as they are,
//! so a secret must not be one of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Secret;

/// Every name that a run may write down.
#[derive(Clone, Debug, Default)]
pub struct Names {
    whole: BTreeSet<String>,
}

impl Names {
    /// Every text in a document.
    pub fn of(document: &Value) -> Self {
        let mut names = Self::default();
        names.take(document);
        names
    }

    /// And one more.
    pub fn add(&mut self, name: &str) {
        if !name.is_empty() && !self.whole.contains(name) {
            self.whole.insert(name.to_owned());
        }
    }

    /// And those of another document.
    pub fn take(&mut self, document: &Value) {
        match document {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.add(key);
                    self.take(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a secret is a name, a segment of a path or the value of a label; one that is
    /// not short must not occur in any of them either.
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
