//! Secrets: named by reference, resolved when they are used, written nowhere.

use std::{collections::BTreeMap, fmt, sync::Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretRef {
    /// An environment variable of the runner.
    Env(String),
    /// A file.
    File(String),
    /// A program's standard output; no shell.
    Exec(Vec<String>),
}

/// A resolved secret. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Knows every secret that was resolved in this process, and takes them out of
/// whatever is about to be written.
#[derive(Debug, Default)]
pub struct Redactor {
    known: Mutex<BTreeMap<String, Secret>>,
}

impl Redactor {
    /// Remembers a secret.
    pub fn remember(&self, name: &str, secret: Secret) {
        // A short one would blot out half of the report; it is no secret either.
        if secret.0.len() >= 4 {
            self.lock().insert(name.to_owned(), secret);
        }
    }

    /// The text without any known secret, as is and as it stands in JSON.
    pub fn clean(&self, mut text: String) -> String {
        for secret in self.lock().values() {
            if text.contains(&secret.0) {
                text = text.replace(&secret.0, "***");
            }
            let escaped = serde_json::to_string(&secret.0).unwrap_or_default();
            let inner = escaped.trim_matches('"');
            if inner != secret.0 && !inner.is_empty() && text.contains(inner) {
                text = text.replace(inner, "***");
            }
        }
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Secret>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_never_leaves() {
        let redactor = Redactor::default();
        redactor.remember("token", Secret("s3cr\"et".into()));
        let json = serde_json::json!({"header": "Bearer s3cr\"et"}).to_string();
        assert!(!redactor.clean(json).contains("s3cr"));
        assert_eq!(redactor.clean("x s3cr\"et y".into()), "x *** y");
        assert_eq!(format!("{:?}", Secret("abcd".into())), "***");
    }
}
