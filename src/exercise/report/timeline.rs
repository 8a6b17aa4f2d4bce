//! People and machines on one time axis, and what did not go by plan.

use jiff::Timestamp;

use super::{Context, bounded, list};
use crate::{
    exercise::{
        schedule::schedule,
        time::{between, clock, long, plus},
        what::{Line, StageEnd, What},
    },
    report::{Block, Key, Row, Section, Table, Text},
};

/// Section 7.
pub(super) fn section(c: &Context<'_>) -> Section {
    let mut rows: Vec<(Timestamp, u64, Row)> = c.lines.iter().filter_map(|line| row(c, line)).collect();
    rows.sort_by_key(|(at, seq, _)| (*at, *seq));
    let rows = rows.into_iter().map(|(_, _, row)| row).collect();
    let table = Table::new("", ["Time (UTC)", "Planned", "Who", "What"], rows).or("The exercise did not start.");
    Section::new(Key::Timeline, "Timeline", vec![Block::Table(bounded(table))])
}

/// When a stage was to begin, by the time at which the exercise began.
fn planned(c: &Context<'_>, stage: &str) -> Option<Timestamp> {
    let (began, _) = c.state().started.as_ref()?;
    let i = c.playbook().stages.iter().position(|s| s.id == stage)?;
    Some(plus(*began, schedule(c.playbook(), &c.known.loaded.uses).get(i)?.from))
}

/// The row of a line, with its place in the table; none for lines that have no row.
fn row(c: &Context<'_>, line: &Line) -> Option<(Timestamp, u64, Row)> {
    let plan = match &line.event {
        What::StageOpened { stage, .. } => planned(c, stage).map(clock).unwrap_or_default(),
        // People sign the hash of this table, so nothing that the signing itself writes may change it.
        What::StageClosed { stage, .. } if is_sign_off(c, stage) => return None,
        What::Signed { .. } | What::Closed { .. } => return None,
        // These are in the sections about results and in the annex.
        What::Rated { .. } | What::Reviewed { .. } => return None,
        _ => String::new(),
    };
    let (at, who, what) = (line.happened(), line.actor(|by| c.who(by)), line.words(c.people)?);
    Some((at, line.seq, Row::new([Text::new(clock(at)), Text::new(plan), Text::new(who), Text::new(what)])))
}

fn is_sign_off(c: &Context<'_>, stage: &str) -> bool {
    c.playbook().stages.iter().any(|s| s.id == stage && s.sign_off.is_some())
}

/// Section 11.
pub(super) fn deviations(c: &Context<'_>) -> Section {
    let s = c.state();
    let mut all: Vec<String> = vec![];
    if let Some((at, how, why, by)) = &s.stopped {
        let by = by.as_ref().map_or_else(|| "the clock".to_owned(), |by| c.who(by));
        all.push(format!("{}: stopped {} by {by}: {}", clock(*at), how.words(), c.named(why)));
    }
    for (from, to, why) in &s.pauses {
        let until = to.map_or_else(|| "not resumed".to_owned(), clock);
        all.push(format!("Paused from {} to {until}: {}", clock(*from), c.named(why)));
    }
    for resumption in &s.resumptions {
        let said = resumption.checked.iter().chain(&resumption.unchecked).map(|text| c.named(text));
        all.push(format!("Resumed at {}: {}", clock(resumption.at), said.collect::<Vec<_>>().join("; ")));
    }
    for (id, dropped) in &s.dropped {
        let by = c.who(&dropped.by);
        all.push(format!("Objective {id} was dropped at {} by {by}: {}", clock(dropped.at), c.named(&dropped.why)));
    }
    for added in &s.added {
        all.push(format!("Inject {} was added on the day: {}", added.id, c.named(&added.why)));
    }
    for stage in &c.playbook().stages {
        let own = s.stage_of(&stage.id);
        match own.end {
            Some(StageEnd::Done) => {}
            Some(end) => all.push(format!("Stage {}: {}. {}", stage.id, end.words(), c.named(&own.detail))),
            None if own.opened.is_none() && s.started.is_some() && stage.sign_off.is_none() => {
                all.push(format!("Stage {} did not begin.", stage.id))
            }
            None => {}
        }
        let late = own.opened.zip(planned(c, &stage.id)).map(|(opened, planned)| between(planned, opened));
        if let Some(late) = late.filter(|late| late.0.as_secs() >= 300) {
            all.push(format!("Stage {} began {} later than planned.", stage.id, long(late)));
        }
    }
    let all = list("", all, "Everything went as planned.");
    Section::new(Key::Deviations, "Deviations and incidents", vec![Block::List(all)])
}

/// The answers of the hotwash, and everything else that people wrote.
pub(super) fn annex(c: &Context<'_>) -> Section {
    let said = c.state().said.iter().map(|(question, text, by)| Row::new([question.clone(), c.named(text), c.who(by)]));
    let said = Table::new("Hotwash", ["Question", "Answer", "By"], said.collect())
        .or("Nobody answered a question of the hotwash.");
    // The stage of a review that suffices names the same file again.
    let evidence = c.lines.iter().filter_map(|line| match &line.event {
        What::CheckEnded { stage, evidence: Some(file), .. } => Some((stage, file)),
        What::StageClosed { stage, evidence: Some(file), by: Some(_), .. } => Some((stage, file)),
        What::Answered { item, evidence: Some(file), .. } => Some((item, file)),
        _ => None,
    });
    let rows = evidence
        .map(|(of, file)| Row::new([of.clone(), c.named(&file.name), file.bytes.to_string(), file.sha256.clone()]));
    let files =
        Table::new("Attachments", ["Of", "Name", "Bytes", "SHA-256"], rows.collect()).or("No file was attached.");
    Section::new(Key::Annex, "Annex", vec![Block::Table(bounded(said)), Block::Table(bounded(files))])
}
