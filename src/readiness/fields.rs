//! The fields of the kinds of Kubernetes, to find those that no API server knows. The table is generated from the
//! OpenAPI document that it names.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use serde_json::Value;

/// The type of what a field holds, by number.
#[derive(Clone, Copy, Debug)]
enum Holds {
    /// A text, a number, or anything.
    Plain,
    One(usize),
    Items(usize),
    Values(usize),
}

type Type = BTreeMap<&'static str, Holds>;

struct Table {
    kinds: BTreeMap<(&'static str, &'static str, &'static str), usize>,
    types: Vec<Type>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let lines = include_str!("data/fields.txt").lines().filter(|line| !line.starts_with('#'));
    let (mut kinds, mut types, mut of_types) = (BTreeMap::new(), vec![], false);
    for line in lines {
        if of_types {
            types.push(line.split(' ').map(field).collect());
        } else if line == "types" {
            of_types = true;
        } else if let [group, version, kind, number] = line.split('\t').collect::<Vec<_>>()[..] {
            let group = if group == "core" { "" } else { group };
            kinds.insert((group, version, kind), number.parse().unwrap_or(usize::MAX));
        }
    }
    Table { kinds, types }
});

fn field(text: &'static str) -> (&'static str, Holds) {
    let Some(at) = text.find(['=', '@', '%']) else { return (text, Holds::Plain) };
    let number = text[at + 1..].parse().unwrap_or(usize::MAX);
    let holds = match &text[at..=at] {
        "=" => Holds::One(number),
        "@" => Holds::Items(number),
        _ => Holds::Values(number),
    };
    (&text[..at], holds)
}

/// A field that the API server does not know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownField {
    /// Where it is.
    pub pointer: String,
    /// The field that differs only in its capital letters; empty if there is none.
    pub meant: &'static str,
}

/// The fields of an object that its kind does not have. None if the table does not have the kind.
pub(crate) fn unknown_fields(group: &str, version: &str, kind: &str, body: &Value) -> Option<Vec<UnknownField>> {
    let table: &Table = &TABLE;
    let kinds: &BTreeMap<(&str, &str, &str), usize> = &table.kinds;
    let root = *kinds.get(&(group, version, kind))?;
    let mut found = vec![];
    walk(table, root, body, &mut String::new(), &mut found);
    // An encrypted Secret has the metadata of SOPS beside its fields.
    found.retain(|field| kind != "Secret" || field.pointer != "/sops");
    Some(found)
}

fn walk(table: &Table, number: usize, value: &Value, at: &mut String, found: &mut Vec<UnknownField>) {
    let (Some(fields), Some(map)) = (table.types.get(number), value.as_object()) else { return };
    for (key, inner) in map {
        // What drillmaster itself wrote there.
        if key.starts_with("drillmaster.dev/") {
            continue;
        }
        let length = at.len();
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        let known: Option<&Holds> = fields.get(key.as_str());
        match known {
            None => {
                let meant = fields.keys().find(|name| name.eq_ignore_ascii_case(key)).copied().unwrap_or("");
                found.push(UnknownField { pointer: at.clone(), meant });
            }
            Some(Holds::Plain) => {}
            Some(Holds::One(number)) => walk(table, *number, inner, at, found),
            Some(Holds::Items(number)) => {
                for (i, item) in inner.as_array().into_iter().flatten().enumerate() {
                    let length = at.len();
                    let _ = write!(at, "/{i}");
                    walk(table, *number, item, at, found);
                    at.truncate(length);
                }
            }
            Some(Holds::Values(number)) => {
                inner.as_object().into_iter().flatten().for_each(|(_, v)| walk(table, *number, v, at, found));
            }
        }
        at.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_differs_in_its_capital_letters_is_told() {
        let body = json!({"spec": {"replicas": 1, "template": {"spec": {
            "containers": [{"name": "a", "readinessprobe": {}, "env": [{"name": "x", "vlaue": "y"}]}],
            "volumes": [{"name": "v", "emptyDir": {}}]}}}});
        let found = unknown_fields("apps", "v1", "Deployment", &body).expect("a known kind");
        let told: Vec<(&str, &str)> = found.iter().map(|s| (s.pointer.as_str(), s.meant)).collect();
        assert_eq!(
            told,
            [
                ("/spec/template/spec/containers/0/env/0/vlaue", ""),
                ("/spec/template/spec/containers/0/readinessprobe", "readinessProbe"),
            ]
        );
        assert_eq!(unknown_fields("example.com", "v1", "Deployment", &body), None);
        let secret = json!({"data": {"a": "b"}, "sops": {"mac": "x"}});
        assert_eq!(unknown_fields("", "v1", "Secret", &secret), Some(vec![]));
    }
}
