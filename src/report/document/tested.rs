//! What was tested, by whom, on whose authority: identification, authorisation, scope, objectives. Start with
//! [`sections`].

use super::{
    Block, Key, List, Row, Section, Table, Text,
    context::{Context, clock, short},
};
use crate::{
    model::{Head, some},
    report::Field,
};

/// Sections 1 to 4.
pub(super) fn sections(c: &Context<'_>) -> Vec<Section> {
    vec![identification(c), authorisation(c), scope(c), objectives(c)]
}

fn or(text: &str, none: &'static str) -> String {
    if text.is_empty() { none.to_owned() } else { text.to_owned() }
}

fn identification(c: &Context<'_>) -> Section {
    let (s, about) = (c.story, c.about());
    let kind = match s.flavour.as_str() {
        "simulated" => "rehearsal on a simulated cluster: nothing real was tested",
        "kind" => "functional exercise on a kind cluster",
        "" => "unknown",
        _ => "functional exercise on a live cluster",
    };
    let mut rows = vec![
        ("Run", s.run.clone()),
        ("Exercise", kind.into()),
        ("Scenario", format!("{} (version: {})", s.scenario, or(&about.version, "none named"))),
        ("SHA-256 of the scenario", or(&s.scenario_hash, "unknown")),
        ("Hash of the plan", or(&s.plan_hash, "unknown")),
        ("Tool", or(&s.tool, "unknown")),
        ("Started (UTC)", or(&s.started, "unknown")),
        ("Ended (UTC)", format!("{} ({:.0} s)", or(&s.ended, "unknown"), s.seconds)),
        ("End", or(&s.ending, "the run has not ended")),
        ("Head of the journal", s.head.clone().unwrap_or_else(|| "none: the run has not ended".into())),
    ];
    rows.push(match &s.previous {
        Some(Head { run, head, exit }) => ("Run before it", format!("{run}, exit {}, head {head}", exit.code())),
        None => ("Run before it", "none known on this cluster".into()),
    });
    if !about.labels.is_empty() {
        let labels: Vec<String> = about.labels.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        rows.push(("Labels", labels.join(", ")));
    }
    rows.push(("Planned every", about.every.map_or("not named".into(), |every| every.to_string())));
    Section::new(Key::Identification, "Identification", vec![Block::Table(Table::facts(rows))])
}

fn authorisation(c: &Context<'_>) -> Section {
    // The journal of a rehearsal contains no names of people or machines.
    let operator = if c.story.is_rehearsal() { "not recorded".into() } else { or(&c.story.operator, "unknown") };
    let mut rows = vec![
        Row::new([Text::new("Operator"), operator.into()]),
        Row::new([Text::new("Authorised by"), c.note_or(Field::Authorisation, "not recorded")]),
        Row::new([Text::new("Sponsor"), c.note_or(Field::Sponsor, "not recorded")]),
        Row::new([Text::new("Exercise director"), c.note_or(Field::Director, "not recorded")]),
    ];
    let people =
        [(Field::Observer, "Observers"), (Field::Participant, "Participants"), (Field::Absence, "Planned absences")];
    for (field, name) in people {
        let notes = c.notes(field);
        if notes.is_empty() {
            rows.push(Row::new([name, "not recorded"]));
        }
        rows.extend(notes.into_iter().map(|note| Row::new([Text::new(name), note])));
    }
    let table = Table { rows, ..Table::default() };
    let gates = c.places.gates.iter().map(|gate| {
        let answer = gate.answer.as_ref().map_or("not answered".to_owned(), |a| {
            let word = if a.approved { "approved" } else { "refused" };
            format!("{word} by {} at {}", a.by, clock(a.at_us))
        });
        Row::new([gate.step.0.clone(), clock(gate.opened_us), answer])
    });
    let gates = Table::new("Approvals during the drill", &["Gate", "Asked at", "Answer"], gates.collect());
    let gates = gates.or("The drill asked for no approval.").bounded(Table::MOST);
    Section::new(Key::Authorisation, "Authorisation and roles", vec![Block::Table(table), Block::Table(gates)])
}

fn scope(c: &Context<'_>) -> Section {
    let zones: std::collections::BTreeSet<&str> =
        c.history.zones.values().map(String::as_str).filter(|z| !z.is_empty()).collect();
    let nodes = c.history.zones.len();
    let list = |all: &[String], none: &str| if all.is_empty() { none.to_owned() } else { some(all) };
    let plan = c.plan();
    let critical: Vec<String> = plan.map(|p| p.critical.iter().map(ToString::to_string).collect()).unwrap_or_default();
    let mut rows = vec![
        ("Cluster", or(&c.story.cluster, "unknown")),
        ("Size", format!("{nodes} nodes seen, {} zones", zones.len())),
    ];
    if let Some(second) = plan.and_then(|p| p.recovery.as_ref()) {
        rows.push((
            "Second cluster",
            format!("{} (Kubernetes {}, kube-system {})", second.context, second.version, second.uid),
        ));
    }
    rows.extend([
        ("Namespaces", plan.map_or("unknown".into(), |p| list(&p.namespaces, "none"))),
        ("Critical workloads", list(&critical, "none named")),
        ("Business function", c.function()),
        ("Other namespaces affected", plan.map_or("unknown".into(), |p| list(&p.collateral, "none"))),
    ]);
    let mut blocks = vec![Block::Table(Table::facts(rows))];
    blocks.push(Block::List(List::new(
        "Out of scope",
        c.about().out_of_scope.iter().cloned(),
        "The scenario names nothing.",
    )));
    blocks.push(Block::List(List::new("Third parties involved", c.notes(Field::ThirdParty), "None recorded.")));
    Section::new(Key::Scope, "Scope, systems and criticality", blocks)
}

fn objectives(c: &Context<'_>) -> Section {
    let about = c.about();
    let hypothesis = c.story.hypothesis.split_whitespace().collect::<Vec<_>>().join(" ");
    let hypothesis = or(&hypothesis, "The journal holds no hypothesis: the plan was never written.");
    let objectives = about
        .objectives
        .named()
        .map(|(name, o)| Row::new([name.to_owned(), o.target.to_string(), or(&o.reference, "no reference named")]));
    let objectives =
        Table::new("Objectives of the organisation", &["Objective", "Time", "Written in"], objectives.collect())
            .or("The scenario refers to no objective of the organisation.");
    let steps = c.plan().map(|p| p.steps.iter().map(|s| format!("{} ({})", short(&s.name.0, 80), s.word())).collect());
    let steps: Vec<String> = steps.unwrap_or_default();
    let blocks = vec![
        Block::Paragraph(Text::new(hypothesis)),
        Block::Table(objectives),
        Block::List(List::new("Steps of the scenario", steps, "None known.")),
        Block::List(List::new("Assumptions", about.assumptions.iter().cloned(), "The scenario names none.")),
        Block::List(List::new("Limits of this result", c.story.caveats.iter().cloned(), "None known.")),
    ];
    Section::new(Key::Objectives, "Objectives, scenario and assumptions", blocks)
}
