//! Finds the line of a field in a manifest. Each document is parsed once for all of its fields, because a list may
//! contain thousands of objects.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

/// A longer document is not parsed; its findings name the document's first line.
pub(super) const LONGEST: usize = 32 << 20;
/// The limit for nesting. No real manifest is nested more deeply.
pub(super) const DEEPEST: usize = 512;

/// The lines of all nodes of a document.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last node is the root.
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    line: usize,
    members: Members,
}

#[derive(Debug)]
enum Members {
    None,
    /// For each key: its line, and the value.
    Map(BTreeMap<String, (usize, usize)>),
    List(Vec<usize>),
}

/// A node whose end was not read yet. For a map, also the key whose value comes next.
struct Open {
    node: Node,
    key: Option<(String, usize)>,
}

impl Lines {
    /// Parses a document. None if it is not valid YAML, too long, or nested too deeply.
    pub(super) fn of(document: &str) -> Option<Self> {
        if document.len() > LONGEST {
            return None;
        }
        let (mut lines, mut open) = (Self::default(), Vec::<Open>::new());
        for item in Parser::new_from_str(document) {
            let (event, span) = item.ok()?;
            let line = span.start.line();
            let members = match event {
                Event::MappingStart(..) => Members::Map(BTreeMap::new()),
                Event::SequenceStart(..) => Members::List(vec![]),
                Event::MappingEnd | Event::SequenceEnd => {
                    let ended = open.pop()?;
                    lines.put(&mut open, ended.node, None);
                    continue;
                }
                Event::Scalar(text, ..) => {
                    lines.put(&mut open, Node { line, members: Members::None }, Some(&*text));
                    continue;
                }
                Event::Alias(_) => {
                    lines.put(&mut open, Node { line, members: Members::None }, None);
                    continue;
                }
                _ => continue,
            };
            if open.len() > DEEPEST {
                return None;
            }
            open.push(Open { node: Node { line, members }, key: None });
        }
        (open.is_empty() && !lines.nodes.is_empty()).then_some(lines)
    }

    /// Adds a complete node to its parent. In a map, a scalar may be a key.
    fn put(&mut self, open: &mut [Open], node: Node, scalar: Option<&str>) {
        let line = node.line;
        let Some(around) = open.last_mut() else { return self.nodes.push(node) };
        match (&mut around.node.members, around.key.take()) {
            (Members::Map(map), Some((key, at))) => {
                self.nodes.push(node);
                map.insert(key, (at, self.nodes.len() - 1));
            }
            // A JSON pointer cannot refer to a key that is not a scalar.
            (Members::Map(_), None) => around.key = Some((scalar.unwrap_or("").to_owned(), line)),
            (Members::List(items), _) => {
                self.nodes.push(node);
                items.push(self.nodes.len() - 1);
            }
            (Members::None, _) => {}
        }
    }

    /// The lines of the objects in a `List`.
    pub(super) fn of_items(&self) -> Vec<usize> {
        self.items().iter().map(|i| self.nodes[*i].line).collect()
    }

    fn items(&self) -> &[usize] {
        let map = match self.nodes.last().map(|root| &root.members) {
            Some(Members::Map(map)) => map,
            Some(Members::List(items)) => return items,
            _ => return &[],
        };
        match map.get("items").map(|(_, items)| &self.nodes[*items].members) {
            Some(Members::List(items)) => items,
            _ => &[],
        }
    }

    /// The line of a JSON pointer, or of its nearest existing parent. Lines count from 1. In a `List`, the pointer
    /// starts at the object on the given line.
    fn at(&self, object: usize, pointer: &str) -> Option<usize> {
        let items = self.items();
        // The items are sorted by line.
        let first = items.partition_point(|i| self.nodes[*i].line < object);
        let item = items.get(first).copied().filter(|i| self.nodes[*i].line == object);
        let mut at = item.or_else(|| self.nodes.len().checked_sub(1))?;
        let mut line = self.nodes[at].line;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &self.nodes[at].members {
                Members::Map(map) => map.get(&part).copied(),
                Members::List(items) => {
                    part.parse().ok().and_then(|i: usize| items.get(i)).map(|i| (self.nodes[*i].line, *i))
                }
                Members::None => None,
            };
            let Some((found, node)) = next else { break };
            (line, at) = (found, node);
        }
        Some(line)
    }
}

