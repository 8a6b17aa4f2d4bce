//! The after-action report of an exercise: the eight parts that a drill's report has, filled from the playbook, the
//! journal and the people. It is a [`Document`], so that HTML, Markdown and JSON say the same. Start with [`report`].

mod actions;
mod before_after;
mod results;
mod sign_off;
mod summary;
mod tested;
mod timeline;

pub use actions::{actions_csv, actions_json, actions_markdown};

use jiff::Timestamp;

use super::{
    judge::{Judgement, judge},
    people::People,
    playbook::{Objective, Playbook},
    session::KnownExercise,
    state::{Action, State},
    time::day,
    what::{By, ClusterAccess, Line},
};
use crate::{
    model::{REHEARSAL, is_printable, printable, sha256},
    report::{Block, Document, Key, List, Part, Section, Table, Text, Words},
};

/// Everything that the report is made from.
pub(super) struct Context<'a> {
    pub known: &'a KnownExercise,
    /// The people: without names for the hash that people sign, so that nobody's erasure changes it.
    pub people: &'a People,
    pub lines: &'a [Line],
    /// When the report is made: actions become overdue with time. None for the hash that people sign, because actions
    /// go on after the signature.
    pub now: Option<Timestamp>,
    /// The objectives with their results.
    pub judged: Vec<(&'a Objective, Judgement)>,
}

impl<'a> Context<'a> {
    pub fn playbook(&self) -> &'a Playbook {
        &self.known.loaded.playbook
    }

    pub fn state(&self) -> &'a State {
        &self.known.state
    }

    /// Whether an action is still open after its due date.
    pub fn is_overdue(&self, action: &Action) -> bool {
        self.now.is_some_and(|now| action.is_overdue(day(now)))
    }

    /// A text of the journal, with names.
    pub fn named(&self, text: &str) -> String {
        self.people.named(text)
    }

    /// Who did something, and how that was known.
    pub fn who(&self, by: &By) -> String {
        let because =
            if by.because.is_empty() { String::new() } else { format!(", because {}", self.named(&by.because)) };
        format!("{} as {} ({}{because})", self.people.name(&by.person), by.role, by.known.words())
    }
}

/// The report of an exercise.
pub fn report(known: &KnownExercise, lines: &[Line], now: Timestamp) -> Document {
    made(known, &known.people, lines, Some(now))
}

fn made(known: &KnownExercise, people: &People, lines: &[Line], now: Option<Timestamp>) -> Document {
    let objectives = &known.loaded.playbook.objectives;
    let judged = objectives.iter().map(|o| (o, judge(&known.loaded.playbook, &known.state, o))).collect();
    let context = Context { known, people, lines, now, judged };
    let c = &context;
    let part = |title: &str, sections: Vec<Section>| Part { title: title.to_owned(), sections };
    let parts = vec![
        part("Executive summary", vec![summary::section(c)]),
        part("What was tested, by whom, on whose authority", tested::sections(c)),
        part("Results", vec![results::objectives(c), results::measurements(c)]),
        part("Timeline", vec![timeline::section(c), timeline::deviations(c)]),
        part("Before and after", before_after::sections(c)),
        part(
            "Findings and corrective actions",
            vec![actions::findings(c), actions::section(c), actions::plan_updates(c)],
        ),
        part("Control mapping and evidence", vec![sign_off::controls(c), sign_off::evidence(c)]),
        part("Distribution and sign-off", vec![sign_off::section(c)]),
        part("Annex", vec![timeline::annex(c)]),
    ];
    let began = known.state.started.as_ref().map(|(at, _)| *at).or(known.state.planned);
    let mut document = Document {
        title: known.loaded.playbook.metadata.title.clone(),
        run: known.state.exercise.clone(),
        date: began.map_or_else(|| "not started".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()),
        mark: printable(&mark(c)),
        parts,
        ..Document::default()
    };
    document.each_text(&mut |text| {
        if !text.chars().all(is_printable) {
            *text = printable(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    });
    document
}

/// What stands on every page.
fn mark(c: &Context<'_>) -> String {
    let marking = &c.playbook().metadata.marking;
    let kind = match (c.state().unattended, &c.state().place) {
        (true, _) => format!("{REHEARSAL} · WITHOUT PEOPLE: a policy answered"),
        (false, ClusterAccess::Simulated { .. }) => format!("{REHEARSAL} · on a simulated cluster"),
        _ => return marking.clone(),
    };
    format!("{marking} · {kind}")
}

/// The hash that people sign: of everything in the report but the signatures, the actions, which go on afterwards, and
/// the hashes of the evidence. The hashes of people take the place of their names, so that an erasure does not change it.
pub fn report_hash(known: &KnownExercise, lines: &[Line]) -> String {
    let document = made(known, &People::of_seats(&known.state.seats), lines, None);
    let signed = document.sections().filter(|s| !matches!(s.key, Key::Actions | Key::SignOff | Key::Evidence));
    let signed: Vec<&Section> = signed.collect();
    sha256(serde_json::to_string(&signed).unwrap_or_default())
}

/// A list. The report of an exercise is in English.
fn list<T: Into<Text>>(title: impl Into<String>, items: impl IntoIterator<Item = T>, none: &str) -> List {
    List::new(&Words::default(), title, items, none)
}

/// Keeps the first rows of a table, and says how many more there are.
fn bounded(table: Table) -> Table {
    table.bounded(&Words::default(), Table::MOST)
}

fn facts<T: Into<Text>>(rows: impl IntoIterator<Item = (&'static str, T)>) -> Block {
    Block::Table(Table::facts(rows))
}
