//! Corrective actions: one for each finding. Owner, due date, ticket and status come from notes of people only; what
//! nobody has noted is "none yet". Start with [`actions`].

use super::{
    Block, Key, Ref, Row, Section, Table, Text,
    before::Retest,
    context::Context,
    findings::{Finding, MOST},
};
use crate::report::Field;

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
        let noted = |field, none: &str| c.note_of(field, &id).unwrap_or_else(|| Text::new(none));
        Action {
            what: f.recommendation.clone(),
            owner: noted(Field::Owner, &no_owner(c)),
            due: noted(Field::Due, "none yet"),
            ticket: noted(Field::Ticket, "none yet"),
            status: noted(Field::Status, "open"),
            retest: f.retest.clone(),
        }
    };
    findings.iter().take(MOST).enumerate().map(action).collect()
}

/// The maintainer of the scenario is proposed, and never assigned.
fn no_owner(c: &Context<'_>) -> String {
    match c.about().owner.as_str() {
        "" => "no owner yet".into(),
        owner => format!("no owner yet (proposed: {owner})"),
    }
}

/// Section 13.
pub(super) fn section(c: &Context<'_>, actions: &[Action]) -> Section {
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
    let head = ["Id", "Action", "Owner", "Due", "Ticket", "Status", "Proven when"];
    let table = Table::new("", &head, rows.collect()).or("No finding asks for an action.");
    let carried = Block::Table(carried(c));
    let how =
        "Owner, due date, ticket and status are noted with `drillmaster report annotate`; drillmaster assigns none.";
    Section::new(Key::Actions, "Corrective actions", vec![Block::Table(table), carried, Block::Paragraph(how.into())])
}

/// The actions of the last drill, and what this one shows about them.
fn carried(c: &Context<'_>) -> Table {
    let title = "Actions of the last drill of this scenario";
    let head = ["Action", "Owner", "Due", "This drill"];
    let Some(before) = &c.beside.before else {
        return Table::new(title, &head, vec![]).or("None are known: no such drill was found beside this one.");
    };
    let rows = before.actions.iter().map(|a| {
        let (said, j) = match before.retest(c, a) {
            Retest::Passed(j) => ("tested again and passed", Some(j)),
            Retest::NotPassed(j) => ("tested again and not passed: carried over", Some(j)),
            Retest::NotTested => ("not tested again: carried over", None),
        };
        Row::new([
            Text::new(format!("{} of {}: {}", a.id.0, before.date, a.what)),
            a.owner.clone().into(),
            a.due.clone().into(),
            Text::new(said).see(j.map(Ref::judgement)),
        ])
    });
    Table::new(title, &head, rows.collect()).or("It asked for no action.").bounded(MOST)
}

/// Section 14.
pub(super) fn plan_updates(c: &Context<'_>) -> Section {
    let about = c.about();
    let tested = match &about.plan_under_test {
        Some(plan) if plan.version.is_empty() => format!("{} (no version named)", plan.name),
        Some(plan) => format!("{}, version {}", plan.name, plan.version),
        None => "the scenario names none".into(),
    };
    let mut rows = vec![Row::new(["Plan under test".to_owned(), tested])];
    let notes: Vec<Text> = c.notes(Field::PlanChange);
    if notes.is_empty() {
        rows.push(Row::new(["Changes to plans and runbooks", "none noted yet"]));
    }
    rows.extend(notes.into_iter().map(|note| Row::new([Text::new("Change"), note])));
    let table = Table { rows, ..Table::default() };
    Section::new(Key::PlanUpdates, "Changes to plans and runbooks", vec![Block::Table(table)])
}
