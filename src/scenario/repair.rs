//! Takes out of a file what its schema refuses, so that the rest can be checked in the same pass. Without it, one wrong
//! value would hide every mistake of meaning. What was taken out must cause no second message: [`Damage`] says what the
//! later checks do not know. Start with [`repair`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    Problem,
    problem::did_you_mean,
    shape,
    tree::{At, Data, Node},
};

/// After so many rounds, the file is so wrong that the schema's messages are enough. Each round removes the parents of
/// what the round before removed.
const ROUNDS: usize = 8;

/// What was taken out of a file.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// The names of items that were removed or repaired, by the key of their list at the top of the file. None: the item
    /// has no name.
    doubtful: BTreeMap<String, Vec<Option<String>>>,
    /// Keys at the top of the file in which something is wrong.
    keys: BTreeSet<String>,
    /// The positions of maps and lists that were repaired: line and column.
    quiet: BTreeSet<(usize, usize)>,
}

impl Damage {
    /// Whether something in this part of the file is wrong, so that the part cannot be relied on.
    pub fn touches(&self, key: &str) -> bool {
        self.keys.contains(key) || self.doubtful.contains_key(key)
    }

    /// Whether an item that could not be read may be the one with this name.
    pub fn may_have(&self, key: &str, name: &str) -> bool {
        self.keys.contains(key)
            || self.doubtful.get(key).is_some_and(|all| all.iter().any(|n| n.as_ref().is_none_or(|n| n == name)))
    }

    /// Whether a message about this place only repeats what the schema's messages say.
    pub fn explains(&self, problem: &Problem) -> bool {
        self.quiet.contains(&(problem.line, problem.column))
    }
}

/// The rest of a file, without what its schema refuses and without references that have no value. What is missing is
/// filled in. None if too little of the file is left.
pub(super) fn repair(root: &Node, schema: &Value, lenient: bool) -> Option<(Node, Damage)> {
    let mut work = Work { root: root.clone(), schema, damage: Damage::default(), filled: BTreeSet::new() };
    let mut open = vec![];
    unresolved(&work.root, lenient, &mut vec![], &mut open);
    for _ in 0..ROUNDS {
        for difference in shape::differences("", &work.root, schema) {
            let filled = difference.missing.is_some_and(|missing| work.fill(&difference.path, missing));
            if !filled {
                open.push(difference.path);
            }
        }
        if open.is_empty() && shape::differences("", &work.root, schema).is_empty() {
            return Some((work.root, work.damage));
        }
        // The last items first, so that the indices of the others stay.
        open.sort_by(|a, b| order(b, a));
        open.dedup();
        for path in open.drain(..) {
            work.remove(&path)?;
        }
    }
    None
}

/// The order of the file, by numbers where both parts are numbers.
fn order(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let key = |part: &String| (part.parse::<usize>().ok(), part.clone());
    a.iter().map(key).cmp(b.iter().map(key))
}

struct Work<'a> {
    root: Node,
    schema: &'a Value,
    damage: Damage,
    /// The keys that were filled in.
    filled: BTreeSet<(Vec<String>, String)>,
}

impl Work<'_> {
    /// Takes out what is at a path. None if that is the whole file.
    fn remove(&mut self, path: &[String]) -> Option<()> {
        let (last, way) = path.split_last()?;
        self.doubts(path);
        let parent = way.iter().try_fold(&mut self.root, |node, part| child_mut(node, part));
        // A message about what is missing is shown where the map begins.
        self.damage.quiet.extend(parent.as_ref().map(|node| place(&node.at)));
        match parent.map(|node| &mut node.data) {
            Some(Data::Map(entries)) => entries.retain(|(key, ..)| key != last),
            Some(Data::List(items)) => {
                let at = last.parse().ok().filter(|i| *i < items.len());
                at.map(|i: usize| items.remove(i));
            }
            _ => {}
        }
        Some(())
    }

    /// Adds a key that is missing, with the smallest value that its schema accepts. Returns whether that was possible.
    fn fill(&mut self, path: &[String], (key, schema): (String, Value)) -> bool {
        if !self.filled.insert((path.to_vec(), key.clone())) {
            return false;
        }
        let whole: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
        self.doubts(&whole);
        let map = path.iter().try_fold(&mut self.root, |node, part| child_mut(node, part));
        let Some(Node { at, data: Data::Map(entries) }) = map else { return false };
        self.damage.quiet.insert(place(at));
        entries.push((key, at.clone(), node(empty(&schema, self.schema), at)));
        true
    }

    /// Remembers that a part of the file cannot be relied on.
    fn doubts(&mut self, path: &[String]) {
        let Some(key) = path.first() else { return };
        let Some(section) = self.root.get(key).filter(|_| path.len() > 1) else {
            let known = self.schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
            // A key with a typing error stands for the section that was meant.
            let meant = did_you_mean(key, known.map(String::as_str)).map(str::to_owned);
            return self.damage.keys.extend(meant.into_iter().chain([key.clone()]));
        };
        if !matches!(section.data, Data::List(_)) {
            self.damage.keys.insert(key.clone());
            return;
        }
        let name = child(section, &path[1]).and_then(|n| n.get("name")).map(Node::value);
        let name = name.and_then(|v| v.as_str().map(str::to_owned));
        self.damage.doubtful.entry(key.clone()).or_default().push(name);
    }
}

