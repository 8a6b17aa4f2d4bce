//! What a report consists of: sections of paragraphs, lists, tables, cards and figures. Every format is rendered from
//! these types, so that no format can say more or less than another. Start with [`Document`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cover, Picture};
use crate::report::words::{Words, frame, say};

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Its title.
    pub title: String,
    /// The run.
    pub run: String,
    /// The date of the run, as in its id line; empty if the run did not begin.
    pub date: String,
    /// What every page must say, such as that this was a rehearsal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
    /// The organisation on the cover, if one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<Cover>,
    /// The code of the language.
    #[serde(default)]
    pub language: String,
    /// The texts around the content, in that language.
    #[serde(skip)]
    pub words: Words,
    /// The eight parts, in order.
    pub parts: Vec<Part>,
}

impl Document {
    /// Every section, in order.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.parts.iter().flat_map(|part| &part.sections)
    }

    /// A section.
    pub fn section(&self, key: Key) -> Option<&Section> {
        self.sections().find(|s| s.key == key)
    }
}

/// A part of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its heading.
    pub title: String,
    /// Its sections.
    pub sections: Vec<Section>,
}

/// The sections that every report has, and its annex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it; docs/report.md describes each section")]
pub enum Key {
    Identification,
    Authorisation,
    Scope,
    Objectives,
    Preconditions,
    Summary,
    Timeline,
    Measurements,
    Verdicts,
    ReturnToNormal,
    Deviations,
    Findings,
    Actions,
    PlanUpdates,
    Controls,
    SignOff,
    Evidence,
    Annex,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// Which one.
    pub key: Key,
    /// Its heading.
    pub title: String,
    /// Its content.
    pub blocks: Vec<Block>,
}

impl Section {
    pub(crate) fn new(key: Key, title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { key, title: title.into(), blocks }
    }
}

/// How a text is meant. Every tone is also in the words: no format needs colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Unknown, or worth a look.
    Warn,
    /// Beside the point.
    Soft,
}

impl Tone {
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// A place in the report that a text refers to, such as `J7`: expectations are J, findings F, actions A, rows about the
/// return to normal R, controls C.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Ref(pub String);

impl Ref {
    pub(crate) fn judgement(index: usize) -> Self {
        Self(format!("J{}", index + 1))
    }

    pub(crate) fn finding(index: usize) -> Self {
        Self(format!("F{}", index + 1))
    }

    pub(crate) fn action(index: usize) -> Self {
        Self(format!("A{}", index + 1))
    }

    pub(crate) fn back(index: usize) -> Self {
        Self(format!("R{}", index + 1))
    }

    pub(crate) fn control(index: usize) -> Self {
        Self(format!("C{}", index + 1))
    }
}

/// Events of the journal on which a line rests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rest {
    /// One event, by its number in the journal.
    Event(u64),
    /// Every event of a kind.
    Every(String),
}

/// A text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// The words.
    pub said: String,
    /// How they are meant.
    #[serde(default, skip_serializing_if = "Tone::is_plain")]
    pub tone: Tone,
    /// What they refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<Ref>,
    /// What they rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rests: Vec<Rest>,
}

