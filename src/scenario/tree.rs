//! YAML as a tree that remembers where everything stands. Built from the
//! parser's events, because duplicate keys and positions are lost otherwise.

use std::{collections::BTreeMap, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use super::problem::Problem;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: At,
    pub data: Data,
}

/// Where a node stands.
#[derive(Clone, Debug, Default)]
pub(super) struct At {
    pub line: usize,
    pub column: usize,
    pub span: Range<usize>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// A plain value; strings may hold `${…}`.
    Scalar(Value),
    List(Vec<Node>),
    /// In the file's order.
    Map(Vec<(String, At, Node)>),
}

impl Node {
    /// The member of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|(k, _, _)| k == key).map(|(_, _, n)| n),
            _ => None,
        }
    }

    /// The same, to fill it in.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.data {
            Data::Map(entries) => entries.iter_mut().find(|(k, _, _)| k == key).map(|(_, _, n)| n),
            _ => None,
        }
    }

    /// Where a path leads, or the nearest place above it.
    pub fn locate(&self, path: &[String]) -> &At {
        let Some((first, rest)) = path.split_first() else {
            return &self.at;
        };
        let next = match &self.data {
            Data::Map(_) => self.get(first),
            Data::List(items) => first.parse::<usize>().ok().and_then(|i| items.get(i)),
            Data::Scalar(_) => None,
        };
        next.map_or(&self.at, |n| n.locate(rest))
    }

    /// Without positions.
    pub fn value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Data::Map(entries) => {
                Value::Object(entries.iter().map(|(key, _, node)| (key.clone(), node.value())).collect::<Map<_, _>>())
            }
        }
    }
}

/// No file that a person writes is nested deeper. What is behind that is not looked at:
/// everything that walks the tree calls itself once a level.
const DEEPEST: usize = 64;
/// The mark that some editors write at the beginning of a file.
const MARK: char = '\u{feff}';

/// Parses one YAML document.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Vec<Problem>> {
    let mark = text.len() - text.trim_start_matches(MARK).len();
    let text = &text[mark..];
    let bytes: Vec<usize> = text.char_indices().map(|(i, _)| mark + i).chain([mark + text.len()]).collect();
    let mut builder = Builder { file, bytes, stack: vec![], root: None, problems: vec![] };
    if let Some(nul) = text.find('\0') {
        // The parser takes it for the end of the file.
        let line = text[..nul].matches('\n').count() + 1;
        let column = text[..nul].chars().rev().take_while(|c| *c != '\n').count() + 1;
        let at = At { line, column, span: mark + nul..mark + nul + 1 };
        return Err(vec![problem(file, &at, "this is not YAML: a NUL character", "remove it")]);
    }
    for item in Parser::new_from_str(text) {
        if builder.stack.len() > DEEPEST {
            let Some(Open::List(at, _) | Open::Map(at, ..)) = builder.stack.last() else { break };
            let what = format!("this is nested more than {DEEPEST} levels deep");
            return Err(vec![problem(file, at, what, "check the indentation: files of drillmaster are flat")]);
        }
        match item {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let at = builder.at(Span::empty(*error.marker()));
                let what = format!("this is not YAML: {}", error.info());
                builder.problems.push(problem(file, &at, what, String::new()));
                return Err(builder.problems);
            }
        }
    }
    match builder.root {
        _ if !builder.problems.is_empty() => Err(builder.problems),
        Some(root) => Ok(root),
        None => Err(vec![Problem {
            file: file.to_owned(),
            line: 1,
            column: 1,
            span: 0..0,
            what: "the file is empty".into(),
            help: "start from one of the files in scenarios/".into(),
            warning: false,
        }]),
    }
}

pub(super) fn problem(file: &str, at: &At, what: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem {
        file: file.to_owned(),
        line: at.line,
        column: at.column,
        span: at.span.clone(),
        what: what.into(),
        help: help.into(),
        warning: false,
    }
}

enum Open {
    List(At, Vec<Node>),
    /// The key that waits for its value.
    Map(At, Entries, Option<(String, At)>),
}

/// The members of a map that is being read.
#[derive(Default)]
struct Entries {
    list: Vec<(String, At, Node)>,
    /// On which line each key stands.
    lines: BTreeMap<String, usize>,
}

struct Builder<'a> {
    file: &'a str,
    /// Byte offset of each character: the parser counts characters.
    bytes: Vec<usize>,
    stack: Vec<Open>,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn at(&self, span: Span) -> At {
        let byte = |i: usize| self.bytes.get(i).or(self.bytes.last()).copied().unwrap_or(0);
        let start = byte(span.start.index());
        // One character at least, whole.
        let end = byte(span.end.index()).max(byte(span.start.index().saturating_add(1)));
        At { line: span.start.line(), column: span.start.col() + 1, span: start..end }
    }

    fn take(&mut self, event: Event<'_>, span: Span) {
        let at = self.at(span);
        match event {
            Event::Scalar(text, style, _, tag) => {
                if tag.is_some() {
                    self.complain(&at, "YAML tags are not used here", "write the plain value");
                }
                self.scalar(at, &text, style);
            }
            Event::SequenceStart(..) => self.stack.push(Open::List(at, vec![])),
            Event::MappingStart(..) => self.stack.push(Open::Map(at, Entries::default(), None)),
            Event::SequenceEnd => {
                if let Some(Open::List(at, items)) = self.stack.pop() {
                    self.put(Node { at, data: Data::List(items) });
                }
            }
            Event::MappingEnd => {
                if let Some(Open::Map(at, entries, _)) = self.stack.pop() {
                    self.put(Node { at, data: Data::Map(entries.list) });
                }
            }
            Event::Alias(_) => {
                self.complain(
                    &at,
                    "YAML aliases are not used here",
                    "write the value again, or use a variable: ${name}",
                );
                self.put(Node { at, data: Data::Scalar(Value::Null) });
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                self.complain(&at, "a second document in this file", "one file holds one document");
            }
            _ => {}
        }
    }

    fn scalar(&mut self, at: At, text: &str, style: ScalarStyle) {
        if let Some(Open::Map(_, entries, key @ None)) = self.stack.last_mut() {
            if let Some(first) = entries.lines.get(text) {
                let what = format!("`{text}` is given twice");
                let help = format!("the first one is on line {first}");
                self.problems.push(problem(self.file, &at, what, help));
            } else {
                entries.lines.insert(text.to_owned(), at.line);
            }
            *key = Some((text.to_owned(), at));
            return;
        }
        let value = if style == ScalarStyle::Plain { plain(text) } else { Value::String(text.to_owned()) };
        self.put(Node { at, data: Data::Scalar(value) });
    }

    fn put(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => {
                if self.root.is_none() {
                    self.root = Some(node);
                }
            }
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                Some((name, at)) => entries.list.push((name, at, node)),
                None => {
                    let at = node.at.clone();
                    self.complain(&at, "a key must be a word", "");
                }
            },
        }
    }

    fn complain(&mut self, at: &At, what: &str, help: &str) {
        self.problems.push(problem(self.file, at, what, help));
    }
}

/// An unquoted scalar by the rules of YAML 1.2's core schema: `no` is a word.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => return Value::Null,
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(n) = text.parse::<i64>() {
        return Value::Number(n.into());
    }
    let numeric = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    match text.parse::<f64>().ok().filter(|_| numeric).and_then(Number::from_f64) {
        Some(n) => Value::Number(n),
        None => Value::String(text.to_owned()),
    }
}
