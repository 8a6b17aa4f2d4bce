//! The exercise plan with the authorisation, for the sponsor and the exercise team.

use super::{Whole, chapter, how_to_stop, list, said};
use crate::{
    exercise::{
        playbook::{JudgedBy, Objective, Playbook, RoleSpec},
        time::long,
    },
    report::{Block, Paper, Row, Table},
};

pub(super) fn plan(whole: &Whole<'_>) -> Paper {
    let p = &whole.loaded.playbook;
    let total = whole.slots.last().map(|slot| slot.to).unwrap_or_default();
    let facts = [
        ("Purpose", p.purpose.clone()),
        ("Type", p.metadata.kind.words().to_owned()),
        ("Plan under test", tested_plan(p)),
        ("Planned duration", long(total)),
        (
            "Controls",
            p.controls.iter().map(|(key, ids)| format!("{key}: {}", ids.join(", "))).collect::<Vec<_>>().join("; "),
        ),
    ];
    let roles = p.roles.each().map(|(role, spec)| {
        Row::new([role.word().to_owned(), spec.least().to_string(), whole.names(role), rules(spec)])
    });
    let scope = p.scope.inside.iter().map(|t| format!("In scope: {t}"));
    let scope = scope.chain(p.scope.out.iter().map(|t| format!("Out of scope: {t}")));
    let scope = scope.chain(p.scope.assumptions.iter().map(|t| format!("Assumed: {t}")));
    whole.paper(
        "Exercise plan",
        vec![
            chapter("What the exercise is to show", vec![Block::Table(Table::facts(facts))]),
            chapter("Scope", vec![list(scope, "The playbook does not name its scope.")]),
            chapter(
                "Objectives",
                vec![Block::Table(Table::new("", ["Id", "Objective", "Tier", "RTO", "RPO", "Judged by"], p.objectives.iter().map(objective).collect()))],
            ),
            chapter("Roles", vec![Block::Table(Table::new("", ["Role", "People needed", "Who", "Rules"], roles.collect()))]),
            chapter("Risks and how they are limited", vec![list(risks(whole), "The exercise touches no cluster.")]),
            how_to_stop(&p.stop.phrase, &p.stop.channel),
            chapter(
                "Authorisation",
                vec![
                    said("The sponsor authorises this playbook, its scenarios and its people by their hash: `drillmaster exercise authorise DIR --hash HASH`. The exercise does not start before. Later changes are recorded with a reason."),
                    Block::Table(Table::facts([("Authorised by", "not authorised yet"), ("Date", "–"), ("Hash", "–")])),
                ],
            ),
        ],
    )
}

/// The plan that is tested, with its version and its file.
pub(in crate::exercise) fn tested_plan(playbook: &Playbook) -> String {
    let plan = playbook.plan_under_test.as_ref();
    plan.map_or_else(|| "none".to_owned(), |t| format!("{} {} {}", t.title, t.version, t.file).trim().to_owned())
}

fn rules(spec: &RoleSpec) -> String {
    let mut rules = vec![];
    if let Some(deputy) = spec.deputy {
        rules.push(format!("deputy: {deputy}"));
    }
    if !spec.not_also.is_empty() {
        rules.push(format!("not also {}", spec.not_also.iter().map(|r| r.word()).collect::<Vec<_>>().join(", ")));
    }
    if !spec.absent.is_empty() {
        rules.push(format!("kept out on purpose: {}", spec.absent.join(", ")));
    }
    rules.join("; ")
}

/// An objective, and what judges it.
pub(in crate::exercise) fn objective(o: &Objective) -> Row {
    let none = || "not set".to_owned();
    Row::new([
        o.id.clone(),
        o.text.clone(),
        o.tier.map_or_else(none, |t| t.to_string()),
        o.rto.map_or_else(none, |t| t.to_string()),
        o.rpo.map_or_else(none, |t| t.to_string()),
        judged(o),
    ])
}

/// What decides about an objective.
pub(super) fn judged(o: &Objective) -> String {
    match o.judge.one() {
        Some(JudgedBy::Expect(ids)) => format!("the drill: {}", ids.join(", ")),
        Some(JudgedBy::Time { from, to, within }) => format!("the time from `{from}` to `{to}`, at most {within}"),
        Some(JudgedBy::Rating(role)) => format!("a rating by the {role}"),
        None => "nothing".into(),
    }
}

/// What each drill breaks, and what limits it.
fn risks(whole: &Whole<'_>) -> Vec<String> {
    let mut risks = vec![];
    for used in whole.loaded.uses.values() {
        let Some(s) = used.scenario() else { continue };
        let faults = s.steps.iter().filter(|step| step.verb().is_some_and(|verb| verb.is_fault()));
        let names: Vec<&str> = faults.map(|step| step.name.0.as_str()).collect();
        risks.push(format!(
            "Scenario {}: the faults {}. Limits: {}% of the nodes, {} zone(s), {} namespace(s), {} in all.",
            s.metadata.name,
            names.join(", "),
            s.limits.nodes.0,
            s.limits.zones,
            s.limits.namespaces,
            s.limits.duration
        ));
        for abort in &s.abort {
            risks.push(format!(
                "Scenario {} stops by itself and puts everything back when probe {} is down for {}.",
                s.metadata.name, abort.probe, abort.down_for
            ));
        }
    }
    risks
}
