//! What belongs in a place of a file, for the messages of `shape`: an example of the value that is wanted, or the key
//! that was probably meant. Start with [`Checker::wrong_type`].

use serde_json::{Map, Value};

use super::{
    problem::{did_you_mean, listed, meant},
    shape::{Checker, is_type, scalar_text},
    tree::{Data, Node},
};

/// The words of a closed list, as help.
pub(super) fn choices(words: &[Value]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    if words.is_empty() { String::new() } else { format!("write one of: {}", listed(&words)) }
}

pub(super) fn shortened(node: &Node) -> String {
    scalar_text(node).unwrap_or_default().chars().take(60).collect()
}

pub(super) fn unknown(key: &str, name: &str, names: &[&str]) -> (String, String) {
    let meant = meant(key, names.iter().copied());
    (format!("unknown key `{key}` in {name}"), format!("{meant}allowed keys: {}", listed(names)))
}

impl Checker<'_> {
    /// The message for a value of the wrong type.
    pub fn wrong_type(&self, node: &Node, schema: &Value, name: &str) -> (String, String) {
        let wanted = match schema.get("format").and_then(Value::as_str) {
            Some("duration-with-unit") => "a number with a unit, such as 250ms, 90s, 8m or 1h30m".to_owned(),
            Some("percent") => "a percentage with its sign, such as 34%".to_owned(),
            Some("amount") => "an amount, such as 500m or 2 of CPU, 256Mi or 4Gi of memory".to_owned(),
            Some("workload") => "deployment/NAME, statefulset/NAME or daemonset/NAME".to_owned(),
            _ => self.wanted(node, schema, name),
        };
        let given = match &node.data {
            Data::Map(_) => "a map".to_owned(),
            Data::List(_) => "a list".to_owned(),
            Data::Scalar(Value::Null) => return (format!("{name} has no value"), format!("write {wanted}")),
            Data::Scalar(_) => format!("`{}`", shortened(node)),
        };
        (format!("{name} cannot be {given}"), format!("write {wanted}"))
    }

    /// The value that is wanted, with an example in the form in which it is written.
    fn wanted(&self, node: &Node, schema: &Value, name: &str) -> String {
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(t)) => vec![t],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
            _ => vec![],
        };
        let key = name.strip_prefix('`').and_then(|n| n.strip_suffix('`'));
        let pair = |value: &str| key.map_or_else(|| value.to_owned(), |key| format!("{key}: {value}"));
        let given = match &node.data {
            Data::Scalar(Value::Null) | Data::Map(_) | Data::List(_) => None,
            Data::Scalar(_) => Some(shortened(node)),
        };
        match types[..] {
            ["object"] => format!("a map: {}", pair(&self.example(schema, given.as_deref()))),
            ["array"] => format!("a list: {}", pair(&format!("[{}]", given.as_deref().unwrap_or("…")))),
            ["string"] => match given {
                Some(given) => format!("it in quotes: {}", pair(&format!("\"{given}\""))),
                None => "a text".to_owned(),
            },
            ["integer"] => "a whole number, without a unit and without quotes".to_owned(),
            ["number"] => "a number, without a unit and without quotes".to_owned(),
            ["boolean"] => "true or false".to_owned(),
            [] => "something else".to_owned(),
            _ => format!("a value of type {}", types.join(" or ")),
        }
    }

    /// A map with the keys that it needs, or with the first one that it may have. What was given instead of the map is
    /// probably the value of the first key.
    fn example(&self, schema: &Value, given: Option<&str>) -> String {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let keys = if required.is_empty() {
            properties.and_then(|p| p.keys().next()).map(String::as_str).into_iter().collect()
        } else {
            required
        };
        if keys.is_empty() {
            return "{NAME: …}".to_owned();
        }
        let value = |(i, key): (usize, &&str)| {
            let words = properties.and_then(|p| p.get(*key)).map(|p| self.words(p)).unwrap_or_default();
            match (words.is_empty(), given.filter(|_| i == 0)) {
                (true, Some(given)) => format!("{key}: {given}"),
                (true, None) => format!("{key}: …"),
                (false, _) => format!("{key}: {}", words.join(" | ")),
            }
        };
        format!("{{{}}}", keys.iter().enumerate().map(value).collect::<Vec<_>>().join(", "))
    }

    /// The words of a closed list.
    fn words<'s>(&'s self, schema: &'s Value) -> Vec<&'s str> {
        let mut schema = schema;
        while let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let Some(target) = self.root.pointer(target.trim_start_matches('#')) else { break };
            schema = target;
        }
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        let each = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().filter_map(|v| v.get("const"));
        listed.chain(each).filter_map(Value::as_str).collect()
    }

    /// The help for a key that is missing: how it is written, and what it means.
    pub fn needed(&self, key: &str, properties: Option<&Map<String, Value>>) -> String {
        let Some(properties) = properties else { return String::new() };
        let example = self.with_example(key, properties);
        let example = if example == key { format!("{key}: …") } else { example };
        let meaning = properties.get(key).and_then(|p| p.get("description")).and_then(Value::as_str);
        format!("add `{example}`. {}", meaning.unwrap_or_default().replace('\n', " ")).trim_end().to_owned()
    }

    /// A key with an example of its value, if that is a map with keys that it needs.
    fn with_example(&self, key: &str, properties: &Map<String, Value>) -> String {
        let Some(schema) = properties.get(key) else { return key.to_owned() };
        let variants = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
        let mut real = variants.filter(|v| v.get("type").and_then(Value::as_str) != Some("null"));
        let mut schema = real.next().unwrap_or(schema);
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            schema = self.root.pointer(target.trim_start_matches('#')).unwrap_or(schema);
        }
        let is_map = schema.get("required").is_some_and(Value::is_array) && is_type(schema, "object");
        if is_map { format!("{key}: {}", self.example(schema, None)) } else { key.to_owned() }
    }

    /// The message for a key that the map cannot have.
    pub fn unknown_key(&self, key: &str, name: &str, properties: Option<&Map<String, Value>>) -> (String, String) {
        let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let similar = did_you_mean(key, names.iter().copied()).zip(properties);
        let meant = similar.map(|(word, of)| format!("did you mean `{}`? ", self.with_example(word, of)));
        let help = format!("{}allowed keys: {}", meant.unwrap_or_default(), listed(&names));
        (format!("unknown key `{key}` in {name}"), help)
    }
}