fn place(at: &At) -> (usize, usize) {
    (at.line, at.column)
}

fn child<'a>(node: &'a Node, part: &str) -> Option<&'a Node> {
    match &node.data {
        Data::List(items) => items.get(part.parse::<usize>().ok()?),
        _ => node.get(part),
    }
}

fn child_mut<'a>(node: &'a mut Node, part: &str) -> Option<&'a mut Node> {
    match &mut node.data {
        Data::List(items) => items.get_mut(part.parse::<usize>().ok()?),
        Data::Map(entries) => entries.iter_mut().find(|(key, ..)| key == part).map(|(.., node)| node),
        Data::Scalar(_) => None,
    }
}

/// References that were not replaced. The ones to bindings may stay, if no bindings are known.
fn unresolved(node: &Node, lenient: bool, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut below = |part: String, child: &Node| {
        path.push(part);
        unresolved(child, lenient, path, found);
        path.pop();
    };
    match &node.data {
        Data::List(items) => items.iter().enumerate().for_each(|(i, item)| below(i.to_string(), item)),
        Data::Map(entries) => {
            let own = entries.iter().filter(|(key, ..)| key != "vars");
            own.for_each(|(key, _, child)| below(key.clone(), child));
        }
        Data::Scalar(value) => {
            let known = |rest: &str| rest.starts_with("secret:") || lenient && rest.starts_with("bind.");
            let text = value.as_str().unwrap_or_default();
            if text.split("${").skip(1).any(|rest| !known(rest)) {
                found.push(path.clone());
            }
        }
    }
}

/// The smallest value that a schema accepts.
fn empty(schema: &Value, root: &Value) -> Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return root.pointer(target.trim_start_matches('#')).map_or(Value::Null, |schema| empty(schema, root));
    }
    let first = |key: &str| schema.get(key).and_then(|list| list.get(0));
    if let Some(word) = first("enum").or_else(|| schema.get("const")) {
        return word.clone();
    }
    if let Some(variant) = first("anyOf").or_else(|| first("oneOf")) {
        return empty(variant, root);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let keys = required.filter_map(Value::as_str);
            let of = |key| schema.get("properties").and_then(|p| p.get(key)).map(|p| empty(p, root));
            Value::Object(keys.filter_map(|key| Some((key.to_owned(), of(key)?))).collect::<Map<_, _>>())
        }
        Some("array") => Value::Array(vec![]),
        Some("integer" | "number") => Value::from(1),
        Some("boolean") => Value::Bool(false),
        _ => Value::from(match schema.get("format").and_then(Value::as_str) {
            Some("duration-with-unit") => "1m",
            Some("percent") => "10%",
            Some("workload") => "deployment/missing",
            Some("object") => "configmap/missing",
            _ => "missing",
        }),
    }
}

fn node(value: Value, at: &At) -> Node {
    let data = match value {
        Value::Array(items) => Data::List(items.into_iter().map(|item| node(item, at)).collect()),
        Value::Object(map) => {
            Data::Map(map.into_iter().map(|(key, value)| (key, at.clone(), node(value, at))).collect())
        }
        scalar => Data::Scalar(scalar),
    };
    Node { at: at.clone(), data }
}
