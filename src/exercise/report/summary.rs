//! Page one: the verdict, the objectives, strengths and gaps. Each line rests on the journal; a note of a person says
//! so.

use super::Context;
use crate::{
    exercise::{
        judge::Measured,
        state::ItemEnd,
        verdict::{Came, Count, Verdict as Whole},
        what::NoteOn,
    },
    report::{Block, Key, Ref, Row, Section, Table, Text, Tone, Verdict},
};

/// At most this many strengths and gaps are on page one.
const MOST: usize = 3;

pub(super) fn section(c: &Context<'_>) -> Section {
    let (badge, tone, sentence) = verdict(c);
    let badge = if c.state().is_rehearsal() { format!("REHEARSAL {badge}") } else { badge.to_owned() };
    let verdict = Verdict { badge: Text::new(badge).tone(tone), sentence: sentence.into(), notes: notes(c) };
    let rows = c.judged.iter().map(|(o, result)| {
        Row::new([
            Text::new(&*o.id),
            Text::new(&*o.text),
            Text::new(o.rto.or(o.rpo).map_or_else(|| "none set".to_owned(), |limit| limit.to_string())),
            Text::new(&*result.because),
            Text::new(result.words()).tone(tone_of(c, o, result)),
        ])
    });
    let head = ["Id", "Objective", "RTO or RPO", "Measured", "Result"];
    let strengths = strengths(c);
    let few = |list: Vec<Text>, title: &str, word: &str| {
        let fewer = match list.len() {
            0 => format!("No {word} is supported by the evidence."),
            n if n < MOST => format!("No further {word} is supported by the evidence."),
            _ => String::new(),
        };
        let mut list = super::list(title, list.into_iter().take(MOST), "");
        list.note = fewer;
        list
    };
    Section::new(
        Key::Summary,
        "Executive summary",
        vec![
            Block::Verdict(verdict),
            Block::Table(Table::new("", head, rows.collect())),
            Block::Pair { left: few(strengths, "Strengths", "strength"), right: few(gaps(c), "Gaps", "gap") },
        ],
    )
}

/// The badge, its tone and its sentence.
fn verdict(c: &Context<'_>) -> (&'static str, Tone, String) {
    let state = c.state();
    let Count { met, missed, open, dropped } = Count::of(c.playbook(), state);
    let all = met + missed + open + dropped;
    let besides = match dropped {
        0 => String::new(),
        n => format!(" {n} of {all} objectives were dropped after the authorisation ({}).", ids(c, Came::Dropped)),
    };
    match Whole::of(c.playbook(), state) {
        Whole::NotRestored(drill) => {
            let said = format!("Drill {} left something open: {}.", drill.run, drill.exit.meaning());
            ("CLUSTER NOT RESTORED", Tone::Bad, said)
        }
        Whole::Stopped => {
            let (how, why) = match &state.stopped {
                Some((_, how, why, _)) => (how.words(), c.named(why)),
                None => ("", String::new()),
            };
            let why = if why.trim().is_empty() { "no reason was given".to_owned() } else { why };
            ("STOPPED", Tone::Warn, format!("The exercise was stopped {how}: {why}"))
        }
        Whole::NotStarted => ("NOT STARTED", Tone::Warn, "The exercise was prepared and did not start.".into()),
        Whole::Failed => ("FAILED", Tone::Bad, format!("{missed} of {all} objectives were not met.{besides}")),
        Whole::NotProven => {
            let said = format!("Nothing failed, but {open} of {all} objectives could not be judged.{besides}");
            ("NOT PROVEN", Tone::Warn, said)
        }
        Whole::Dropped => {
            let said = format!("{met} of {all} objectives were met, and nothing shows the others.{besides}");
            ("NOT PROVEN", Tone::Warn, said)
        }
        Whole::DrillNotPassed(drill) => {
            let said = format!(
                "All {all} objectives were met, but drill {} did not pass: {}.",
                drill.run,
                drill.exit.meaning()
            );
            ("NOT PROVEN", Tone::Warn, said)
        }
        Whole::Passed => ("PASSED", Tone::Good, format!("All {all} objectives were met.")),
    }
}

