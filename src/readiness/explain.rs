//! The catalogue as text: `explain ID`, `list checks`, and the page docs/checks.md.

use std::fmt::Write;

use super::{
    catalogue::{AREAS, all},
    check::{ANY, Check, Needs},
    pattern::glob,
};
use crate::model::{Class, Severity};

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
        Needs::ReadinessFile => "a readiness file",
        Needs::Drill => "a planned drill (plan, rehearse, run)",
    }
}

/// The checks that a pattern means: those whose identifier or name it matches, or else those whose identifier or name
/// begins with it, in any case.
fn meant(pattern: &str) -> (Vec<&'static Check>, bool) {
    let matched: Vec<&Check> = all().filter(|c| glob(pattern, c.id) || glob(pattern, c.name)).collect();
    if !matched.is_empty() || pattern.is_empty() {
        return (matched, true);
    }
    let begins = |text: &str| text.get(..pattern.len()).is_some_and(|start| start.eq_ignore_ascii_case(pattern));
    let begun: Vec<&Check> = all().filter(|c| begins(c.id) || begins(c.name)).collect();
    let one = begun.len() == 1;
    (begun, one)
}

/// All texts of the checks that a pattern matches. If it is only the beginning of several checks, a line for each of
/// them. None if no check matches.
pub fn explain(pattern: &str) -> Option<String> {
    let (checks, whole) = meant(pattern);
    let mut out = String::new();
    for check in &checks {
        if whole {
            text(check, &mut out);
        } else {
            row(check, &mut out);
        }
    }
    if !whole {
        let id = checks.first()?.id;
        let _ = writeln!(out, "\n`drillmaster explain {id}` explains the first of them.");
    }
    (!out.is_empty()).then(|| out.trim_end().to_owned() + "\n")
}

/// As [`explain`], all texts as JSON.
pub fn explain_json(pattern: &str) -> Option<String> {
    let (checks, _) = meant(pattern);
    (!checks.is_empty()).then(|| json(|check| checks.iter().any(|wanted| wanted.id == check.id)))
}

/// The properties of a check, as text. [`text`] and [`page`] arrange them.
struct Properties {
    severity: String,
    drills: String,
    looks_at: &'static str,
    proven: &'static str,
}

impl Properties {
    fn of(check: &Check) -> Self {
        let experimental = if super::examples::proven(check.id) { "" } else { " · experimental" };
        Self {
            severity: format!("{}{experimental}", check.severity),
            drills: class(check),
            looks_at: needs(check),
            proven: super::examples::proof(check.id),
        }
    }
}

fn text(check: &Check, out: &mut String) {
    let Check { id, name, title, rule, why, fix, .. } = check;
    let Properties { severity, drills, looks_at, proven } = Properties::of(check);
    let _ = write!(
        out,
        "{id} {name}\n  {title}\n\n  severity  {severity}\n  drills    {drills}\n  looks at  {looks_at}\n  \
         proven    {proven}\n\n  Rule: {rule}\n\n  Why: {why}\n\n  Fix: {fix}\n\n",
    );
}

fn row(check: &Check, out: &mut String) {
    let experimental = if super::examples::proven(check.id) { "" } else { " (experimental)" };
    let severity = check.severity.to_string();
    let _ = writeln!(out, "  {:<9} {:<32} {severity:<9} {}{experimental}", check.id, check.name, check.title);
}

/// One line for each check.
pub fn listing() -> String {
    let mut out = String::new();
    for area in AREAS {
        let _ = writeln!(out, "{}", area.title);
        area.checks().for_each(|check| row(check, &mut out));
    }
    out
}

/// All checks as JSON.
pub fn listing_json() -> String {
    json(|_| true)
}

fn json(wanted: impl Fn(&Check) -> bool) -> String {
    let one = |area: &str, c: &Check| {
        serde_json::json!({"id": c.id, "name": c.name, "title": c.title, "area": area, "severity": c.severity,
            "class": c.class, "gates": c.gates, "rule": c.rule, "why": c.why, "fix": c.fix,
            "experimental": !super::examples::proven(c.id), "proven": super::examples::proof(c.id)})
    };
    let checks: Vec<serde_json::Value> =
        AREAS.iter().flat_map(|area| area.checks().filter(|c| wanted(c)).map(move |c| one(area.title, c))).collect();
    serde_json::to_string_pretty(&serde_json::json!({"schemaVersion": "1", "checks": checks})).unwrap_or_default()
        + "\n"
}

/// What `--profile` chooses, and why no project needs milder checks to pass.
const PROFILES: &str = "
## Profiles

`--profile` chooses the checks: `full` (the default) runs all, `ci` those that manifests show, `preflight` those that \
gate or block a drill, and `security` those of networks, pods, rights, secrets and images. A small project that is run \
well passes `ci`, `preflight` and `security`; `tests/checks/well-run` holds one, and the tests review it.

No profile lowers a severity, and no severity of this catalogue was lowered so that a project passes. Some rules are \
milder in one case, which the table below names. You can change a severity in your readiness file (`checks.severity`).
";

/// The sentences of a rule that name a milder severity than that of the check, and so the case that is the reason.
fn milder(check: &Check) -> Vec<&'static str> {
    let lower = [Severity::High, Severity::Medium, Severity::Low].into_iter().filter(|s| *s > check.severity);
    let lower: Vec<String> = lower.map(|severity| severity.to_string()).collect();
    let is_lower = |word: &str| lower.iter().any(|severity| severity.eq_ignore_ascii_case(word));
    let sentences = check.rule.split(". ").map(|sentence| sentence.trim_end_matches('.'));
    sentences.filter(|sentence| sentence.split(|c: char| !c.is_ascii_alphanumeric()).any(is_lower)).collect()
}

/// The milder cases of all checks as a table.
fn milder_cases(out: &mut String) {
    out.push_str(
        "\n## Milder cases\n\nEach sentence is a part of a rule below. It names the case, which is the reason, and the \
         severity of that case.\n\n| check | severity | milder case |\n|---|---|---|\n",
    );
    for check in AREAS.iter().flat_map(|area| area.checks()) {
        for sentence in milder(check) {
            let _ = writeln!(out, "| {} | {} | {} |", check.id, check.severity, sentence.replace('|', "\\|"));
        }
    }
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
    out.push_str(PROFILES);
    milder_cases(&mut out);
    for area in AREAS {
        let _ = write!(out, "\n## {}\n", area.title);
        for check in area.checks() {
            let Check { id, name, title, rule, why, fix, .. } = check;
            let Properties { severity, drills, looks_at, proven } = Properties::of(check);
            let _ = write!(
                out,
                "\n### {id} {name}\n\n**{title}** · {severity} · {drills} · looks at {looks_at} · proven {proven}\n\n\
                 {rule}\n\n*Why:* {why}\n\n*Fix:* {fix}\n",
            );
        }
    }
    out
}
