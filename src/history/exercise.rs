//! One exercise of the past, as far as its directory proves it. Start with [`Exercise::of`].

use jiff::Timestamp;
use serde::Serialize;

use super::Ended;
use crate::{
    exercise::{
        self, Action, Attendance, Came, Count, ExercisePhase, Measured, StageState, Verdict, drill_folder, judge,
    },
    journal::RunDir,
    model::{Exit, Told, few, with_causes},
    verify::{VerifiedExercise, verify_exercise},
};

/// At most this many differences of a damaged exercise are named.
const NAMED: usize = 2;

/// An exercise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exercise {
    /// The name of its directory.
    pub dir: String,
    /// Its name; that of its directory if the journal cannot be read.
    pub exercise: String,
    /// The name of its playbook; empty if that is not known.
    pub playbook: String,
    /// Its type, in words.
    pub kind: &'static str,
    /// When it began; the planned time if it did not begin. None if the journal cannot be read.
    pub began: Option<Timestamp>,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// Whether it shows nothing about people and clusters.
    pub rehearsal: bool,
    /// How it counts.
    pub result: Ended,
    /// Why it counts so; empty if it passed.
    pub why: String,
    /// The objectives.
    pub objectives: Vec<Objective>,
    /// Objectives that were met.
    pub met: usize,
    /// Objectives that were not met.
    pub not_met: usize,
    /// Objectives that nothing shows.
    pub not_proven: usize,
    /// Objectives that were dropped after the authorisation.
    pub dropped: usize,
    /// Who took part, in numbers.
    pub people: Attendance,
    /// Its drills.
    pub drills: Vec<Drilled>,
    /// Its actions. The programme puts those of all exercises together.
    #[serde(skip)]
    pub actions: Vec<Action>,
}

/// An objective of an exercise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Its id.
    pub id: String,
    /// What it asks for.
    pub text: String,
    /// What came of it.
    pub result: &'static str,
    /// The same, for comparisons.
    #[serde(skip)]
    pub came: Came,
    /// The evidence.
    pub because: String,
}

/// A drill of an exercise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drilled {
    /// The stage.
    pub stage: String,
    /// Its run directory, below that of the exercise.
    pub dir: String,
    /// Its exit code.
    pub exit: Exit,
    /// The hash of its last line.
    pub head: String,
}

impl Exercise {
    /// Reads and verifies an exercise.
    pub fn of(dir: &RunDir) -> Self {
        match verify_exercise(dir) {
            Err(error) => Self { why: with_causes(&error), ..Self::empty(dir) },
            Ok(verified) if !verified.differs.is_empty() => Self {
                result: Ended::Damaged,
                why: few(verified.differs.iter(), NAMED, ("; ", "; and")),
                ..Self::read(dir, &verified)
            },
            Ok(verified) => Self::read(dir, &verified),
        }
    }

    /// Something that could hide an exercise, and is not read.
    pub fn refused(name: &str, why: &str) -> Self {
        Self { why: why.to_owned(), ..Self::named(name.to_owned()) }
    }

