//! YAML as a tree that remembers the position of everything. It is built from the parser's events, because the
//! parser's own values lose duplicate keys and positions.

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

/// The position of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct At {
    pub line: usize,
    pub column: usize,
    pub span: Range<usize>,
}

/// The content of a node.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// A plain value. Strings may contain `${…}`.
    Scalar(Value),
    List(Vec<Node>),
    /// In the file's order.
    Map(Vec<(String, At, Node)>),
}

impl Node {
    /// A member of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|(k, _, _)| k == key).map(|(_, _, n)| n),
            _ => None,
        }
    }

    /// A member of a map, for replacing variables in it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.data {
            Data::Map(entries) => entries.iter_mut().find(|(k, _, _)| k == key).map(|(_, _, n)| n),
            _ => None,
        }
    }

    /// The position of the node at a path, or of its nearest existing parent.
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

    /// The value without positions.
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

/// No file that a person writes is nested deeper than this. Deeper parts are not read, because every function that
/// walks the tree recurses for each level.
const DEEPEST: usize = 64;
/// The byte order mark, which some editors write at the beginning of a file.
const MARK: char = '\u{feff}';

/// Parses one YAML document.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Vec<Problem>> {
    let mark = text.len() - text.trim_start_matches(MARK).len();
    let text = &text[mark..];
    let bytes: Vec<usize> = text.char_indices().map(|(i, _)| mark + i).chain([mark + text.len()]).collect();
    let mut builder = Builder { file, bytes, stack: vec![], root: None, problems: vec![] };
    if let Some(nul) = text.find('\0') {
        // The parser takes a NUL character for the end of the file.
        let line = text[..nul].matches('\n').count() + 1;
        let column = text[..nul].chars().rev().take_while(|c| *c != '\n').count() + 1;
        let at = At { line, column, span: mark + nul..mark + nul + 1 };
        return Err(vec![problem(file, &at, "this is not YAML: a NUL character", "remove it")]);
    }
    for item in Parser::new_from_str(text) {
        if builder.stack.len() > DEEPEST {
            let Some(Open::List(at, _) | Open::Map(at, ..)) = builder.stack.last() else { break };
            let what = format!("this is nested more than {DEEPEST} levels deep");
            return Err(vec![problem(
                file,
                at,
                what,
                "check the indentation: no file of drillmaster needs so many levels",
            )]);
        }
        match item {
            Ok((event, span)) => builder.add(event, span),
            Err(error) => {
                let at = builder.at(Span::empty(*error.marker()));
                let what = format!("this is not YAML: {}", error.info());
                let tabs = text.lines().nth(at.line.saturating_sub(1)).is_some_and(|line| line.contains('\t'));
                let help = if tabs { "YAML is indented with spaces: replace the tabs" } else { "" };
                builder.problems.push(problem(file, &at, what, help));
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
            what: "the file is empty".into(),
            help: "`drillmaster show zone-outage` prints a scenario to start from, `drillmaster show small-shop` a simulated cluster".into(),
            ..Problem::default()
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
        undefined: None,
    }
}

enum Open {
    List(At, Vec<Node>),
    /// The key whose value comes next.
    Map(At, Entries, Option<(String, At)>),
}

/// The members of a map while it is read.
#[derive(Default)]
struct Entries {
    list: Vec<(String, At, Node)>,
    /// The line of each key.
    lines: BTreeMap<String, usize>,
}

struct Builder<'a> {
    file: &'a str,
    /// The byte offset of each character, because the parser counts characters.
    bytes: Vec<usize>,
    stack: Vec<Open>,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn at(&self, span: Span) -> At {
        let byte = |i: usize| self.bytes.get(i).or(self.bytes.last()).copied().unwrap_or(0);
        let start = byte(span.start.index());
        // At least one complete character.
        let end = byte(span.end.index()).max(byte(span.start.index().saturating_add(1)));
        At { line: span.start.line(), column: span.start.col() + 1, span: start..end }
    }

    fn add(&mut self, event: Event<'_>, span: Span) {
        let at = self.at(span);
        match event {
            Event::Scalar(text, style, _, tag) => {
                if tag.is_some() {
                    self.complain(&at, "YAML tags are not supported", "write the value without a tag");
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
                    "YAML aliases are not supported",
                    "write the value again, or use a variable: ${name}",
                );
                self.put(Node { at, data: Data::Scalar(Value::Null) });
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                self.complain(
                    &at,
                    "this file contains a second document",
                    "write one document per file; `drillmaster check` reads manifests with several",
                );
            }
            _ => {}
        }
    }

    fn scalar(&mut self, at: At, text: &str, style: ScalarStyle) {
        if let Some(Open::Map(_, entries, key @ None)) = self.stack.last_mut() {
            if let Some(first) = entries.lines.get(text) {
                let what = format!("the key `{text}` is given twice");
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
                    self.complain(&at, "a key must be a plain word", "");
                }
            },
        }
    }

    fn complain(&mut self, at: &At, what: &str, help: &str) {
        self.problems.push(problem(self.file, at, what, help));
    }
}

/// An unquoted scalar by the core schema of YAML 1.2. In it, `no` is a string.
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
