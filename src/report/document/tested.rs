//! What was tested, by whom, on whose authority: identification, authorisation, scope, objectives. Start with
//! [`sections`].

use super::{
    Block, Key, List, Row, Section, Table, Text,
    context::{Context, clock, names, short},
};
use crate::{
    model::Head,
    report::{
        Field,
        words::{Word, Words, frame, head, say, tested as w},
    },
};

/// Sections 1 to 4.
pub(super) fn sections(c: &Context<'_>) -> Vec<Section> {
    vec![identification(c), authorisation(c), scope(c), objectives(c)]
}

fn or(words: &Words, text: &str, none: &Word) -> String {
    if text.is_empty() { words.say(none, &[]) } else { text.to_owned() }
}

fn identification(c: &Context<'_>) -> Section {
    let (s, about, words) = (c.story, c.about(), c.words);
    let known = |text: &str| or(words, text, &frame::UNKNOWN);
    let kind = match s.flavour.as_str() {
        "simulated" => w::KIND_REHEARSAL,
        "kind" => w::KIND_KIND,
        "" => frame::UNKNOWN,
        _ => w::KIND_LIVE,
    };
    let mut rows = vec![
        (w::RUN, s.run.clone()),
        (w::EXERCISE, say!(words, kind)),
        (w::SCENARIO, say!(words, w::SCENARIO_VERSION, s.scenario, or(words, &about.version, &w::NONE_NAMED))),
        (w::SCENARIO_HASH, known(&s.scenario_hash)),
        (w::PLAN_HASH, known(&s.plan_hash)),
        (w::TOOL, known(&s.tool)),
        (w::STARTED, known(&s.started)),
        (w::ENDED, say!(words, w::ENDED_AFTER, known(&s.ended), format!("{:.0}", s.seconds))),
        (w::END, or(words, &s.ending, &w::NOT_ENDED)),
        (w::HEAD, s.head.clone().unwrap_or_else(|| say!(words, w::NO_HEAD))),
    ];
    rows.push(match &s.previous {
        Some(Head { run, head, exit }) => (w::BEFORE, say!(words, w::BEFORE_RUN, run, exit.code(), head)),
        None => (w::BEFORE, say!(words, w::BEFORE_NONE)),
    });
    if !about.labels.is_empty() {
        let labels: Vec<String> = about.labels.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        rows.push((w::LABELS, labels.join(", ")));
    }
    rows.push((w::EVERY, about.every.map_or_else(|| say!(words, w::NOT_NAMED), |every| every.to_string())));
    Section::new(Key::Identification, say!(words, w::IDENTIFICATION), vec![Block::Table(named(words, rows))])
}

/// A table of facts with names from the catalogue.
fn named(words: &Words, rows: Vec<(Word, String)>) -> Table {
    Table::facts(rows.into_iter().map(|(name, value)| (words.say(&name, &[]), value)))
}

fn authorisation(c: &Context<'_>) -> Section {
    // The journal of a rehearsal contains no names of people or machines.
    let words = c.words;
    let operator = if c.story.is_rehearsal() {
        say!(words, frame::NOT_RECORDED)
    } else {
        or(words, &c.story.operator, &frame::UNKNOWN)
    };
    let one = |name: Word, field| Row::new([Text::new(say!(words, name)), c.note_or(field, &frame::NOT_RECORDED)]);
    let mut rows = vec![
        Row::new([say!(words, w::OPERATOR), operator]),
        one(w::AUTHORISED_BY, Field::Authorisation),
        one(w::SPONSOR, Field::Sponsor),
        one(w::DIRECTOR, Field::Director),
    ];
    let people =
        [(Field::Observer, w::OBSERVERS), (Field::Participant, w::PARTICIPANTS), (Field::Absence, w::ABSENCES)];
    for (field, name) in people {
        let notes = c.notes(field);
        if notes.is_empty() {
            rows.push(Row::new([say!(words, name), say!(words, frame::NOT_RECORDED)]));
        }
        rows.extend(notes.into_iter().map(|note| Row::new([Text::new(say!(words, name)), note])));
    }
    let table = Table { rows, ..Table::default() };
    let gates = c.places.gates.iter().map(|gate| {
        let answer = gate.answer.as_ref().map_or_else(
            || say!(words, w::NOT_ANSWERED),
            |a| say!(words, if a.approved { w::APPROVED } else { w::REFUSED }, a.by, clock(a.at_us)),
        );
        Row::new([gate.step.0.clone(), clock(gate.opened_us), answer])
    });
    let head = head!(words, w::GATE, w::ASKED_AT, w::ANSWER);
    let gates = Table::new(say!(words, w::APPROVALS), head, gates.collect());
    let gates = gates.or(say!(words, w::NO_APPROVAL)).bounded(words, Table::MOST);
    Section::new(Key::Authorisation, say!(words, w::AUTHORISATION), vec![Block::Table(table), Block::Table(gates)])
}

