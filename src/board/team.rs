//! The board of the exercise team, which may see everything; and that of a single drill. Start with [`TeamView`].

use serde::Serialize;

use super::{
    drill_view::DrillView,
    log::LogLine,
    stages::{ExerciseClock, ItemView, Next, NoteView, StageView, items, next, notes, stages},
};
use crate::exercise::{
    By, ExercisePhase, KnownExercise, Line, ReviewEnd, What, between, judge, long, open_stage, review_result,
};

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
            notes: notes(known, |_| true),
        }
    }
}

/// What the team sees of a line of the journal.
pub(super) fn line(known: &KnownExercise, line: &Line) -> Option<LogLine> {
    let who = |by: &By| format!("{} ({})", known.people.name(&by.person), by.role);
    let clock = "the clock".to_owned();
    let maybe = |by: &Option<By>| by.as_ref().map_or_else(|| clock.clone(), who);
    let named = |text: &str| known.people.named(text);
    let (at, who, text) = match &line.event {
        What::Authorised { by, .. } => (line.at, who(by), "authorises the exercise".to_owned()),
        What::Started { by, .. } => (line.at, who(by), "starts the exercise".into()),
        What::StageOpened { stage, by } => (line.at, who(by), format!("opens stage {stage}")),
        What::StageClosed { stage, end, ended, by, detail, .. } => {
            (*ended, maybe(by), with(&format!("stage {stage}: {}", end.words()), &named(detail)))
        }
        What::DrillLaunched { stage, .. } => (line.at, "exercise".into(), format!("starts the drill of stage {stage}")),
        What::ItemDue { item, due } => (*due, clock, format!("{item} is due")),
        What::InjectGiven { item, by } => (line.at, who(by), format!("gives inject {item}")),
        What::InjectAdded { item, text, by, why } => {
            (line.at, who(by), format!("adds inject {item}: {} (because {})", named(text), named(why)))
        }
        What::Answered { item, option, answer, by, late, .. } => {
            let late = if *late { ", late" } else { "" };
            (line.at, who(by), with(&with(&format!("{item}{late}"), option), &named(answer)))
        }
        What::Missed { item, due } => (*due, clock, format!("{item}: nobody answered in time")),
        What::Defaulted { item, option, due } => {
            (*due, clock, format!("{item}: nobody decided in time, {option} counts"))
        }
        What::Skipped { item, by, why } => (line.at, maybe(by), format!("{item} is left out: {}", named(why))),
        What::Noted { by, on, text, .. } => (line.at, who(by), with(on.words(), &named(text))),
        What::Rated { objective, rating, by, why } => {
            (line.at, who(by), with(&format!("rates {objective}: {}", rating.words()), &named(why)))
        }
        What::RoleAbsent { role, by, why } => {
            (line.at, who(by), format!("records that the {role} is absent: {}", named(why)))
        }
        What::Paused { by, why } => (line.at, who(by), format!("pauses the exercise: {}", named(why))),
        What::Resumed { by, unchecked, .. } => {
            let not = unchecked.iter().map(|what| named(what)).collect::<Vec<_>>().join(", ");
            let not = if not.is_empty() { not } else { format!("not checked: {not}") };
            (line.at, who(by), with("resumes the exercise", &not))
        }
        What::CheckLaunched { stage } => (line.at, "exercise".into(), format!("starts the review of stage {stage}")),
        What::CheckEnded { stage, happened, exit, readiness, why, .. } => {
            let end = ReviewEnd { at: *happened, exit: *exit, readiness: *readiness, why: why.clone(), evidence: None };
            (*happened, "exercise".into(), format!("review of stage {stage}: {}", named(&review_result(&end))))
        }
        What::ObjectiveDropped { objective, by, why } => {
            (line.at, who(by), format!("drops objective {objective}: {}", named(why)))
        }
        What::Stopped { by, how, why, .. } => {
            (line.at, maybe(by), with(&format!("stops the exercise {}", how.words()), &named(why)))
        }
        What::Reviewed { by } => (line.at, who(by), "ends the hotwash".into()),
        What::Signed { by, .. } => (line.at, who(by), "signs the report".into()),
        What::Closed { by } => (line.at, who(by), "closes the exercise".into()),
        // The drill's own lines say this.
        What::DrillSeen { .. } | What::DrillEnded { .. } => return None,
        What::ExercisePrepared { .. }
        | What::ClusterIdentified { .. }
        | What::SessionOpened { .. }
        | What::Said { .. }
        | What::ActionAdded { .. }
        | What::ActionChanged { .. }
        | What::Erased { .. } => return None,
    };
    let noticed = between(at, line.at);
    let late = if noticed.0.as_secs() < 5 { String::new() } else { format!(" (noticed {} later)", long(noticed)) };
    Some(LogLine::new(at, who, text + &late))
}

fn with(text: &str, more: &str) -> String {
    if more.is_empty() { text.to_owned() } else { format!("{text}: {more}") }
}
