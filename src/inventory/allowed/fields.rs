//! The fields of a kind that are kept, as a tree.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{super::LEFT_OUT, keep::Keep};

/// How fields are kept, their path, and their names: `("/status", "phase errors")`. A `*` in a path matches any item
/// of a list, or any key of a map.
pub(super) type Listed = (Keep, &'static str, &'static str);

/// The fields of an object that are kept.
#[derive(Debug, Default)]
pub(super) struct Fields {
    keep: Option<Keep>,
    named: BTreeMap<String, Fields>,
    any: Option<Box<Fields>>,
}

impl Fields {
    /// Adds fields below a path.
    pub(super) fn list(&mut self, below: &str, listed: &[Listed]) {
        for (keep, base, names) in listed {
            for name in names.split_whitespace() {
                self.add(&format!("{below}{base}/{name}"), *keep);
            }
        }
    }

    fn add(&mut self, path: &str, keep: Keep) {
        let mut at = self;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = match part {
                "*" => at.any.get_or_insert_default(),
                _ => at.named.entry(part.replace("~1", "/")).or_default(),
            };
        }
        at.keep = Some(keep);
    }

    /// The fields below a key of a map.
    fn below(&self, key: &str) -> Option<&Self> {
        self.named.get(key).or(self.any.as_deref())
    }

    /// What is kept of a value. Maps and lists on the way to a field are kept even if nothing inside them is kept:
    /// checks ask whether they exist, and findings refer to list items by number.
    pub(super) fn of(&self, value: &Value) -> Option<Value> {
        if self.named.is_empty() && self.any.is_none() {
            return self.keep?.of(value);
        }
        match value {
            Value::Object(map) => {
                let kept = map.iter().filter_map(|(key, v)| Some((key.clone(), self.below(key)?.of(v)?)));
                Some(Value::Object(kept.collect::<Map<_, _>>()))
            }
            Value::Array(items) => {
                let any = self.any.as_deref()?;
                Some(items.iter().map(|item| any.of(item).unwrap_or_else(|| LEFT_OUT.into())).collect())
            }
            _ => self.keep?.of(value),
        }
    }

    /// How the value at a path is kept.
    #[cfg(test)]
    pub(super) fn kept_at(&self, path: &[&str]) -> Option<Keep> {
        let Some((part, rest)) = path.split_first() else { return self.keep };
        match self.keep {
            Some(keep) if self.named.is_empty() && self.any.is_none() => Some(keep),
            _ => self.below(part)?.kept_at(rest),
        }
    }

    /// Every listed path, and how its value is kept.
    #[cfg(test)]
    pub(super) fn paths(&self, from: &[String], found: &mut Vec<(Vec<String>, Keep)>) {
        found.extend(self.keep.map(|keep| (from.to_vec(), keep)));
        let any = self.any.as_deref().map(|below| ("*".to_owned(), below));
        for (part, below) in self.named.iter().map(|(k, v)| (k.clone(), v)).chain(any) {
            below.paths(&[from, &[part]].concat(), found);
        }
    }
}
