//! Corrective actions: one for each finding. Owner, due date, ticket and status come from notes of people only; what
//! nobody has noted is "none yet". Start with [`actions`].

use super::{
    Block, Key, Ref, Row, Section, Table, Text,
    before::Retest,
    context::Context,
    findings::{Finding, MOST},
};
use crate::report::{
    Field,
    words::{Word, actions as w, frame, head, say},
};

/// A corrective action.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub what: String,
    pub owner: Text,
    pub due: Text,
    pub ticket: Text,
    pub status: Text,
    pub retest: String,
}

/// The actions, in the order of the findings.
pub(super) fn actions(c: &Context<'_>, findings: &[Finding]) -> Vec<Action> {
    let action = |(i, f): (usize, &Finding)| {
        let id = Ref::action(i);
        let noted = |field, none: &Word| c.note_of(field, &id).unwrap_or_else(|| Text::new(c.words.say(none, &[])));
        Action {
            what: f.recommendation.clone(),
            owner: c.note_of(Field::Owner, &id).unwrap_or_else(|| Text::new(no_owner(c))),
            due: noted(Field::Due, &frame::NONE_YET),
            ticket: noted(Field::Ticket, &frame::NONE_YET),
            status: noted(Field::Status, &w::OPEN),
            retest: f.retest.clone(),
        }
    };
    findings.iter().take(MOST).enumerate().map(action).collect()
}

/// The maintainer of the scenario is proposed, and never assigned.
fn no_owner(c: &Context<'_>) -> String {
    match c.about().owner.as_str() {
        "" => say!(c.words, w::NO_OWNER),
        owner => say!(c.words, w::NO_OWNER_PROPOSED, owner),
    }
}

/// Section 13.
pub(super) fn section(c: &Context<'_>, actions: &[Action]) -> Section {
    let words = c.words;
    let rows = actions.iter().enumerate().map(|(i, a)| {
        Row::new([
            Text::new(Ref::action(i).0),
            Text::new(a.what.clone()).see([Ref::finding(i)]),
            a.owner.clone(),
            a.due.clone(),
            a.ticket.clone(),
            a.status.clone(),
            a.retest.clone().into(),
        ])
        .id(Ref::action(i))
    });
    let head = head!(words, w::ID, w::ACTION, w::OWNER, w::DUE, w::TICKET, w::STATUS, w::PROVEN_WHEN);
    let table = Table::new("", head, rows.collect()).or(say!(words, w::NONE));
    let carried = Block::Table(carried(c));
    let how = Block::Paragraph(say!(words, w::HOW).into());
    Section::new(Key::Actions, say!(words, w::ACTIONS), vec![Block::Table(table), carried, how])
}

/// The actions of the last drill, and what this one shows about them.
fn carried(c: &Context<'_>) -> Table {
    let words = c.words;
    let title = say!(words, w::LAST);
    let head = head!(words, w::ACTION, w::OWNER, w::DUE, w::THIS_DRILL);
    let Some(before) = &c.beside.before else {
        return Table::new(title, head, vec![]).or(say!(words, w::NO_LAST));
    };
    let rows = before.actions.iter().map(|a| {
        let (said, j) = match before.retest(c, a) {
            Retest::Passed(j) => (w::PASSED, Some(j)),
            Retest::NotPassed(j) => (w::NOT_PASSED, Some(j)),
            Retest::NotTested => (w::NOT_TESTED, None),
        };
        Row::new([
            Text::new(say!(words, w::OF, a.id.0, before.date, a.what)),
            a.owner.clone().into(),
            a.due.clone().into(),
            Text::new(say!(words, said)).see(j.map(Ref::judgement)),
        ])
    });
    Table::new(title, head, rows.collect()).or(say!(words, w::ASKED_NONE)).bounded(words, MOST)
}

/// Section 14.
pub(super) fn plan_updates(c: &Context<'_>) -> Section {
    let (about, words) = (c.about(), c.words);
    let tested = match &about.plan_under_test {
        Some(plan) if plan.version.is_empty() => say!(words, w::PLAN_NO_VERSION, plan.name),
        Some(plan) => say!(words, w::PLAN_VERSION, plan.name, plan.version),
        None => say!(words, w::NO_PLAN),
    };
    let mut rows = vec![Row::new([say!(words, w::PLAN), tested])];
    let notes: Vec<Text> = c.notes(Field::PlanChange);
    if notes.is_empty() {
        rows.push(Row::new([say!(words, w::UPDATES), say!(words, w::NONE_NOTED)]));
    }
    rows.extend(notes.into_iter().map(|note| Row::new([Text::new(say!(words, w::CHANGE)), note])));
    let table = Table { rows, ..Table::default() };
    Section::new(Key::PlanUpdates, say!(words, w::UPDATES), vec![Block::Table(table)])
}
