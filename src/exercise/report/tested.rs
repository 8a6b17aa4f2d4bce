//! What was tested, by whom, on whose authority: sections 1 to 4.

use super::{Context, facts, list};
use crate::{
    exercise::{
        papers::{objective_row, tested_plan},
        playbook::Role,
        time::date_time,
        verbs::authorised_hash,
        what::ClusterAccess,
    },
    report::{Block, Key, Ref, Row, Section, Table},
};

pub(super) fn sections(c: &Context<'_>) -> Vec<Section> {
    vec![identification(c), authorisation(c), scope(c), objectives(c)]
}

fn identification(c: &Context<'_>) -> Section {
    let (p, s) = (c.playbook(), c.state());
    let never = || "did not happen".to_owned();
    let place = match &s.place {
        ClusterAccess::Nowhere => "no cluster".to_owned(),
        ClusterAccess::Simulated { cluster, seed, .. } => format!(
            "simulated clusters ({}), seed {seed}",
            if cluster.is_empty() { "those that suit each scenario" } else { cluster }
        ),
        ClusterAccess::Real { arguments } => arguments.join(" "),
    };
    let rows = [
        ("Exercise", s.exercise.clone()),
        ("Playbook", format!("{} {} (SHA-256 {})", p.metadata.name, p.metadata.version, s.playbook_hash)),
        ("Type", p.metadata.kind.words().to_owned()),
        ("Began", s.started.as_ref().map_or_else(never, |(at, _)| date_time(*at))),
        ("Cluster", place),
        ("Program", s.tool.clone()),
    ];
    Section::new(Key::Identification, "Identification", vec![facts(rows)])
}

fn authorisation(c: &Context<'_>) -> Section {
    let s = c.state();
    let hash = authorised_hash(s);
    let authorised = match &s.authorised {
        Some((at, by, signed)) if *signed == hash => format!("{}, {} over {signed}", c.who(by), date_time(*at)),
        Some((at, by, signed)) => {
            format!("{}, {} over {signed}, WHICH IS NOT THE HASH OF WHAT IS HERE ({hash})", c.who(by), date_time(*at))
        }
        None => "nobody".into(),
    };
    let seats = c.playbook().roles.each().map(|(role, spec)| {
        let names = s.seats.iter().filter(|seat| seat.roles.contains(&role));
        let names: Vec<String> = names.map(|seat| c.people.name(&seat.person)).collect();
        let absent =
            s.absent.iter().filter(|(absent, _)| *absent == role).map(|(_, why)| format!("absent: {}", c.named(why)));
        let both = |other: &Role| s.seats.iter().any(|seat| seat.roles.contains(&role) && seat.roles.contains(other));
        let rules = spec
            .not_also
            .iter()
            .map(|other| format!("not also {other}: {}", if both(other) { "NOT HELD" } else { "held" }));
        let notes: Vec<String> = absent.chain(rules).collect();
        Row::new([
            role.word().to_owned(),
            if names.is_empty() { "nobody".into() } else { names.join(", ") },
            notes.join("; "),
        ])
    });
    let absences = s.seats.iter().filter(|seat| !seat.absent.is_empty());
    let absences = absences.map(|seat| format!("{} ({})", seat.absent, c.people.name(&seat.person)));
    let planned = c.playbook().roles.each().flat_map(|(_, spec)| spec.absent.clone());
    let mut kept: Vec<String> = absences.collect();
    kept.extend(planned.filter(|function| !s.seats.iter().any(|seat| seat.absent == *function)));
    Section::new(
        Key::Authorisation,
        "Authorisation and roles",
        vec![
            facts([
                ("Authorised by", authorised),
                ("Started by", s.started.as_ref().map_or_else(|| "nobody".to_owned(), |(_, by)| c.who(by))),
            ]),
            Block::Table(Table::new("Participants", ["Role", "Who", "Rules and absences"], seats.collect())),
            Block::List(list("Kept out on purpose", kept, "nobody")),
        ],
    )
}

fn scope(c: &Context<'_>) -> Section {
    let p = c.playbook();
    let joined = |items: &[String]| if items.is_empty() { "not recorded".to_owned() } else { items.join("; ") };
    let drills = c.state().stages.iter().filter_map(|(stage, s)| s.drill.as_ref().map(|d| (stage, d)));
    let drills =
        drills.map(|(stage, d)| Row::new([stage.clone(), d.run.clone(), d.exit.meaning().to_owned(), d.head.clone()]));
    Section::new(
        Key::Scope,
        "Scope, systems and criticality",
        vec![
            facts([
                ("In scope", joined(&p.scope.inside)),
                ("Out of scope", joined(&p.scope.out)),
                ("Plan under test", tested_plan(p)),
            ]),
            Block::Table(
                Table::new("Drills", ["Stage", "Run", "End", "Head of its journal"], drills.collect())
                    .or("No drill ended."),
            ),
        ],
    )
}

fn objectives(c: &Context<'_>) -> Section {
    let p = c.playbook();
    let rows = c.judged.iter().map(|(o, _)| objective_row(o).id(Ref(o.id.clone())));
    Section::new(
        Key::Objectives,
        "Objectives, scenario and assumptions",
        vec![
            Block::Paragraph(p.purpose.clone().into()),
            Block::Table(Table::new("", ["Id", "Objective", "Tier", "RTO", "RPO", "Judged by"], rows.collect())),
            Block::List(list("Assumptions", p.scope.assumptions.iter().map(String::as_str), "none recorded")),
        ],
    )
}