fn scope(c: &Context<'_>) -> Section {
    let zones: std::collections::BTreeSet<&str> =
        c.history.zones.values().map(String::as_str).filter(|z| !z.is_empty()).collect();
    let nodes = c.history.zones.len();
    let words = c.words;
    let list = |all: &[String], none: Word| if all.is_empty() { say!(words, none) } else { names(words, all) };
    let plan = c.plan();
    let critical: Vec<String> = plan.map(|p| p.critical.iter().map(ToString::to_string).collect()).unwrap_or_default();
    let unknown = || say!(words, frame::UNKNOWN);
    let mut rows = vec![
        (w::CLUSTER, or(words, &c.story.cluster, &frame::UNKNOWN)),
        (w::SIZE, say!(words, w::NODES_AND_ZONES, nodes, zones.len())),
    ];
    if let Some(second) = plan.and_then(|p| p.recovery.as_ref()) {
        rows.push((w::SECOND_CLUSTER, say!(words, w::SECOND_CLUSTER_IS, second.context, second.version, second.uid)));
    }
    rows.extend([
        (w::NAMESPACES, plan.map_or_else(unknown, |p| list(&p.namespaces, w::NONE))),
        (w::CRITICAL, list(&critical, w::NONE_NAMED)),
        (w::FUNCTION, c.function()),
        (w::COLLATERAL, plan.map_or_else(unknown, |p| list(&p.collateral, w::NONE))),
    ]);
    let mut blocks = vec![Block::Table(named(words, rows))];
    blocks.push(Block::List(List::new(
        words,
        say!(words, w::OUT_OF_SCOPE),
        c.about().out_of_scope.iter().cloned(),
        say!(words, w::NAMES_NOTHING),
    )));
    let parties = c.notes(Field::ThirdParty);
    let parties = List::new(words, say!(words, w::THIRD_PARTIES), parties, say!(words, w::NONE_RECORDED));
    blocks.push(Block::List(parties));
    Section::new(Key::Scope, say!(words, w::SCOPE), blocks)
}

fn objectives(c: &Context<'_>) -> Section {
    let (about, words) = (c.about(), c.words);
    let hypothesis = c.story.hypothesis.split_whitespace().collect::<Vec<_>>().join(" ");
    let hypothesis = or(words, &hypothesis, &w::NO_HYPOTHESIS);
    let objectives = about
        .objectives
        .named()
        .map(|(name, o)| Row::new([name.to_owned(), o.target.to_string(), or(words, &o.reference, &w::NO_REFERENCE)]));
    let objectives = Table::new(
        say!(words, w::ORGANISATION),
        head!(words, w::OBJECTIVE, w::TIME, w::WRITTEN_IN),
        objectives.collect(),
    )
    .or(say!(words, w::NO_OBJECTIVE));
    let steps = c.plan().map(|p| p.steps.iter().map(|s| format!("{} ({})", short(&s.name.0, 80), s.word())).collect());
    let steps: Vec<String> = steps.unwrap_or_default();
    let list = |title: Word, items: Vec<String>, none: Word| {
        Block::List(List::new(words, say!(words, title), items, say!(words, none)))
    };
    let blocks = vec![
        Block::Paragraph(Text::new(hypothesis)),
        Block::Table(objectives),
        list(w::STEPS, steps, w::NONE_KNOWN),
        list(w::ASSUMPTIONS, about.assumptions.clone(), w::NAMES_NONE),
        list(w::LIMITS, c.story.caveats.clone(), w::NONE_KNOWN),
    ];
    Section::new(Key::Objectives, say!(words, w::OBJECTIVES), blocks)
}
