//! The board of the exercise team, which may see everything; and that of a single drill. Start with [`TeamView`].

use serde::Serialize;

use super::{
    drill_view::DrillView,
    items::{ItemView, Next, items, next},
    log::LogLine,
    stages::{ExerciseClock, NoteView, StageView, notes, stages},
};
use crate::exercise::{ExercisePhase, KnownExercise, Line, What, judge, next_commands, open_stage};

/// What the board shows to everybody but players.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "board", rename = "team")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct TeamView {
    /// None for the run directory of one drill.
    pub exercise: Option<ExerciseView>,
    pub drill: Option<DrillView>,
    /// What the board cannot read or write.
    pub trouble: String,
}

/// An exercise.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct ExerciseView {
    pub name: String,
    pub title: String,
    pub marking: String,
    pub rehearsal: bool,
    pub phrase: String,
    pub channel: String,
    pub phase: ExercisePhase,
    pub clock: ExerciseClock,
    pub objectives: Vec<ObjectiveView>,
    pub stages: Vec<StageView>,
    pub items: Vec<ItemView>,
    pub next: Next,
    /// The commands for a terminal while no stage is open.
    pub commands: String,
    pub notes: Vec<NoteView>,
}

/// An objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct ObjectiveView {
    pub id: String,
    pub text: String,
    pub tier: Option<u8>,
    pub rto_s: Option<u64>,
    pub rpo_s: Option<u64>,
    pub result: &'static str,
    pub because: String,
}

impl ExerciseView {
    /// Everything about an exercise.
    pub(super) fn of(known: &KnownExercise) -> Self {
        let p = &known.loaded.playbook;
        let open = open_stage(p, &known.state).map(|(_, stage)| stage);
        let objectives = p.objectives.iter().map(|objective| {
            let result = judge(p, &known.state, objective);
            ObjectiveView {
                id: objective.id.clone(),
                text: objective.text.clone(),
                tier: objective.tier,
                rto_s: objective.rto.map(|rto| rto.0.as_secs()),
                rpo_s: objective.rpo.map(|rpo| rpo.0.as_secs()),
                result: result.words(),
                because: known.people.named(&result.because),
            }
        });
        Self {
            name: p.metadata.name.clone(),
            title: p.metadata.title.clone(),
            marking: p.metadata.marking.clone(),
            rehearsal: known.state.is_rehearsal(),
            phrase: p.stop.phrase.clone(),
            channel: p.stop.channel.clone(),
            phase: known.state.phase,
            clock: ExerciseClock::of(&known.state),
            objectives: objectives.collect(),
            stages: stages(known),
            items: items(known, open),
            next: next(known),
            commands: next_commands(p, &known.state).unwrap_or_default(),
            notes: notes(known, |_| true),
        }
    }
}

/// What the team sees of a line of the journal.
pub(super) fn line(known: &KnownExercise, line: &Line) -> Option<LogLine> {
    let unchecked = match &line.event {
        // The drill's own lines say this.
        What::DrillSeen { .. } | What::DrillEnded { .. } => return None,
        What::Resumed { unchecked, .. } => unchecked.as_slice(),
        _ => &[],
    };
    let mut text = line.words(&known.people)?;
    if !unchecked.is_empty() {
        let all: Vec<String> = unchecked.iter().map(|what| known.people.named(what)).collect();
        text.push_str(&format!(": not checked: {}", all.join(", ")));
    }
    let who = line.actor(|by| format!("{} ({})", known.people.name(&by.person), by.role));
    Some(LogLine::new(line.happened(), who, text))
}
