//! Checks a tree against a JSON Schema and reports every difference with its place. It supports only what the
//! generated schemas of this crate use. Afterwards the types' `Deserialize` makes the final decision.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    problem::{Problem, did_you_mean, listed, meant},
    tree::{At, Data, Node, problem},
    wanted::{choices, shortened, unknown},
};

/// At most this many unknown keys of a map are compared with the keys that it lacks.
const MOST_COMPARED: usize = 100;

/// A difference between a file and its schema.
pub(super) struct Difference {
    pub problem: Problem,
    /// The way to what must be removed for the difference to be gone: keys of maps, indices of lists.
    pub path: Vec<String>,
    /// A key that the map there needs and does not have, with the schema of its value. Then nothing must be removed.
    pub missing: Option<(String, Value)>,
}

/// Returns all differences between `node` and `schema`.
pub(super) fn check(file: &str, node: &Node, schema: &Value) -> Vec<Problem> {
    differences(file, node, schema).into_iter().map(|d| d.problem).collect()
}

/// Returns all differences between `node` and `schema`, with their places.
pub(super) fn differences(file: &str, node: &Node, schema: &Value) -> Vec<Difference> {
    let mut checker = Checker { file, root: schema, path: vec![], found: vec![] };
    checker.node(node, schema, "the file");
    checker.found
}

pub(super) struct Checker<'a> {
    file: &'a str,
    pub root: &'a Value,
    /// The way to the node that is checked.
    path: Vec<String>,
    found: Vec<Difference>,
}

impl<'a> Checker<'a> {
    fn complain(&mut self, at: &At, what: String, help: String) {
        let problem = problem(self.file, at, what, help);
        self.found.push(Difference { problem, path: self.path.clone(), missing: None });
    }

    /// Does something one level deeper.
    fn within(&mut self, part: &str, check: impl FnOnce(&mut Self)) {
        self.path.push(part.to_owned());
        check(self);
        self.path.pop();
    }

    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            match self.root.pointer(reference.trim_start_matches('#')) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn node(&mut self, node: &Node, schema: &'a Value, name: &str) {
        let schema = self.resolve(schema);
        // `vars` has already reported a reference that could not be replaced.
        if scalar_text(node).is_some_and(|t| t.contains("${") && !t.contains("${secret:")) {
            return;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(variants) = schema.get(key).and_then(Value::as_array) {
                return self.variants(node, variants, name);
            }
        }
        if let Some(allowed) = schema
            .get("const")
            .map(|c| vec![c.clone()])
            .or_else(|| schema.get("enum").and_then(Value::as_array).cloned())
        {
            return self.one_of(node, &allowed, name);
        }
        match &node.data {
            Data::Map(entries) if is_type(schema, "object") => self.map(node, entries, schema, name),
            Data::List(items) if is_type(schema, "array") => {
                if let Some(of) = schema.get("items") {
                    for (i, item) in items.iter().enumerate() {
                        self.within(&i.to_string(), |c| c.node(item, of, &format!("an item of {name}")));
                    }
                }
            }
            Data::Scalar(value) if scalar_fits(value, schema) => self.format(node, value, schema, name),
            _ => {
                let (what, help) = self.wrong_type(node, schema, name);
                self.complain(&node.at, what, help);
            }
        }
    }

    fn format(&mut self, node: &Node, value: &Value, schema: &Value, name: &str) {
        let (Some(text), Some(format)) = (value.as_str(), schema.get("format").and_then(Value::as_str)) else {
            return self.bounds(node, value, schema, name);
        };
        let checked = match format {
            "duration-with-unit" => text.parse::<crate::model::Dur>().err(),
            "percent" => text.parse::<crate::model::Percent>().err(),
            "workload" => text.parse::<crate::model::WorkloadRef>().err(),
            "object" => text.parse::<crate::model::ObjectPattern>().err(),
            _ => None,
        };
        if let Some(error) = checked {
            let (what, help) = error.split_once(": ").unwrap_or((&error, ""));
            self.complain(&node.at, what.to_owned(), help.to_owned());
        }
    }

