//! Notes of people about a run. They stand beside the journal and never change it: each has a time, a name, and how the
//! name was known. Start with [`Note`].

use std::{io, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::RunDir;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "Field::ALL says what each one is")]
pub enum Field {
    Sponsor,
    Director,
    Observer,
    Participant,
    Absence,
    Authorisation,
    ThirdParty,
    Observation,
    Owner,
    Due,
    Ticket,
    Status,
    PlanChange,
    Distribution,
    SignOff,
    Retention,
    NextExercise,
}

impl Field {
    /// Every field, with what it records.
    pub const ALL: [(Self, &'static str, &'static str); 17] = [
        (Self::Sponsor, "sponsor", "who wanted the drill"),
        (Self::Director, "director", "who led it"),
        (Self::Observer, "observer", "who watched it"),
        (Self::Participant, "participant", "who took part"),
        (Self::Absence, "absence", "a key person who was absent on purpose"),
        (Self::Authorisation, "authorisation", "who authorised the drill, and how"),
        (Self::ThirdParty, "third-party", "a provider that was involved"),
        (Self::Observation, "observation", "what a person saw"),
        (Self::Owner, "owner", "the owner of an action"),
        (Self::Due, "due", "the date on which an action is due"),
        (Self::Ticket, "ticket", "the ticket of an action"),
        (Self::Status, "status", "the status of an action"),
        (Self::PlanChange, "plan-change", "a change to a plan or runbook"),
        (Self::Distribution, "distribution", "who gets the report"),
        (Self::SignOff, "sign-off", "who accepted the report"),
        (Self::Retention, "retention", "how long the evidence is kept"),
        (Self::NextExercise, "next-exercise", "when the next drill is planned"),
    ];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(field, ..)| *field == self).map_or("", |(_, word, _)| word)
    }

    /// Whether it is about one action.
    pub fn is_of_action(self) -> bool {
        matches!(self, Self::Owner | Self::Due | Self::Ticket | Self::Status)
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, word, _)| *word == text).map(|(field, ..)| *field);
        found.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|(_, word, _)| *word).collect();
            format!("`{text}` is not a field; write one of {}", words.join(", "))
        })
    }
}

/// How the name of an author was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// The account of the operating system.
    Account,
    /// The author wrote it; nobody checked it.
    Asserted,
}

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// When it was made, by the clock of the machine.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// How that name was known.
    pub known: Known,
    /// What it is about.
    pub field: Field,
    /// The action, such as `A2`; empty for the whole run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub of: String,
    /// The note.
    pub text: String,
}

/// The file of the notes, in the run directory.
pub const NOTES: &str = "notes.jsonl";

/// The notes of a run, in the order in which they were made.
pub(super) fn notes(dir: &RunDir) -> io::Result<Vec<Note>> {
    let text = match dir.text(NOTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(io::Error::other(format!("cannot read {NOTES}: {error}"))),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            io::Error::other(format!("{NOTES}:{}: this is not a note: {error}; correct or remove the line", i + 1))
        })
    };
    lines.map(read).collect()
}
