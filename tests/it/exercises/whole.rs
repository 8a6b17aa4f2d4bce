//! Every shipped playbook, from its preparation to its report, without people, on the simulated cluster.

use super::Desk;

fn whole(playbook: &str, policy: &str) -> (i32, String, String) {
    let (code, out, report, _) = with_html(playbook, policy);
    (code, out, report)
}

fn with_html(playbook: &str, policy: &str) -> (i32, String, String, String) {
    let desk = Desk::new();
    let dir = desk.prepared(playbook);
    let (code, out, err) = desk.run(&["exercise", "start", &dir, "--unattended", policy]);
    let report = desk.read(&format!("{dir}/report.md"));
    assert!(report.contains("WITHOUT PEOPLE"), "{report}");
    assert!(report.contains("None: a rehearsal is not evidence for any control."), "{report}");
    assert!(desk.good(&["exercise", "status", &dir]).contains(": closed"), "{err}");
    // The journal of the exercise names the head of its drill's journal.
    for line in desk.read(&format!("{dir}/journal.jsonl")).lines().filter(|line| line.contains("\"DrillEnded\"")) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (stage, run) = (line["event"]["stage"].as_str().unwrap(), line["event"]["run"].as_str().unwrap());
        let status = desk.run(&["status", &format!("{dir}/drills/{stage}/{run}")]).1;
        let head = line["event"]["head"].as_str().unwrap();
        assert!(!head.is_empty() && status.contains(&format!("head {head}")), "{status}");
    }
    let html = desk.read(&format!("{dir}/report.html"));
    (code, out, report, html)
}

#[test]
fn the_annual_exercise_without_people() {
    let (code, out, report, html) = with_html("annual-dr-exercise", "defaults");
    assert_eq!(code, 0, "{out}\n{report}");
    for said in [
        "step \\`namespace lost\\` is done",
        "restore-now: restore",
        "gives inject press-call",
        "Alertmanager has the first alert",
    ] {
        assert!(report.contains(said), "{said}\n{report}");
    }
    // The example in the documentation is this exercise.
    super::super::golden::check_at("docs/example-exercise/report.md", &stable(&report));
    super::super::golden::check_at("docs/example-exercise/report.html", &stable(&html));
}

/// Hashes depend on random salts and on the version, and people's hashes stand nowhere in the report.
fn stable(report: &str) -> String {
    let word = |word: &str| {
        let hex = word.chars().filter(char::is_ascii_hexdigit).count() == word.len();
        if word.len() == 64 && hex { "(hash)".to_owned() } else { word.to_owned() }
    };
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let mut out = String::new();
    for part in report.split_inclusive(ends) {
        let (body, end) =
            part.char_indices().next_back().filter(|(_, c)| ends(*c)).map_or((part, ""), |(i, _)| part.split_at(i));
        out += &word(body);
        out += end;
    }
    out.replace(drillmaster::verdict::TOOL, "drillmaster")
}

#[test]
fn the_game_day_without_people() {
    let (code, out, report) = whole("game-day", "defaults");
    assert_eq!(code, 0, "{out}\n{report}");
    assert!(report.contains("| acknowledged |"), "{report}");
}

#[test]
fn the_quarterly_restore_without_people() {
    let (code, out, report) = whole("quarterly-restore", "defaults");
    assert_eq!(code, 0, "{out}\n{report}");
}

#[test]
fn the_region_exercise_without_people() {
    let (code, out, report) = whole("region-exercise", "defaults");
    assert_eq!(code, 0, "{out}\n{report}");
}

#[test]
fn the_tabletop_without_people() {
    let (code, out, report) = whole("tabletop", "defaults");
    assert_eq!(code, 0, "{out}\n{report}");
}

/// Nobody answers anything: every gate, decision and task takes its default, and the exercise ends all the same.
#[test]
fn nobody_answers_and_it_ends() {
    let (code, out, report) = whole("tabletop", "silent");
    assert_eq!(code, 1, "{out}");
    assert!(report.contains("nobody decided in time"), "{report}");
    // The gate before the drill refuses by default, so nothing is broken.
    let (code, out, report) = whole("annual-dr-exercise", "silent");
    assert!(code != 0 && report.contains("STOPPED"), "{out}\n{report}");
    assert!(report.contains("No drill ended"), "{report}");
}

/// The gate is answered and nobody decides: the drill holds until the time limit, then restores, and the objective of
/// the decision is not met.
#[test]
fn a_hold_that_nobody_decides_ends_by_its_default() {
    let desk = Desk::new();
    let dir = desk.prepared("annual-dr-exercise");
    let policy = "apiVersion: drillmaster.dev/v1\nkind: Policy\nanswers: {restore-now: {never: true}, page: {after: 330s}}\nratings: {O4: M}\n";
    std::fs::write(desk.path("policy.yaml"), policy).unwrap();
    let (code, out, err) = desk.run(&["exercise", "start", &dir, "--unattended", "policy.yaml"]);
    assert_eq!(code, 1, "{out}{err}");
    let report = desk.read(&format!("{dir}/report.md"));
    for said in [
        "restore-now: nobody decided in time, restore counts",
        "`page` was answered late",
        "performed with major challenges",
    ] {
        assert!(report.replace('\\', "").contains(said), "{said}\n{report}");
    }
}

#[test]
fn a_policy_that_does_not_fit_is_refused_before_anything_starts() {
    let desk = Desk::new();
    let dir = desk.prepared("annual-dr-exercise");
    let policy = "apiVersion: drillmaster.dev/v1\nkind: Policy\nanswers: {restore-nwo: {choose: restore}, go: {choose: maybe}}\nratings: {O9: P}\n";
    std::fs::write(desk.path("policy.yaml"), policy).unwrap();
    let said = desk.bad(&["exercise", "start", &dir, "--unattended", "policy.yaml"]);
    for wanted in
        ["did you mean `restore-now`?", "`maybe` is not an answer to `go`", "no objective `O9`", "policy.yaml:3"]
    {
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
    assert!(desk.bad(&["exercise", "start", &dir, "--unattended", "default"]).contains("did you mean `defaults`?"));
    assert!(desk.good(&["exercise", "status", &dir]).contains("prepared"));
}