    /// Checks the smallest and the largest allowed value of a number.
    fn bounds(&mut self, node: &Node, value: &Value, schema: &Value, name: &str) {
        let Some(n) = value.as_f64() else { return };
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        let most = bound("maximum").or(match schema.get("format").and_then(Value::as_str) {
            Some("uint8") => Some(f64::from(u8::MAX)),
            Some("uint16") => Some(f64::from(u16::MAX)),
            Some("uint32") => Some(f64::from(u32::MAX)),
            Some("int32") => Some(f64::from(i32::MAX)),
            _ => None,
        });
        if let Some(least) = bound("minimum").filter(|least| n < *least) {
            self.complain(&node.at, format!("{name} is {value}"), format!("the minimum is {least}"));
        }
        if let Some(most) = most.filter(|most| n > *most) {
            self.complain(&node.at, format!("{name} is {value}"), format!("the maximum is {most}"));
        }
    }

    fn one_of(&mut self, node: &Node, allowed: &[Value], name: &str) {
        let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let given = scalar_text(node).unwrap_or_default();
        if words.contains(&given.as_str()) || matches!(&node.data, Data::Scalar(v) if allowed.contains(v)) {
            return;
        }
        let meant = meant(&given, words.iter().copied());
        self.complain(
            &node.at,
            format!("`{given}` is not allowed for {name}"),
            format!("{meant}write one of: {}", listed(&words)),
        );
    }

    /// Either plain words, or maps that are distinguished by their only key, or a value that may be null.
    fn variants(&mut self, node: &Node, variants: &'a [Value], name: &str) {
        let null = matches!(node.data, Data::Scalar(Value::Null));
        let variants: Vec<&Value> = variants.iter().map(|v| self.resolve(v)).collect();
        let real: Vec<&&Value> =
            variants.iter().filter(|v| v.get("type").and_then(Value::as_str) != Some("null")).collect();
        if null && real.len() < variants.len() {
            return;
        }
        if let [only] = real[..] {
            return self.node(node, only, name);
        }
        let words: Vec<Value> = real
            .iter()
            .flat_map(|v| match (v.get("const"), v.get("enum").and_then(Value::as_array)) {
                (Some(c), _) => vec![c.clone()],
                (None, Some(e)) => e.clone(),
                _ => vec![],
            })
            .collect();
        let keyed: Vec<(&str, &Value)> = real.iter().filter_map(|v| single_key(v).map(|k| (k, **v))).collect();
        match &node.data {
            Data::Map(entries) if !keyed.is_empty() => self.keyed(node, entries, &keyed, name),
            Data::Map(_) => match real.iter().find(|v| is_type(v, "object")) {
                Some(object) => self.node(node, object, name),
                None => self.complain(&node.at, format!("{name} cannot be a map"), choices(&words)),
            },
            Data::Scalar(value)
                if !words.is_empty()
                    && !real
                        .iter()
                        .any(|v| v.get("const").is_none() && v.get("enum").is_none() && scalar_fits(value, v)) =>
            {
                self.one_of(node, &words, name);
            }
            Data::Scalar(value) => match real.iter().find(|v| scalar_fits(value, v)) {
                Some(fits) => self.node(node, fits, name),
                None => {
                    let names: Vec<&str> = keyed.iter().map(|(k, _)| *k).collect();
                    let (what, help) = match real.first() {
                        Some(first) if names.is_empty() => self.wrong_type(node, first, name),
                        _ => (
                            format!("{name} cannot be `{}`", shortened(node)),
                            format!("write a map with one of the keys: {}", listed(&names)),
                        ),
                    };
                    self.complain(&node.at, what, help);
                }
            },
            Data::List(_) => match real.iter().find(|v| is_type(v, "array")) {
                Some(list) => self.node(node, list, name),
                None => self.complain(&node.at, format!("{name} cannot be a list"), choices(&words)),
            },
        }
    }

