//! Playbooks, people and policies as files: mistakes are reported with their places, before anything starts.

use std::fs;

use drillmaster::{
    exercise::{Forecast, load_policy_str, load_str},
    scenario::{PLAYBOOKS, shipped_text},
};

use super::{Desk, minutes};

fn annual() -> String {
    shipped_text(std::path::Path::new("annual-dr-exercise")).unwrap().to_owned()
}

/// The mistakes of a playbook, with a forecast for its drills.
fn mistakes(text: &str, forecast: Option<Forecast>) -> String {
    match load_str("p.yaml", text, &Default::default(), &|_, _| forecast.clone()) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(problems) => problems.to_string(),
    }
}

/// What a rehearsal of the annual exercise predicts, roughly.
fn forecast() -> Forecast {
    let step = |name: &str, from, to| (name.to_owned(), minutes(from), minutes(to));
    Forecast {
        steps: vec![
            step("outage", 1, 2),
            step("namespace lost", 4, 5),
            step("brought back", 5, 6),
            step("power back", 7, 8),
        ],
        alerts: vec![minutes(3)],
        total: minutes(10),
        outages: vec![("storefront".into(), minutes(4), minutes(7))],
    }
}

#[test]
fn shipped_playbooks_have_no_problem() {
    let desk = Desk::new();
    let listed = desk.good(&["list", "playbooks"]);
    for shipped in PLAYBOOKS {
        assert!(listed.contains(shipped.name), "{listed}");
        assert_eq!(desk.good(&["show", shipped.name]), shipped.text);
        let (code, out, err) = desk.run(&["lint", shipped.name]);
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        assert!(err.contains("no problems"), "{err}");
        assert!(shipped.text.starts_with("# yaml-language-server: $schema=playbook.schema.json"));
    }
}

#[test]
fn each_mistake_is_found_with_its_place() {
    assert_eq!(mistakes(&annual(), Some(forecast())), "");
    for (from, to, wanted) in [
        ("default: refuse", "", "gate `go` has no default"),
        ("          default: restore\n", "", "decision `restore-now` has no default"),
        ("default: restore\n", "default: restroe\n", "did you mean `restore`?"),
        ("judge: {rating: evaluator}", "judge: {}", "nothing judges objective `O4`"),
        (
            "expect: [service-storefront-outage]",
            "expect: [service-storefront-outge]",
            "did you mean `service-storefront-outage`?",
        ),
        ("to: restore-now", "to: restore-know", "did you mean `restore-now`?"),
        ("rate: [O1, O2, O3, O4]", "rate: [O1, O2, O3]", "no stage asks for it"),
        ("rate: [O1, O2, O3, O4]", "rate: [O1, O2, O3, O4, O7]", "there is no objective `O7`"),
        ("after: {step: outage}", "after: {step: outrage}", "did you mean `outage`?"),
        ("after: {alertReceived: outage}", "after: {alertReceived: snapshot}", "breaks nothing"),
        ("after: {alertReceived: outage}", "after: {}", "does not say when it is due"),
        ("before: brought back", "before: brougth back", "did you mean `brought back`?"),
        ("until: restore-now", "until: page", "no answer of `page` releases the drill"),
        ("before: brought back", "before: snapshot", "does not begin before `snapshot`"),
        ("takes: 45m", "takes: 12m", "its drill needs 15m"),
        (
            "          within: 5m\n          default: restore",
            "          within: 11m\n          default: restore",
            "`abort: downFor: 12m`",
        ),
        (
            "          within: 5m\n          default: restore",
            "          within: 31m\n          default: restore",
            "`limits.duration: 40m`",
        ),
        ("use: zone-loss-and-restore", "use: zone-loss-and-restor", "did you mean"),
        ("type: functional", "type: discussion", "touches nothing"),
        ("deputy: controller", "deputy: controler", "did you mean `controller`?"),
        ("  scribe: {}\n", "  scribbler: {}\n", "unknown key `scribbler`"),
        ("keep: 5y", "keep: forever", "does not say how long evidence is kept"),
        ("id: brief,", "id: page,", "two stages or items have the id `page`"),
        ("owner: safety\n    takes: 15m", "owner: scribe\n    takes: 1h30", "1h30"),
        ("set: {zone: \"${zone}\"", "set: {zon: \"${zone}\"", "zon"),
        ("name: annual-dr-exercise", "name: Annual Exercise", "is not a valid name"),
        ("review: {rate", "manual: {role: player, task: x}\n    review: {rate", "does several things"),
    ] {
        let text = annual();
        assert!(text.contains(from), "{from}");
        let said = mistakes(&text.replacen(from, to, 1), Some(forecast()));
        assert!(said.contains(wanted) && said.contains("p.yaml:"), "{from} -> {to}: {wanted}\n{said}");
    }
}

