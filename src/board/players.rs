//! The board of players. It is made from [`PlayersView`], which has what players know from their hand-out, and from what
//! the exercise has shown them so far (`shown`). It has no drill, no objective and no time of a stage. Start with
//! [`PlayersBoard`].

use serde::Serialize;

use super::{
    items::answer_words,
    log::LogLine,
    shown::{Shown, shown},
    stages::{ExerciseClock, NoteView, notes},
};
use crate::exercise::{By, ExercisePhase, KnownExercise, Line, NoteOn, PlayersView, Role, What};

/// What the board shows to players.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "board", rename = "players")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct PlayersBoard {
    pub name: String,
    pub marking: String,
    pub kind: &'static str,
    pub plan: Vec<String>,
    pub inside: Vec<String>,
    pub outside: Vec<String>,
    pub phrase: String,
    pub channel: String,
    pub people: Vec<(&'static str, Vec<String>)>,
    pub briefing: Vec<String>,
    pub phase: ExercisePhase,
    pub clock: ExerciseClock,
    pub shown: Vec<Shown>,
    pub notes: Vec<NoteView>,
    /// The board cannot read the exercise at the moment. Why, only the exercise team sees.
    pub trouble: bool,
}

impl PlayersBoard {
    /// What players may see now.
    pub fn of(known: &KnownExercise, trouble: bool) -> Self {
        let view = PlayersView::of(&known.loaded, Some(&known.people), known.state.planned);
        Self {
            name: view.name,
            marking: view.marking,
            kind: view.kind.words(),
            plan: view.plan.into_iter().flat_map(|(title, version, file)| [title, version, file]).collect(),
            inside: view.inside,
            outside: view.outside,
            phrase: view.phrase,
            channel: view.channel,
            people: view.roles.into_iter().map(|(role, names)| (role.word(), names)).collect(),
            briefing: view.briefing,
            phase: known.state.phase,
            clock: ExerciseClock::of(&known.state),
            shown: shown(known),
            notes: notes(known, |note| note.by.role == Role::Player),
            trouble,
        }
    }
}

/// What players see of a line of the journal; none for most of them.
pub(super) fn line(known: &KnownExercise, line: &Line) -> Option<LogLine> {
    let name = |by: &By| known.people.name(&by.person);
    let of_players = |by: &By| by.role == Role::Player;
    let said = |who: String, text: &str| Some(LogLine::new(line.at, who, text));
    match &line.event {
        What::Started { .. } => said(String::new(), "the exercise begins"),
        What::Paused { .. } => said(String::new(), "the exercise is paused"),
        What::Resumed { .. } => said(String::new(), "the exercise goes on"),
        What::Stopped { .. } => said(String::new(), "the exercise is stopped"),
        What::Closed { .. } => said(String::new(), "the exercise is closed"),
        What::InjectGiven { item, .. } => {
            let given = shown(known).into_iter().find(|s| s.item.is(&known.state, item))?;
            said(given.played.clone(), &given.text)
        }
        What::InjectAdded { text, .. } => said(String::new(), &known.people.named(text)),
        What::Answered { option, answer, by, .. } if of_players(by) => {
            said(name(by), &answer_words(known, option, answer))
        }
        What::Noted { by, on: NoteOn::Observation, text, .. } if of_players(by) => {
            said(name(by), &known.people.named(text))
        }
        What::Noted { by, on, text, .. } if of_players(by) => {
            said(name(by), &format!("{}: {}", on.words(), known.people.named(text)))
        }
        _ => None,
    }
}