impl Text {
    pub(crate) fn new(said: impl Into<String>) -> Self {
        Self { said: said.into(), ..Self::default() }
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    pub(crate) fn see(mut self, refs: impl IntoIterator<Item = Ref>) -> Self {
        self.refs.extend(refs);
        self
    }

    pub(crate) fn rests(mut self, on: impl IntoIterator<Item = Rest>) -> Self {
        self.rests.extend(on);
        self.rests.sort();
        self.rests.dedup();
        self
    }
}

impl From<&str> for Text {
    fn from(said: &str) -> Self {
        Self::new(said)
    }
}

impl From<String> for Text {
    fn from(said: String) -> Self {
        Self::new(said)
    }
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub enum Block {
    /// The verdict on page one.
    Verdict(Verdict),
    /// A paragraph.
    Paragraph(Text),
    /// A list.
    List(List),
    /// Two lists beside each other.
    Pair {
        /// The left one.
        left: List,
        /// The right one.
        right: List,
    },
    /// A table.
    Table(Table),
    /// A picture, with its numbers as a table.
    Figure(Figure),
    /// A finding.
    Card(Card),
    /// Commands that a person may copy.
    Commands(Commands),
}

/// The verdict on page one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The badge.
    pub badge: Text,
    /// Its sentence.
    pub sentence: Text,
    /// The state of the cluster and of the evidence.
    pub notes: Vec<Text>,
}

/// A list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Its heading; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its items.
    pub items: Vec<Text>,
    /// What stands below the items: that there is none, or that there are more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// Its heading; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The headings of its columns. Empty for a table of facts: each row is a name and a value.
    pub head: Vec<String>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What stands below the rows: that there is none, or that there are more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The name under which texts refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Ref>,
    /// Its cells.
    pub cells: Vec<Text>,
}

impl Row {
    pub(crate) fn new<T: Into<Text>>(cells: impl IntoIterator<Item = T>) -> Self {
        Self { id: None, cells: cells.into_iter().map(Into::into).collect() }
    }

    pub(crate) fn id(mut self, id: Ref) -> Self {
        self.id = Some(id);
        self
    }
}

impl Table {
    /// The number of rows that a table may have. Whatever has more is counted.
    pub(crate) const MOST: usize = 200;

    pub(crate) fn new(
        title: impl Into<String>,
        head: impl IntoIterator<Item = impl Into<String>>,
        rows: Vec<Row>,
    ) -> Self {
        Self { title: title.into(), head: head.into_iter().map(Into::into).collect(), rows, note: String::new() }
    }

    /// A table of names and values.
    pub(crate) fn facts<T: Into<Text>>(facts: impl IntoIterator<Item = (impl Into<String>, T)>) -> Self {
        let rows = facts.into_iter().map(|(name, value)| Row::new([Text::new(name), value.into()])).collect();
        Self { rows, ..Self::default() }
    }

    /// The text for a table without rows.
    pub(crate) fn or(mut self, none: impl Into<String>) -> Self {
        if self.rows.is_empty() {
            self.note = none.into();
        }
        self
    }

    /// Keeps the first rows, and says how many more there are.
    pub(crate) fn bounded(mut self, words: &Words, most: usize) -> Self {
        if let Some(more) = self.rows.len().checked_sub(most).filter(|more| *more > 0) {
            self.rows.truncate(most);
            self.note = say!(words, frame::MORE, more);
        }
        self
    }
}

impl List {
    /// The number of items that a list may have. Whatever has more is counted.
    const MOST: usize = 100;

    /// A list, or the text for an empty one.
    pub(crate) fn new<T: Into<Text>>(
        words: &Words,
        title: impl Into<String>,
        items: impl IntoIterator<Item = T>,
        none: impl Into<String>,
    ) -> Self {
        let mut items: Vec<Text> = items.into_iter().map(Into::into).collect();
        let more = items.len().saturating_sub(Self::MOST);
        items.truncate(Self::MOST);
        let note = match (items.is_empty(), more) {
            (true, _) => none.into(),
            (_, 0) => String::new(),
            _ => say!(words, frame::MORE, more),
        };
        Self { title: title.into(), items, note }
    }
}

/// A picture. Its table has the same numbers, for those who cannot see it and for formats without pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// The picture.
    pub picture: Picture,
    /// Its numbers.
    pub table: Table,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Card {
    /// The name under which texts refer to it.
    pub id: Ref,
    /// What was found.
    pub title: Text,
    /// Severity, cause, recommendation and so on, with their names.
    pub facts: Vec<Row>,
}

/// Commands that a person may copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Commands {
    /// What they do.
    pub title: String,
    /// The commands, one a line.
    pub lines: Vec<String>,
}
