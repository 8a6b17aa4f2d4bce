//! Secrets: named by reference, resolved when they are used, written nowhere.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::SHORT_SECRET;

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

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Exec(argv) => write!(f, "program {}", argv.first().map_or("", String::as_str)),
        }
    }
}

const MARK: &str = "${secret:";

/// Stands for a secret in a text until it is resolved.
pub fn secret_mark(name: &str) -> String {
    format!("{MARK}{name}}}")
}

/// Whether a text waits for a secret.
pub fn has_secret_mark(text: &str) -> bool {
    text.contains(MARK)
}

/// A resolved secret. It prints as `***`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    /// What was read.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself: for the program or the request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Too short to be looked for in text: what was given it is not shown.
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < SHORT_SECRET
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The URL of a webhook, which lets anybody post who knows it: what people see of it, and
/// what is written down, ends with its host.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// As it was written.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself: for the request.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with(MARK) {
            return f.write_str(&self.0);
        }
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        let host = authority.rsplit('@').next().unwrap_or("");
        if scheme.is_empty() { f.write_str("***") } else { write!(f, "{scheme}://{host}/***") }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for WebhookUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_stars() {
        assert_eq!(format!("{:?}", Secret::new("abcd")), "***");
        for (url, shown) in [
            ("https://hooks.example.com/services/T0/B0/XXXX", "https://hooks.example.com/***"),
            ("https://user:pass@h:8080?token=x", "https://h:8080/***"),
            ("${secret:hook}", "${secret:hook}"),
            ("hooks.example.com/services/T0", "***"),
        ] {
            let url = WebhookUrl::new(url);
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(serde_json::to_value(&url).expect("it is a string"), shown);
        }
    }
}
