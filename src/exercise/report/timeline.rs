//! People and machines on one time axis, and what did not go by plan.

use jiff::Timestamp;

use super::{Context, bounded, list};
use crate::{
    exercise::{
        check_stage::result,
        schedule::schedule,
        state::ReviewEnd,
        time::{between, clock, long, plus},
        what::{DrillMoment, Line, StageEnd, What},
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

fn row(c: &Context<'_>, line: &Line) -> Option<(Timestamp, u64, Row)> {
    let mut at = line.at;
    let mut plan = String::new();
    let none = "the clock".to_owned();
    let who = |by: &crate::exercise::what::By| c.who(by);
    let is_last = |stage: &str| c.playbook().stages.iter().any(|s| s.id == stage && s.sign_off.is_some());
    let (by, what) = match &line.event {
        What::Authorised { by, .. } => (who(by), "authorised the exercise".to_owned()),
        What::Started { by, .. } => (who(by), "started the exercise".into()),
        What::StageOpened { stage, by } => {
            plan = planned(c, stage).map(clock).unwrap_or_default();
            (who(by), format!("stage {stage} begins"))
        }
        What::StageClosed { stage, .. } if is_last(stage) => return None,
        What::StageClosed { stage, end, ended, by, detail, .. } => {
            at = *ended;
            let detail = if detail.is_empty() { String::new() } else { format!(" ({})", c.named(detail)) };
            (
                by.as_ref().map_or(none, who),
                format!("stage {stage}: {}{detail}{}", end.words(), noticed(*ended, line.at)),
            )
        }
        What::DrillLaunched { stage, .. } => ("exercise".into(), format!("the drill of stage {stage} was started")),
        What::DrillSeen { step, moment, happened, .. } => {
            at = *happened;
            let what = match moment {
                DrillMoment::Began => format!("step `{step}` begins"),
                DrillMoment::Done => format!("step `{step}` is done"),
                DrillMoment::Alert => format!("Alertmanager has the first alert since step `{step}` began"),
            };
            ("drill".into(), what)
        }
        What::DrillEnded { run, exit, happened, .. } => {
            at = *happened;
            ("drill".into(), format!("run {run} ends: {}", exit.meaning()))
        }
        What::ItemDue { item, due } => {
            at = *due;
            (none, format!("{item} is due{}", noticed(*due, line.at)))
        }
        What::InjectGiven { item, by } => (who(by), format!("gives inject {item}")),
        What::Answered { item, option, answer, by, late, .. } => {
            let words = [option.as_str(), &c.named(answer)]
                .into_iter()
                .filter(|t| !t.is_empty())
                .collect::<Vec<_>>()
                .join(": ");
            (who(by), format!("{item}{}: {words}", if *late { ", late" } else { "" }))
        }
        What::Missed { item, due } => {
            at = *due;
            (none, format!("{item}: nobody answered in time{}", noticed(*due, line.at)))
        }
        What::Defaulted { item, option, due } => {
            at = *due;
            (none, format!("{item}: nobody decided in time, {option} counts{}", noticed(*due, line.at)))
        }
        What::Skipped { item, by, why } => {
            (by.as_ref().map_or(none, who), format!("{item} is left out: {}", c.named(why)))
        }
        What::InjectAdded { item, text, by, why } => {
            (who(by), format!("adds inject {item}: {} (because {})", c.named(text), c.named(why)))
        }
        What::Noted { by, on, text, .. } => (who(by), format!("{}: {}", on.words(), c.named(text))),
        What::RoleAbsent { role, by, why } => (who(by), format!("records that the {role} is absent: {}", c.named(why))),
        What::Paused { by, why } => (who(by), format!("pauses the exercise: {}", c.named(why))),
        What::Resumed { by, .. } => (who(by), "resumes the exercise".into()),
        What::CheckLaunched { stage } => ("exercise".into(), format!("the review of stage {stage} was started")),
        What::CheckEnded { stage, happened, exit, readiness, why, .. } => {
            at = *happened;
            let end = ReviewEnd { at, exit: *exit, readiness: *readiness, why: why.clone(), evidence: None };
            ("exercise".into(), format!("review of stage {stage}: {}", result(&end)))
        }
        What::ObjectiveDropped { objective, by, why } => {
            (who(by), format!("drops objective {objective}: {}", c.named(why)))
        }
        What::Stopped { by, how, why, .. } => {
            (by.as_ref().map_or(none, who), format!("the exercise is stopped {}: {}", how.words(), c.named(why)))
        }
        What::ExercisePrepared { .. }
        | What::SessionOpened { .. }
        | What::ClusterIdentified { .. }
        | What::Rated { .. }
        | What::Said { .. }
        | What::Reviewed { .. }
        | What::ActionAdded { .. }
        | What::ActionChanged { .. }
        | What::Signed { .. }
        | What::Closed { .. }
        | What::Erased { .. } => return None,
    };
    Some((at, line.seq, Row::new([Text::new(clock(at)), Text::new(plan), Text::new(by), Text::new(what)])))
}

/// When something that was due was noticed, if that was later.
fn noticed(due: Timestamp, at: Timestamp) -> String {
    let late = between(due, at);
    if late.0.as_secs() < 5 { String::new() } else { format!(" (noticed {} later)", long(late)) }
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
