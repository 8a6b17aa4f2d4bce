//! Text for people, and text from outside. What a program, a web server or an API server wrote is [`Raw`]: it cannot
//! be shown before the [`Redactor`] has removed the known secrets from it, and it cannot be cut before that.

use std::{borrow::Cow, fmt, ops::Deref};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Redactor;

/// Text for people, without any known secret. It is made by [`crate::told!`], from literals of this program, or read
/// from a journal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Told(Box<str>);

impl Told {
    /// A literal of this program.
    pub fn fixed(words: &'static str) -> Self {
        Self(words.into())
    }

    /// Text that was made only from the journal or the plan, such as a judgement. Neither of them contains secrets.
    pub fn of_journal(text: impl Into<String>) -> Self {
        Self(text.into().into_boxed_str())
    }

    /// Only the redactor may turn any text into this type.
    pub(super) fn cleaned(text: Cow<'_, str>) -> Self {
        Self(text.into_owned().into_boxed_str())
    }

    /// Its first characters.
    pub fn cut(&self, characters: usize) -> Self {
        Self(self.0.chars().take(characters).collect())
    }

    /// Its last lines, joined to one. Programs write the reason of a failure at the end.
    pub fn last_lines(&self, n: usize) -> Self {
        let lines: Vec<&str> = self.0.lines().collect();
        Self(lines[lines.len().saturating_sub(n)..].join("; ").into_boxed_str())
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as a `String`, which is no longer known to be free of secrets.
    pub fn into_string(self) -> String {
        self.0.into_string()
    }
}

impl Deref for Told {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&'static str> for Told {
    fn from(words: &'static str) -> Self {
        Self::fixed(words)
    }
}

impl PartialEq<str> for Told {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Told {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

/// Text from outside, unchanged. It has no Display: only the redactor makes it readable.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Raw(String);

impl Raw {
    /// The text as it was received.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The output of a program.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).trim().to_owned())
    }

    /// The text to parse or compare; it must never be shown.
    pub fn parse(&self) -> &str {
        &self.0
    }

    /// The text for people.
    pub fn told(&self, redactor: &Redactor) -> Told {
        redactor.clean(&self.0)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from outside", self.0.len())
    }
}

/// Formats a text for people: `told!(redactor, "… {}", x)`. Secrets that the redactor knows are removed.
#[macro_export]
macro_rules! told {
    ($redactor:expr, $($text:tt)+) => {
        $redactor.clean(&format!($($text)+))
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn what_is_cut_was_cleaned_before() {
        let redactor = Redactor::default();
        redactor.remember(Secret::new(format!("hunter22{}", "x".repeat(300))));
        let said = Raw::new(format!("a\nb\nlogin: hunter22{}\nbye", "x".repeat(300)));
        assert_eq!(said.told(&redactor).last_lines(2), "login: ***; bye");
        assert_eq!(said.told(&redactor).cut(3), "a\nb");
        assert_eq!(format!("{said:?}"), "323 bytes from outside");
        assert_eq!(format!("{:>5}|", Told::fixed("abc")), "  abc|");
    }
}
