//! What proves the report, how to check it, and what it does not prove.

use super::{
    Block, Commands, Key, List, Section, Table,
    context::{Context, Signature},
};

/// Section 17.
pub(super) fn section(c: &Context<'_>) -> Section {
    let s = c.story;
    let signature = match &c.beside.signature {
        Signature::Unsigned => "UNSIGNED: no key was given".to_owned(),
        Signature::By(key) => format!("signed with key {key}; a signature shows who signed, and not when"),
    };
    let samples: u64 = c.history.probes.values().flatten().map(|r| u64::from(r.n)).sum();
    let mut rows = vec![
        ("Journal", "journal.jsonl and further segments: every event, each chained to the one before".to_owned()),
        ("Samples", format!("samples/: {samples} probe samples; the journal holds the SHA-256 of each file")),
        ("Plan and scenario", "plan.json, scenario.yaml: the journal holds their hashes".into()),
        ("Signature", signature),
        ("Redaction", "secrets were removed before anything was written; nothing was removed afterwards".into()),
    ];
    let named = [("journal events", "Events"), ("audit log", "Audit log")];
    rows.extend(named.iter().filter_map(|(key, name)| Some((*name, s.evidence.get(*key)?.clone()))));
    let mut missing = vec![];
    if !s.evidence.contains_key("audit log") {
        missing.push("no audit log was read: who deleted an object is unknown");
    }
    if s.head.is_none() {
        missing.push("the journal has no end");
    }
    if s.review.is_none() {
        missing.push("no readiness review was made");
    }
    if c.plan().is_none() {
        missing.push("the plan was never written");
    }
    let blocks = vec![
        Block::Table(Table::facts(rows)),
        Block::List(List::new("Missing evidence", missing, "None known.")),
        Block::Commands(Commands {
            title: "To check the run offline".into(),
            lines: vec![format!("drillmaster verify runs/{}", s.run)],
        }),
    ];
    Section::new(Key::Evidence, "Evidence", blocks)
}
