//! A command from a browser, as a verb of the day. `Session::act` decides about it, as about one from a terminal, and
//! the token limits it to its role. A browser cannot start an exercise or a stage, so it never starts a drill on a
//! cluster, and is never asked to confirm one. Start with [`act`].

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::{shown::shown, stages::ItemRef};
use crate::exercise::{Claim, ExerciseError, KnownExercise, NoteOn, Role, Session, StopFor, Verb};

/// Why a command was not carried out.
#[derive(Debug)]
pub(super) enum Refused {
    /// It is not a command.
    Unreadable(String),
    /// It is not possible now, or not for this role.
    Impossible(String),
}

/// A command, and who gives it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    who: String,
    act: Wish,
}

/// The commands of the page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum Wish {
    Answer { item: String, yes: bool, text: String },
    Decide { item: String, option: String, text: String },
    Done { item: String, text: String },
    Inject { item: String },
    AddInject { text: String, why: String },
    SkipInject { item: String, why: String },
    Note { on: NoteOn, text: String },
    Stop { reason: Reason, phrase: String, why: String },
}

/// Why an exercise is stopped by a person.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reason {
    Safety,
    Incident,
    Schedule,
}

/// Carries out a command. Returns messages about what followed outside the journal.
pub(super) fn act(dir: &Path, role: Role, body: &[u8], now: Timestamp) -> Result<Vec<String>, Refused> {
    let Asked { who, act } = serde_json::from_slice(body).map_err(|e| Refused::Unreadable(e.to_string()))?;
    let mut session = Session::open(dir).map_err(|e| refused(role, &e))?;
    let name = name(&session.known, role, &who)?;
    let verb = verb(&session.known, role, act)?;
    let claim = Claim { name: Some(name), token: Some(role), ..Claim::default() };
    let done = session.act(&claim, &verb, now).map_err(|e| refused(role, &e));
    // What follows outside the journal may be left from a command that was killed.
    session.release();
    if let Some(mut child) = session.child.take() {
        // A drill that a killed command did not start. Its end is read from its journal.
        std::thread::spawn(move || child.wait());
    }
    done?;
    // What happens with the drill is not for players.
    Ok(if role == Role::Player { vec![] } else { std::mem::take(&mut session.said) })
}

/// The name of the person: one of those who have the role of the token.
fn name(known: &KnownExercise, role: Role, who: &str) -> Result<String, Refused> {
    let names: Vec<&str> = known.people.with(role).map(|p| p.name.as_str()).filter(|name| !name.is_empty()).collect();
    match (&names[..], who.trim()) {
        ([only], "") => Ok((*only).to_owned()),
        (all, who) if all.contains(&who) => Ok(who.to_owned()),
        _ => Err(Refused::Impossible("choose your name: it goes into the journal".into())),
    }
}

fn verb(known: &KnownExercise, role: Role, wish: Wish) -> Result<Verb, Refused> {
    let id = |item: &str| {
        let id = ItemRef::find(known, item);
        // Players act on what they see, and on nothing else.
        let seen = |id: &String| role != Role::Player || shown(known).iter().any(|s| s.item.is(&known.state, id));
        id.filter(seen)
            .ok_or_else(|| Refused::Impossible("this is not on the board any more: load the page again".into()))
    };
    Ok(match wish {
        Wish::Answer { item, yes, text } => Verb::Answer { gate: id(&item)?, yes, text },
        Wish::Decide { item, option, text } => Verb::Decide { item: id(&item)?, option, text },
        Wish::Done { item, text } => Verb::Done { id: id(&item)?, text, evidence: None },
        Wish::Inject { item } => Verb::Inject { item: id(&item)? },
        Wish::AddInject { text, why } => Verb::InjectNew { id: free_id(known), text, why },
        Wish::SkipInject { item, why } => Verb::SkipItem { item: id(&item)?, why },
        Wish::Note { on, text } => Verb::Note { on, text },
        Wish::Stop { reason, phrase, why } => {
            let phrase = Some(phrase).filter(|phrase| !phrase.trim().is_empty());
            let how = match reason {
                Reason::Safety => StopFor::Safety,
                Reason::Incident => StopFor::Incident,
                Reason::Schedule => StopFor::Schedule,
            };
            Verb::Stop { how, phrase, why }
        }
    })
}

/// An id for an inject that the playbook does not have.
fn free_id(known: &KnownExercise) -> String {
    let taken = |id: &String| {
        let mut stages = known.loaded.playbook.stages.iter();
        known.state.items.contains_key(id)
            || stages.any(|stage| stage.id == *id || stage.during.iter().any(|item| item.id == *id))
    };
    (known.state.added.len() + 1..).map(|n| format!("added-{n}")).find(|id| !taken(id)).unwrap_or_default()
}

/// The reason, for this role. It may name items and people, so players get fixed words.
fn refused(role: Role, error: &ExerciseError) -> Refused {
    if role == Role::Player {
        let text = "this is not possible now: it may be over, or answered already, or the words are not right. Ask the exercise team";
        return Refused::Impossible(text.into());
    }
    Refused::Impossible(error.to_string())
}
