//! Knows all secrets that this process resolved, in each form in which they may appear, and removes them from text
//! that people will read. Start with [`Redactor`].

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Secret, Told, forms};

/// The secrets of a run, and the search for them.
#[derive(Default)]
pub struct Redactor {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    secrets: BTreeSet<Secret>,
    forms: Option<Arc<AhoCorasick>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Remembers a secret. A short one is not searched for.
    pub fn remember(&self, secret: Secret) {
        if secret.is_short() {
            return;
        }
        let mut known = self.lock();
        if known.secrets.insert(secret) {
            let forms: BTreeSet<String> = known.secrets.iter().flat_map(|s| forms::of(s.reveal())).collect();
            known.forms = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms).ok().map(Arc::new);
        }
    }

    /// The text without any known secret, and without user and password in URLs.
    pub fn clean(&self, text: &str) -> Told {
        let forms = self.lock().forms.clone();
        let text = match forms {
            Some(forms) if forms.is_match(text) => Cow::Owned(without(&forms, text)),
            _ => Cow::Borrowed(text),
        };
        Told::cleaned(match without_passwords(&text) {
            Some(shorter) => Cow::Owned(shorter),
            None => text,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces each match by `***`. Adjacent matches, such as the lines of one secret, become one.
fn without(forms: &AhoCorasick, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in forms.find_iter(text) {
        let between = &text[from..found.start()];
        if !between.is_empty() || !out.ends_with("***") {
            out.push_str(between);
            out.push_str("***");
        }
        from = found.end();
    }
    out.push_str(&text[from..]);
    out
}

/// Removes user and password from URLs, whether they are known or not. None if there are none.
fn without_passwords(text: &str) -> Option<String> {
    let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '<' | '>' | '`') || c.is_whitespace();
    let (mut out, mut rest, mut found) = (String::new(), text, false);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        out.push_str(before);
        rest = match authority.rfind('@') {
            Some(host) => {
                found = true;
                out.push_str("***");
                &after[host..]
            }
            None => after,
        };
    }
    out.push_str(rest);
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        secrets.iter().for_each(|s| redactor.remember(Secret::new(*s)));
        redactor
    }

    #[test]
    fn a_known_secret_never_leaves() {
        let redactor = knows(&["s3cr\"et-word", "longer s3cr\"et-word here", "tiny"]);
        assert_eq!(redactor.clean("x s3cr\"et-word y"), "x *** y");
        assert_eq!(redactor.clean("x longer s3cr\"et-word here y"), "x *** y");
        // Short secrets are withheld where they are used, not searched for.
        assert_eq!(redactor.clean("a tiny house"), "a tiny house");
    }

    #[test]
    fn passwords_in_urls_always_go() {
        let none = Redactor::default();
        for (given, told) in [
            ("GET http://user:pass@host:9090/api?x=1", "GET http://***@host:9090/api?x=1"),
            (
                "a http://x/y then https://token@github.com and http://a:b@c",
                "a http://x/y then https://***@github.com and http://***@c",
            ),
            ("http://u:p@ss@host", "http://***@host"),
            ("mail me@example.com at http://host/me@example", "mail me@example.com at http://host/me@example"),
            ("://@", "://***@"),
            ("no url", "no url"),
        ] {
            assert_eq!(none.clean(given), told);
        }
    }
}