    /// An exercise of which nothing is known but its directory.
    fn empty(dir: &RunDir) -> Self {
        Self::named(dir.0.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
    }

    fn named(name: String) -> Self {
        Self {
            dir: name.clone(),
            exercise: name,
            playbook: String::new(),
            kind: "unknown",
            began: None,
            closed: None,
            rehearsal: false,
            result: Ended::Damaged,
            why: String::new(),
            objectives: vec![],
            met: 0,
            not_met: 0,
            not_proven: 0,
            dropped: 0,
            people: Attendance::default(),
            drills: vec![],
            actions: vec![],
        }
    }

    fn read(dir: &RunDir, verified: &VerifiedExercise) -> Self {
        let (known, lines) = (&verified.whole.known, &verified.whole.lines.lines);
        let (playbook, state) = (&known.loaded.playbook, &known.state);
        let count = Count::of(playbook, state);
        let (result, why) = counts(verified);
        let objective = |o: &exercise::Objective| {
            let judged = judge(playbook, state, o);
            let came = Came::of(o, &judged);
            // A rating that is missing is not proven, and says why.
            let because = if judged.measured == Measured::Rated { judged.words().to_owned() } else { judged.because };
            Objective { id: o.id.clone(), text: o.text.clone(), result: came.words(), came, because }
        };
        let drill = |(stage, own): (&String, &StageState)| {
            let drill = own.drill.as_ref()?;
            let dir = format!("{}/{}", drill_folder(stage), drill.run);
            Some(Drilled { stage: stage.clone(), dir, exit: drill.exit, head: drill.head.clone() })
        };
        let named = |text: &Told| Told::of_journal(known.people.named(text));
        let action = |action: &Action| Action {
            text: named(&action.text),
            owner: named(&action.owner),
            proven_when: named(&action.proven_when),
            ticket: named(&action.ticket),
            ..action.clone()
        };
        let began = state.started.as_ref().map(|(at, _)| *at).or(state.planned);
        Self {
            exercise: state.exercise.clone(),
            playbook: playbook.metadata.name.clone(),
            kind: playbook.metadata.kind.words(),
            began: began.or_else(|| lines.first().map(|line| line.at)),
            closed: state.ended,
            rehearsal: state.is_rehearsal(),
            result,
            why,
            objectives: playbook.objectives.iter().map(objective).collect(),
            met: count.met,
            not_met: count.missed,
            not_proven: count.open,
            dropped: count.dropped,
            people: Attendance::of(playbook, state, lines),
            drills: state.stages.iter().filter_map(drill).collect(),
            actions: state.actions.values().map(action).collect(),
            ..Self::empty(dir)
        }
    }

    /// The day on which it began, for tables.
    pub fn date(&self) -> String {
        self.began.map_or_else(|| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
    }

    /// The numbers of its objectives, for tables.
    pub fn objectives_said(&self) -> String {
        if self.playbook.is_empty() {
            return "unknown".to_owned();
        }
        let dropped = if self.dropped > 0 { format!(", {} dropped", self.dropped) } else { String::new() };
        format!("{} met, {} not met, {} not proven{dropped}", self.met, self.not_met, self.not_proven)
    }

    /// The numbers of its people, for tables.
    pub fn people_said(&self) -> String {
        let Attendance { present, acted, absent } = self.people;
        if self.playbook.is_empty() {
            return "unknown".to_owned();
        }
        format!("{present} present ({acted} acted), {absent} absent")
    }
}

/// How an exercise counts, and why. One that goes on, or whose signatures do not fit, has not passed.
fn counts(verified: &VerifiedExercise) -> (Ended, String) {
    let state = &verified.whole.known.state;
    let (result, why) = match verified.verdict() {
        // What a drill left open counts before the end of the exercise, too.
        Verdict::NotRestored(drill) => (Ended::NotRestored, format!("drill {} left something open", drill.run)),
        _ if state.phase != ExercisePhase::Closed => (Ended::Open, format!("the exercise is {}", state.phase.words())),
        Verdict::Stopped => {
            let how = state.stopped.as_ref().map(|(_, how, ..)| how.words()).unwrap_or_default();
            (Ended::Stopped, format!("it was stopped {how}"))
        }
        Verdict::NotStarted => (Ended::Open, "it did not start".to_owned()),
        Verdict::Failed => (Ended::Failed, String::new()),
        Verdict::NotProven => (Ended::NotProven, "an objective is not proven".to_owned()),
        Verdict::Dropped => (Ended::NotProven, "an objective was dropped after the authorisation".to_owned()),
        Verdict::DrillNotPassed(drill) => (Ended::NotProven, format!("drill {} did not pass", drill.run)),
        Verdict::Passed => (Ended::Passed, String::new()),
    };
    match (result, verified.open.first()) {
        (Ended::Passed, Some(open)) => (Ended::NotProven, open.clone()),
        _ => (result, why),
    }
}
