//! Where the nodes of a manifest are, to the byte, and their texts. `locate` finds lines for people, in every list that is
//! read, and takes the nearest one; it keeps no texts. An edit needs the exact place or none. Start with [`Manifest`].

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, Span};

use crate::inventory::locate::{DEEPEST, LONGEST, documents};

/// A file with manifests. Each document is parsed once, when its first object is looked up.
pub struct Manifest<'a> {
    /// The text of the file.
    pub text: &'a str,
    documents: Vec<(usize, &'a str)>,
    layouts: BTreeMap<usize, Option<Layout>>,
}

/// The nodes of a document. The last node is the root.
#[derive(Debug, Default)]
pub struct Layout {
    pub(super) nodes: Vec<Node>,
}

/// A node of a document.
#[derive(Debug)]
pub(super) struct Node {
    /// Its first byte, counted from the beginning of the file. The first key of a block map begins the map.
    pub at: usize,
    /// Its line, counted from the beginning of the document.
    line: usize,
    pub content: Content,
}

/// What a node holds. A collection in flow style begins with a bracket.
#[derive(Debug)]
pub(super) enum Content {
    Scalar(String),
    Alias,
    Map(Vec<Entry>),
    List(Vec<usize>),
}

/// A key of a map, and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    /// The first byte of the key.
    pub at: usize,
    pub value: usize,
}

impl<'a> Manifest<'a> {
    /// A file that is not parsed yet.
    pub fn new(text: &'a str) -> Self {
        Self { text, documents: documents(text), layouts: BTreeMap::new() }
    }

    /// The document and the node of the object that begins on a line. None if no such object begins there, or several.
    pub fn object(&mut self, line: usize, kind: &str, namespace: &str, name: &str) -> Option<(&Layout, usize)> {
        let index = self.documents.partition_point(|(begins, _)| *begins <= line).checked_sub(1)?;
        let (begins, document) = self.documents[index];
        let offset = document.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let layout = self.layouts.entry(index).or_insert_with(|| Layout::of(document, offset)).as_ref()?;
        let is = |node: usize, key: &str, value: &str| layout.text(node, key).unwrap_or("") == value;
        let is_object = |node: usize| {
            // The items of a typed list may lack their kind.
            let metadata = layout.value(node, "metadata");
            layout.text(node, "kind").is_none_or(|own| own == kind)
                && metadata.is_some_and(|m| is(m, "namespace", namespace) && is(m, "name", name))
        };
        let root = layout.nodes.len() - 1;
        // The line of a whole document is its first one, which may be a comment.
        let on_line = |node: &usize| {
            if *node == root { begins == line } else { begins + layout.nodes[*node].line - 1 == line }
        };
        let mut found = layout.objects().into_iter().filter(|node| on_line(node) && is_object(*node));
        let object = found.next()?;
        found.next().is_none().then_some((layout, object))
    }
}

/// A node whose end was not read yet. For a map, also the key whose value comes next.
struct Open {
    node: Node,
    key: Option<(String, usize)>,
}

impl Layout {
    /// Parses a document that begins at an offset of its file. None if it is not valid YAML, too long, or nested too
    /// deeply.
    fn of(document: &str, offset: usize) -> Option<Self> {
        if document.len() > LONGEST {
            return None;
        }
        let (mut layout, mut open, mut place) = (Self::default(), Vec::<Open>::new(), Place::of(document));
        for item in Parser::new_from_str(document) {
            let (event, span): (Event<'_>, Span) = item.ok()?;
            let (at, line) = (offset + place.byte(span.start.index()), span.start.line());
            let content = match event {
                Event::MappingStart(..) => Content::Map(vec![]),
                Event::SequenceStart(..) => Content::List(vec![]),
                Event::MappingEnd | Event::SequenceEnd => {
                    let ended = open.pop()?;
                    layout.put(&mut open, ended.node);
                    continue;
                }
                Event::Scalar(text, ..) => {
                    layout.put(&mut open, Node { at, line, content: Content::Scalar(text.into_owned()) });
                    continue;
                }
                Event::Alias(_) => {
                    layout.put(&mut open, Node { at, line, content: Content::Alias });
                    continue;
                }
                _ => continue,
            };
            if open.len() > DEEPEST {
                return None;
            }
            open.push(Open { node: Node { at, line, content }, key: None });
        }
        (open.is_empty() && !layout.nodes.is_empty()).then_some(layout)
    }

    /// Adds a complete node to its parent. In a map, a scalar may be a key.
    fn put(&mut self, open: &mut [Open], node: Node) {
        let Some(around) = open.last_mut() else { return self.nodes.push(node) };
        match (&mut around.node.content, around.key.take()) {
            (Content::Map(entries), Some((key, at))) => {
                self.nodes.push(node);
                entries.push(Entry { key, at, value: self.nodes.len() - 1 });
            }
            (Content::Map(_), None) => {
                let at = node.at;
                // A key that is not a scalar is never looked for.
                let key = if let Content::Scalar(text) = node.content { text } else { String::new() };
                around.key = Some((key, at));
            }
            (Content::List(items), _) => {
                self.nodes.push(node);
                items.push(self.nodes.len() - 1);
            }
            (Content::Scalar(_) | Content::Alias, _) => {}
        }
    }

    /// The nodes that may be objects: the root, or the items of a list.
    fn objects(&self) -> Vec<usize> {
        let Some(root) = self.nodes.len().checked_sub(1) else { return vec![] };
        let items = match &self.nodes[root].content {
            Content::List(_) => Some(root),
            _ => self.value(root, "items"),
        };
        match items.map(|items| &self.nodes[items].content) {
            Some(Content::List(items)) => items.clone(),
            _ => vec![root],
        }
    }

    /// The entry of a map with a key.
    pub(super) fn entry(&self, map: usize, key: &str) -> Option<&Entry> {
        match &self.nodes[map].content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    fn value(&self, map: usize, key: &str) -> Option<usize> {
        self.entry(map, key).map(|entry| entry.value)
    }

    fn text(&self, map: usize, key: &str) -> Option<&str> {
        match &self.nodes[self.value(map, key)?].content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// The parser counts characters. This finds their bytes, for places that come in order.
struct Place<'a> {
    text: &'a str,
    is_ascii: bool,
    /// A character and its byte.
    at: (usize, usize),
}

impl<'a> Place<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, is_ascii: text.is_ascii(), at: (0, 0) }
    }

    fn byte(&mut self, character: usize) -> usize {
        if self.is_ascii {
            return character.min(self.text.len());
        }
        if character < self.at.0 {
            self.at = (0, 0);
        }
        let rest = &self.text[self.at.1..];
        let more = rest.char_indices().nth(character - self.at.0).map_or(rest.len(), |(byte, _)| byte);
        self.at = (character, self.at.1 + more);
        self.at.1
    }
}
