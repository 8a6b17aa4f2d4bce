//! The catalogue for people: `explain ID`, and the page docs/checks.md.

use std::fmt::Write;

use super::{
    catalogue::{AREAS, all},
    check::{ANY, Check, Needs},
    review::glob,
};
use crate::model::Class;

fn class(check: &Check) -> String {
    let gates = check.gates.join(", ");
    match (check.class, gates.is_empty()) {
        (Class::Blocks, true) => "blocks every drill".into(),
        (Class::Blocks, false) => format!("blocks drills of {gates}"),
        (Class::Gate, true) => "gates every drill".into(),
        (Class::Gate, false) => format!("gates drills of {gates}"),
        (Class::Advisory, true) => "advice".into(),
        (Class::Advisory, false) if gates == ANY => "advice; gates every drill".into(),
        (Class::Advisory, false) => format!("advice; gates drills of {gates}"),
    }
}

fn needs(check: &Check) -> &'static str {
    match check.needs {
        Needs::Manifests => "manifests, a capture or a live cluster",
        Needs::Cluster => "a live cluster or a capture",
        Needs::DrillFile => "a drill file",
        Needs::Drill => "a planned drill (plan, rehearse, run)",
    }
}

/// Everything about the checks that a pattern names; none when there is none.
pub fn explain(pattern: &str) -> Option<String> {
    let mut out = String::new();
    for check in all().filter(|c| glob(pattern, c.id) || glob(pattern, c.name)) {
        let experimental = if super::examples::proven(check.id) { "" } else { " · experimental" };
        let _ = write!(
            out,
            "{} {}\n  {}\n\n  severity  {}{experimental}\n  drills    {}\n  looks at  {}\n  proven    {}\n\n  Rule: {}\n\n  Why: {}\n\n  Fix: {}\n\n",
            check.id,
            check.name,
            check.title,
            check.severity,
            class(check),
            needs(check),
            super::examples::proof(check.id),
            check.rule,
            check.why,
            check.fix
        );
    }
    (!out.is_empty()).then(|| out.trim_end().to_owned() + "\n")
}

/// A line for each check.
pub fn listing() -> String {
    let mut out = String::new();
    for area in AREAS {
        let _ = writeln!(out, "{}", area.title);
        for check in area.checks() {
            let experimental = if super::examples::proven(check.id) { "" } else { " (experimental)" };
            let _ = writeln!(
                out,
                "  {:<9} {:<32} {:<9} {}{experimental}",
                check.id,
                check.name,
                check.severity.to_string(),
                check.title
            );
        }
    }
    out
}

/// The same for programs.
pub fn listing_json() -> String {
    let one = |area: &str, c: &Check| {
        serde_json::json!({"id": c.id, "name": c.name, "title": c.title, "area": area, "severity": c.severity,
            "class": c.class, "gates": c.gates, "rule": c.rule, "why": c.why, "fix": c.fix,
            "experimental": !super::examples::proven(c.id), "proven": super::examples::proof(c.id)})
    };
    let checks: Vec<serde_json::Value> =
        AREAS.iter().flat_map(|area| area.checks().map(move |c| one(area.title, c))).collect();
    serde_json::to_string_pretty(&serde_json::json!({"schemaVersion": "1", "checks": checks})).unwrap_or_default()
        + "\n"
}

/// The page of all checks, in Markdown.
pub fn page() -> String {
    let mut out = format!(
        "# Readiness checks\n\nThe {} checks that `drillmaster check` makes. This page is made from the catalogue \
         (`drillmaster list-checks --output markdown`). States are pass, fail, skip, unknown, waived and error; \
         unknown is never a pass. A check is experimental until an example that fails and one that passes are among the tests; *proven on a real API server* are those \
         whose fail or pass was seen there (tests/lab), all others by their examples.\n",
        all().count()
    );
    for area in AREAS {
        let _ = write!(out, "\n## {}\n", area.title);
        for check in area.checks() {
            let experimental = if super::examples::proven(check.id) { "" } else { " · experimental" };
            let _ = write!(
                out,
                "\n### {} {}\n\n**{}** · {} · {}{experimental} · looks at {} · proven {}\n\n{}\n\n*Why:* {}\n\n*Fix:* {}\n",
                check.id,
                check.name,
                check.title,
                check.severity,
                class(check),
                needs(check),
                super::examples::proof(check.id),
                check.rule,
                check.why,
                check.fix
            );
        }
    }
    out
}
