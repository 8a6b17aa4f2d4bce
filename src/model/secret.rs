//! Secrets. They are referred to by their source, read when they are needed, and never written down.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// A shorter secret is not searched for in text, because it would match in half of a report. The output of whatever
/// received such a secret is not shown at all.
pub const SHORT_SECRET: usize = 8;

/// The source of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretRef {
    /// An environment variable of the runner.
    Env(String),
    /// A file.
    File(String),
    /// The standard output of a program, which is run without a shell.
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

/// The placeholder for a secret in a text, until the secret is read.
pub fn secret_mark(name: &str) -> String {
    format!("{MARK}{name}}}")
}

/// Whether a text contains a placeholder for a secret.
pub fn has_secret_mark(text: &str) -> bool {
    text.contains(MARK)
}

/// A secret that was read. It prints as `***`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    /// A secret with this value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the program or the request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is too short to be searched for in text. The output of whatever receives it is not shown.
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < SHORT_SECRET
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The URL of a webhook. Whoever knows it can post to it, so only its scheme and host are shown and written down.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// The URL, as it was written.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The full URL, for the request.
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