    fn keyed(&mut self, node: &Node, entries: &[(String, At, Node)], keyed: &[(&str, &'a Value)], name: &str) {
        let names = keyed.iter().map(|(k, _)| *k).collect::<Vec<_>>();
        let [(key, at, _)] = entries else {
            let what = format!("{name} must have exactly one key, but has {}", entries.len());
            return self.complain(&node.at, what, format!("write one of: {}", listed(&names)));
        };
        match keyed.iter().find(|(k, _)| k == key) {
            Some((_, schema)) => self.map(node, entries, schema, key),
            None => {
                let (what, help) = unknown(key, name, &names);
                self.within(key, |c| c.complain(at, what, help));
            }
        }
    }

    fn map(&mut self, node: &Node, entries: &[(String, At, Node)], schema: &'a Value, name: &str) {
        let properties: Option<&'a Map<String, Value>> = schema.get("properties").and_then(Value::as_object);
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        for (key, at, child) in entries {
            match properties.and_then(|p| p.get(key)) {
                Some(property) => self.within(key, |c| c.node(child, property, &format!("`{key}`"))),
                None if closed => {
                    let (what, help) = self.unknown_key(key, name, properties);
                    self.within(key, |c| c.complain(at, what, help));
                }
                None => {
                    if let Some(of) = schema.get("additionalProperties").filter(|v| v.is_object()) {
                        self.within(key, |c| c.node(child, of, &format!("`{key}`")));
                    }
                }
            }
        }
        self.missing(node, entries, schema, name);
    }

    /// Checks that a map has the keys that it needs.
    fn missing(&mut self, node: &Node, entries: &[(String, At, Node)], schema: &'a Value, name: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let has = |wanted: &str| entries.iter().any(|(key, ..)| key == wanted);
        let missing: Vec<&str> = required.filter(|key| !has(key)).collect();
        if missing.is_empty() {
            return;
        }
        let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let unknown = entries.iter().filter(|(key, ..)| !names.contains(&key.as_str())).take(MOST_COMPARED);
        // A key with another name or a typing error is reported as such, and not as missing too.
        let meant: BTreeSet<&str> = unknown.filter_map(|(key, ..)| did_you_mean(key, names.iter().copied())).collect();
        for key in missing.into_iter().filter(|key| !meant.contains(key)) {
            let of = entries.iter().find(|(other, ..)| key == "workload" && other == "of").map(|(.., of)| of.value());
            let of = of.as_ref().and_then(Value::as_str).filter(|of| of.parse::<crate::model::WorkloadRef>().is_ok());
            let help = match of {
                Some(of) => format!("write `workload: {of}` in place of `of: {of}`: `of` is the name of a step"),
                None => self.needed(key, properties),
            };
            self.complain(&node.at, format!("{name} needs `{key}`"), help);
            let schema = properties.and_then(|p| p.get(key)).cloned().unwrap_or_default();
            if let Some(last) = self.found.last_mut() {
                last.missing = Some((key.to_owned(), schema));
            }
        }
    }
}

fn single_key(schema: &Value) -> Option<&str> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required")?.as_array()?;
    (properties.len() == 1 && required.len() == 1).then(|| properties.keys().next().map(String::as_str))?
}

pub(super) fn is_type(schema: &Value, type_: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(t)) => t == type_,
        Some(Value::Array(list)) => list.iter().any(|t| t == type_),
        None => true,
        _ => false,
    }
}

fn scalar_fits(value: &Value, schema: &Value) -> bool {
    match value {
        Value::String(_) => is_type(schema, "string"),
        Value::Bool(_) => is_type(schema, "boolean"),
        Value::Number(n) => is_type(schema, "number") || (n.is_i64() && is_type(schema, "integer")),
        Value::Null => is_type(schema, "null"),
        _ => false,
    }
}

pub(super) fn scalar_text(node: &Node) -> Option<String> {
    match &node.data {
        Data::Scalar(Value::String(s)) => Some(s.clone()),
        Data::Scalar(value) => Some(value.to_string()),
        _ => None,
    }
}
