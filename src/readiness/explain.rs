//! The catalogue as text: `explain ID`, `list checks`, and the page docs/checks.md.

use std::fmt::Write;

use super::{
    catalogue::{AREAS, all},
    check::{ANY, Check, Needs},
    pattern::glob,
};
use crate::model::Class;

fn class(check: &Check) -> String {
    let gates = check.gates.join(", ");
    match (check.class, gates.is_empty()) {
        (Class::Blocks, true) => "blocks every drill".into(),
        (Class::Blocks, false) => format!("blocks drills of {gates}"),
        (Class::Gate, true) => "gates every drill".into(),
        (Class::Gate, false) => format!("gates drills of {gates}"),
        (Class::Advisory, true) => "advisory".into(),
        (Class::Advisory, false) if gates == ANY => "advisory; gates every drill".into(),
        (Class::Advisory, false) => format!("advisory; gates drills of {gates}"),
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

/// All texts of the checks whose identifier or name matches a pattern; none if no check matches.
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

/// One line for each check.
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

/// All checks as JSON.
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

/// The page docs/checks.md, in Markdown.
pub fn page() -> String {
    let mut out = format!(
        "# Readiness checks\n\nThis page lists the {} checks of drillmaster. It is generated from the catalogue \
         (`drillmaster list checks --output markdown`). The result of a check for an object is pass, fail, skip, \
         unknown, waived or error; an unknown never counts as a pass. A check is experimental until the tests have \
         an example that fails and one that passes. *Proven on a real API server* means that a fail or a pass was \
         seen there (tests/lab); the other checks are proven by their examples.\n",
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