/// What a rehearsal does not have is a warning: the real cluster may have it.
#[test]
fn events_that_do_not_happen_are_found() {
    let silent = Forecast { alerts: vec![], ..forecast() };
    let said = mistakes(&annual(), Some(silent));
    assert!(
        said.contains("item `page` waits for an alert after `outage`, but no alert fires in the rehearsal"),
        "{said}"
    );
    let short = Forecast { steps: vec![("outage".into(), minutes(1), minutes(2))], ..forecast() };
    let said = mistakes(&annual(), Some(short));
    assert!(said.contains("waits for step `namespace lost`, which the rehearsal does not reach"), "{said}");
}

#[test]
fn people_must_fit_before_anything_is_made() {
    let desk = Desk::new();
    for (from, to, wanted) in [
        ("roles: [sponsor]", "roles: [sponser]", "did you mean `sponsor`?"),
        ("Sam Sponsor, roles: [sponsor]", "Sam Sponsor, roles: []", "nobody has the role `sponsor`"),
        ("Dora Director, roles: [director]", "Dora Director, roles: [director, player]", "which the playbook excludes"),
        ("Sam Sponsor", "Dora Director", "names two people"),
        (
            "Sven Scribe, roles: [scribe]",
            "Sven Scribe, roles: [scribe], absent: Tech lead",
            "did you mean `Shop tech lead`?",
        ),
        ("people:\n", "people: []\nmore:\n", "unknown key `more`"),
    ] {
        let text = super::PEOPLE;
        assert!(text.contains(from), "{from}");
        fs::write(desk.path("wrong.yaml"), text.replacen(from, to, 1)).unwrap();
        let said = desk.bad(&["exercise", "prepare", "annual-dr-exercise", "--people", "wrong.yaml", "--rehearse"]);
        assert!(said.contains(wanted) && said.contains("wrong.yaml:"), "{wanted}\n{said}");
    }
    for (args, wanted) in [
        (vec!["--people", "nobody.yaml", "--rehearse"], "cannot read the people file nobody.yaml"),
        (vec!["--people", "people.yaml"], "say where they run"),
        (vec!["--people", "people.yaml", "--rehearse", "--set", "zoen=b"], "did you mean `zone`?"),
        (vec!["--people", "people.yaml", "--rehearse", "--at", "tomorrow"], "is not a time with its zone"),
        (vec!["--people", "people.yaml", "--rehearse", "--pace", "0"], "write a number"),
        (vec!["--people", "people.yaml", "--context", "prod", "--bindings", "missing.yaml"], "missing.yaml"),
    ] {
        let said = desk.bad(&[vec!["exercise", "prepare", "annual-dr-exercise"], args].concat());
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
    assert!(!desk.path("exercises").exists(), "nothing was made");
    let said = desk.bad(&["exercise", "prepare", "anual-dr-exercise", "--people", "people.yaml", "--rehearse"]);
    assert!(said.contains("did you mean `annual-dr-exercise`?"), "{said}");
}

#[test]
fn a_policy_says_that_it_is_one() {
    let policy =
        |kind: &str| load_policy_str("p.yaml", &format!("apiVersion: drillmaster.dev/v1\nkind: {kind}\n"), None);
    assert!(policy("Policy").is_ok());
    let said = policy("Polcy").unwrap_err().to_string();
    assert!(said.contains("unknown kind `Polcy`") && said.contains("p.yaml:2"), "{said}");
}

#[test]
fn papers_are_written_in_both_formats_or_in_one() {
    let desk = Desk::new();
    let out =
        desk.good(&["playbook", "render", "annual-dr-exercise", "--for", "all", "--at", "2026-12-03T09:00:00Z", "-q"]);
    for name in [
        "controllers/run-sheet.html",
        "evaluators/evaluation-guide.md",
        "players/hand-out.html",
        "sponsor/calendar.ics",
    ] {
        assert!(out.contains(name), "{out}");
    }
    super::super::golden::check("run-sheet.md", &desk.read("papers/controllers/run-sheet.md"));
    super::super::golden::check("hand-out.md", &desk.read("papers/players/hand-out.md"));
    let only = |format| {
        let args = ["playbook", "render", "tabletop", "--for", "players", "--out", format, "--format", format, "-q"];
        desk.good(&args)
    };
    assert_eq!(only("html"), "html/players/hand-out.html\nhtml/players/announcement.html\n");
    assert_eq!(only("md"), "md/players/hand-out.md\nmd/players/announcement.md\n");
    assert!(desk.bad(&["playbook", "render", "annual-dr-exercise", "--for", "palyers"]).contains("players"));
}

/// The schema describes every field, because docs/exercise.md and editors take it from there.
#[test]
fn every_field_is_described() {
    fn walk(value: &serde_json::Value, path: &str, missing: &mut Vec<String>) {
        let Some(map) = value.as_object() else { return };
        for (key, property) in map.get("properties").and_then(|p| p.as_object()).into_iter().flatten() {
            if property.get("description").is_none() && property.get("$ref").is_none() {
                missing.push(format!("{path}/{key}"));
            }
        }
        map.iter().for_each(|(key, item)| walk(item, &format!("{path}/{key}"), missing));
    }
    let mut missing = vec![];
    walk(&drillmaster::exercise::playbook_schema(), "", &mut missing);
    assert!(missing.is_empty(), "{missing:?}");
}