/// The ids of the objectives that came to something.
fn ids(c: &Context<'_>, wanted: Came) -> String {
    let ids = c.judged.iter().filter(|(o, result)| Came::of(o, result) == wanted).map(|(o, _)| o.id.as_str());
    ids.collect::<Vec<_>>().join(", ")
}

/// How good the result of an objective is.
pub(super) fn tone_of(
    _: &Context<'_>,
    o: &crate::exercise::playbook::Objective,
    result: &crate::exercise::judge::Judgement,
) -> Tone {
    match Came::of(o, result) {
        Came::Met => Tone::Good,
        Came::Missed => Tone::Bad,
        Came::Open | Came::Dropped => Tone::Warn,
    }
}

fn notes(c: &Context<'_>) -> Vec<Text> {
    let mut notes = vec![];
    if c.state().unattended {
        notes.push(
            Text::new("No people took part: every answer is that of a policy. The times of people say nothing.")
                .tone(Tone::Warn),
        );
    }
    for stage in c.playbook().stages.iter().filter(|stage| stage.scenario.is_some()) {
        match c.state().stage_of(&stage.id).drill {
            Some(drill) => {
                notes.push(Text::new(format!("Drill {} in stage {}: {}.", drill.run, stage.id, drill.exit.meaning())))
            }
            None => notes.push(Text::new(format!("The drill of stage {} did not end.", stage.id)).tone(Tone::Warn)),
        }
    }
    notes
}

fn strengths(c: &Context<'_>) -> Vec<Text> {
    if c.state().started.is_none() {
        return vec![];
    }
    let mut all = vec![];
    let mut judged: Vec<_> = c.judged.iter().filter(|(_, result)| result.measured == Measured::Met).collect();
    judged.sort_by_key(|(o, _)| o.tier.unwrap_or(9));
    for (o, result) in judged {
        all.push(Text::new(format!("{}: {}.", o.text, result.because)).see([Ref(o.id.clone())]));
    }
    for note in c.state().notes.iter().filter(|note| note.on == NoteOn::Strength) {
        all.push(Text::new(format!("{} (noted by {})", c.named(&note.text), c.who(&note.by))));
    }
    all
}

/// What must get better.
pub(super) fn gaps(c: &Context<'_>) -> Vec<Text> {
    let mut all = vec![];
    for (o, result) in &c.judged {
        match tone_of(c, o, result) {
            Tone::Bad => all.push(
                Text::new(format!("{}: {} ({}).", o.text, result.words(), result.because))
                    .see([Ref(o.id.clone())])
                    .tone(Tone::Bad),
            ),
            Tone::Warn => all.push(
                Text::new(format!("{}: {} ({}).", o.text, result.words(), result.because)).see([Ref(o.id.clone())]),
            ),
            _ => {}
        }
    }
    for action in c.state().actions.values().filter(|action| c.is_overdue(action)) {
        all.push(
            Text::new(format!("Action {} was due on {} and is open.", action.id, action.due))
                .see([Ref(action.id.clone())]),
        );
    }
    for note in c.state().notes.iter().filter(|note| matches!(note.on, NoteOn::Gap | NoteOn::PlanWrong)) {
        all.push(Text::new(format!("{}: {} (noted by {})", note.on.words(), c.named(&note.text), c.who(&note.by))));
    }
    for item in c.playbook().stages.iter().flat_map(|stage| &stage.during) {
        let known = c.state().item_of(&item.id);
        let what = match known.end {
            Some(ItemEnd::Missed) => "was not answered",
            Some(ItemEnd::Late) => "was answered late",
            Some(ItemEnd::Defaulted) => "was not decided in time, and the default counted",
            _ => continue,
        };
        all.push(Text::new(format!("`{}` {what}.", item.id)));
    }
    all
}
