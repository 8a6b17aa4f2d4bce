//! Controls, evidence, distribution and signatures.

use super::{Context, facts, report_hash};
use crate::{
    exercise::{time::date_time, what::StageEnd},
    model::Framework,
    report::{Block, Key, Ref, Row, Section, Table, Text, Tone},
};

/// Section 15. Whether a control was exercised and whether it was effective are two questions.
pub(super) fn controls(c: &Context<'_>) -> Section {
    let block = if c.state().is_rehearsal() {
        Block::Paragraph("None: a rehearsal is not evidence for any control.".into())
    } else {
        let took_place = c.playbook().stages.iter().any(|stage| {
            c.state().stage_of(&stage.id).end == Some(StageEnd::Done)
                && (stage.scenario.is_some() || stage.discuss.is_some())
        });
        let met = c.judged.iter().all(|(o, result)| super::summary::tone_of(c, o, result) == Tone::Good);
        let rows = c.playbook().controls.iter().flat_map(|(key, ids)| ids.iter().map(move |id| (key, id))).enumerate();
        let rows = rows.map(|(i, (key, id))| {
            let framework = Framework::of(key);
            let asks = framework.and_then(|f| f.asks(id)).unwrap_or("no description is shipped for this control");
            let exercised = if took_place {
                Text::new("yes")
            } else {
                Text::new("no: no stage of the scenario was completed").tone(Tone::Warn)
            };
            let effective = match (took_place, met) {
                (true, true) => Text::new("shown by this exercise").tone(Tone::Good),
                (true, false) => Text::new("not shown: see Findings").tone(Tone::Warn),
                (false, _) => Text::new("not shown"),
            };
            Row::new([
                Text::new(framework.map_or(key.as_str(), |f| f.name)),
                Text::new(&**id),
                Text::new(asks),
                exercised,
                effective,
            ])
            .id(Ref(format!("C{}", i + 1)))
        });
        let head = ["Framework", "Control", "What it asks for, in our words", "Exercised", "Effective"];
        Block::Table(Table::new("", head, rows.collect()).or("The playbook names no control."))
    };
    Section::new(Key::Controls, "Control mapping", vec![block])
}

/// Section 17.
pub(super) fn evidence(c: &Context<'_>) -> Section {
    let hashes = c.state().scenarios.iter().map(|(file, hash)| Row::new([file.clone(), hash.clone()]));
    let rows = facts([
        ("Journal", format!("{} lines; the hash of the last one is {}", c.lines.len(), c.known.head)),
        ("Sessions of the journal", c.state().sessions.to_string()),
        ("Closed", c.state().ended.map_or_else(|| "not closed".to_owned(), date_time)),
        ("Lines that do not count", c.known.stray.to_string()),
        ("Playbook", c.state().playbook_hash.clone()),
        ("People", "the journal has a salted hash for each person; the names are in people.yaml".to_owned()),
        ("Erased people", c.state().erased.len().to_string()),
    ]);
    let frozen =
        Table::new("Frozen scenarios", ["File", "SHA-256"], hashes.collect()).or("The exercise has no scenarios.");
    Section::new(Key::Evidence, "Evidence", vec![rows, Block::Table(frozen)])
}

/// Section 16.
pub(super) fn section(c: &Context<'_>) -> Section {
    let sign = c.playbook().stages.iter().filter_map(|stage| stage.sign_off.as_ref());
    let (mut tell, mut keep, mut roles) = (vec![], String::new(), vec![]);
    for one in sign {
        tell.extend(one.tell.iter().cloned());
        keep.clone_from(&one.keep);
        roles.extend(one.roles.iter().copied());
    }
    // The hash is made from a document with this section, so it is not asked for there.
    let present =
        if c.state().signed.is_empty() || c.now.is_none() { String::new() } else { report_hash(c.known, c.lines) };
    let rows = c.state().signed.iter().map(|(at, by, head, report)| {
        let over = if *report == present {
            Text::new(&**report)
        } else {
            Text::new(format!("{report}: NOT THIS REPORT ({present})")).tone(Tone::Bad)
        };
        Row::new([Text::new(by.role.word()), Text::new(c.who(by)), Text::new(date_time(*at)), over, Text::new(&**head)])
    });
    let mut rows: Vec<Row> = rows.collect();
    for role in roles.iter().filter(|role| !c.state().signed.iter().any(|(_, by, _, _)| by.role == **role)) {
        rows.push(Row::new([role.word(), "not signed", "–", "–", "–"]));
    }
    let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
    Section::new(
        Key::SignOff,
        "Distribution and sign-off",
        vec![
            facts([
                ("Distribution", or(tell.join(", "), "nobody yet")),
                ("Evidence is kept for", or(keep, "not decided")),
            ]),
            Block::Table(
                Table::new("Signatures", ["Role", "Who", "When", "Hash of the report", "Head of the journal"], rows)
                    .or("Nobody signs."),
            ),
        ],
    )
}