/// Finds the lines of fields in files.
#[derive(Debug, Default)]
pub struct Locator {
    files: BTreeMap<String, Vec<Document>>,
}

#[derive(Debug)]
struct Document {
    /// The line of the file on which it begins.
    begins: usize,
    lines: Option<Lines>,
}

impl Locator {
    /// The line of a field in a file. `object` is the line on which its object begins. `text` reads the file and is
    /// called once for each file.
    pub fn line(&mut self, file: &str, text: impl FnOnce() -> String, object: usize, pointer: &str) -> Option<usize> {
        if !self.files.contains_key(file) {
            let text = text();
            let read = |(begins, document): &(usize, &str)| Document { begins: *begins, lines: Lines::of(document) };
            self.files.insert(file.to_owned(), documents(&text).iter().map(read).collect());
        }
        let documents = self.files.get(file)?;
        let document = &documents[documents.partition_point(|d| d.begins <= object).checked_sub(1)?];
        let within = document.lines.as_ref()?.at(object - document.begins + 1, pointer)?;
        Some(document.begins + within - 1)
    }
}

/// The documents of a text, each with the line on which it begins.
pub fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut found = vec![];
    let (mut start, mut first, mut at) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let mark = line.trim_end();
        let separates = mark == "..." || mark == "---" || mark.starts_with("--- ");
        if separates {
            found.push((first, &text[start..at]));
            // The document may already begin on the line of its mark, as in `--- {…}`.
            start = at + mark.len().min(3);
            first = index + 1;
        }
        at += line.len();
    }
    found.push((first, &text[start..]));
    found.retain(|(_, document)| !document.trim().is_empty());
    // A document begins at its first word.
    for (line, document) in &mut found {
        let blank = document.len() - document.trim_start().len();
        *line += document[..blank].matches('\n').count();
        let cut = document[..blank].rfind('\n').map_or(0, |i| i + 1);
        *document = &document[cut..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(document: &str, pointer: &str) -> Option<usize> {
        Locator::default().line("f", || document.to_owned(), 1, pointer)
    }

    #[test]
    fn the_nearest_place_that_there_is() {
        let text = "kind: Deployment\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: a\n        image: x\n      - name: b\n        a/b: {c: 1}\n";
        let at = |pointer: &str| line_of(text, pointer);
        assert_eq!(at("/spec/replicas"), Some(3));
        assert_eq!(at("/spec/template/spec/containers/1/name"), Some(9));
        assert_eq!(at("/spec/template/spec/containers/0/resources/limits"), Some(7));
        assert_eq!(at("/spec/template/spec/containers/7"), Some(6));
        assert_eq!(at("/spec/template/spec/containers/1/a~1b/c"), Some(10));
        assert_eq!(at("/status"), Some(1));
        assert_eq!(at(""), Some(1));
        assert_eq!(line_of("{a: [", "/a/1"), None);
        assert_eq!(line_of("? [a, b]\n: {c: 1}\nd: [1]\n", "/d/0"), Some(3));
        assert_eq!(line_of(&format!("{}x", "- ".repeat(50_000)), "/0"), None);
    }

    #[test]
    fn an_object_of_a_list_has_lines_of_its_own() {
        let text = "---\nkind: List\nitems:\n- kind: A\n  spec: {a: 1}\n- kind: B\n  spec:\n    a: 1\n---\nkind: C\nspec: {a: 1}\n";
        let mut locator = Locator::default();
        let mut at = |object, pointer| locator.line("f", || text.to_owned(), object, pointer);
        assert_eq!(at(4, "/spec/a"), Some(5));
        assert_eq!(at(6, "/spec/a"), Some(8));
        assert_eq!(at(10, "/spec/a"), Some(11));
        let list = documents(text)[0].1;
        assert_eq!(Lines::of(list).expect("read").of_items(), [3, 5]);
    }
}
