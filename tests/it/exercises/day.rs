//! The day, by commands from several terminals: roles, refusals, and killed commands.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use super::Desk;

#[test]
fn only_who_may_do_something_can() {
    let desk = Desk::new();
    let dir = desk.prepared("tabletop");
    let run = |args: &[&str]| desk.run(&[&["exercise"][..], args].concat());
    for (args, wanted) in [
        (vec!["start", &dir, "--as", "Dora Director"], "waits for `exercise authorise`"),
        (vec!["authorise", &dir, "--as", "Sam Sponsor"], "--hash"),
        (vec!["authorise", &dir, "--as", "Sam Sponsor", "--hash", "000000000000"], "--hash"),
        (vec!["authorise", &dir, "--as", "Dora Director"], "this needs sponsor (Sam Sponsor)"),
        (vec!["authorise", &dir, "--as", "Sam Sponsr"], "did you mean `Sam Sponsor`?"),
        (vec!["authorise", &dir], "say who you are with --as NAME"),
    ] {
        let (code, out, err) = run(&args);
        assert!(code == 2 && err.contains(wanted), "{args:?}: {out}{err}");
    }
    let dir = Desk::started(&desk);
    for (args, wanted) in [
        (vec!["next", &dir, "--as", "Pia Player"], "this needs director (Dora Director)"),
        (vec!["decide", &dir, "declare", "declare", "--as", "Pia Player"], "stage `brief` has no item `declare`"),
        (vec!["answer", &dir, "go", "yes", "--as", "Dora Director"], "no gate is open"),
        (vec!["rate", &dir, "O9", "P", "--as", "Eva Evaluator"], "there is no objective `O9`"),
        (vec!["rate", &dir, "O2", "P", "--as", "Pia Player"], "this needs evaluator"),
        (vec!["stop", &dir, "--as", "Pia Player", "--phrase", "stop it"], "STOP REAL INCIDENT"),
        (
            vec!["stop", &dir, "--as", "Pia Player", "--for", "incident"],
            "Anybody may stop for a real incident with the words",
        ),
        (vec!["note", &dir, " ", "--as", "Pia Player"], "the note is empty"),
        (vec!["close", &dir, "--as", "Dora Director"], "`exercise status` says what is left"),
        (vec!["absent", &dir, "scribe", "ill", "--as", "Pia Player"], "the playbook has no role `scribe`"),
    ] {
        let (code, out, err) = run(&args);
        assert!(code == 2 && err.contains(wanted), "{args:?}: {out}{err}");
    }
    // A player may note and stop.
    assert_eq!(run(&["note", &dir, "we are lost", "--as", "Pia Player"]).0, 0);
    let (code, out, err) = run(&["stop", &dir, "--as", "Pia Player", "--phrase", "stop real incident"]);
    assert!(code == 0 && out.contains(": stopped"), "{out}{err}");
}

/// The whole day at the terminal: decisions, injects, the hotwash, signatures, actions, and the report.
#[test]
fn a_day_from_the_briefing_to_the_report() {
    let desk = Desk::new();
    let dir = desk.started();
    let good = |args: &[&str]| desk.good(&[&["exercise"][..], args].concat());
    good(&["next", &dir, "--as", "Dora Director"]);
    let said = good(&["status", &dir]);
    assert!(said.contains("> first-hour") && said.contains("waits: 2m after the stage begins"), "{said}");
    good(&[
        "inject",
        &dir,
        "extra",
        "--add",
        "The lift is broken.",
        "--because",
        "to see who leads",
        "--as",
        "Dora Director",
    ]);
    good(&["done", &dir, "extra", "--text", "Pia Player walks", "--as", "Pia Player"]);
    good(&["note", &dir, "we declare a disaster", "--on", "declared", "--as", "Pia Player"]);
    good(&["note", &dir, "page 4 names nobody", "--on", "plan-wrong", "--as", "Eva Evaluator"]);
    let skip = ["--skip", "no time"];
    good(&[&["next", &dir, "--as", "Dora Director"][..], &skip].concat());
    good(&[&["next", &dir, "--as", "Dora Director"][..], &skip].concat());
    let refused = desk.bad(&["exercise", "next", &dir, "--as", "Dora Director"]);
    assert!(refused.contains("objectives without a rating: O2, O3"), "{refused}");
    for id in ["O2", "O3"] {
        good(&["rate", &dir, id, "s", "--as", "Eva Evaluator"]);
    }
    let refused = desk.bad(&["exercise", "rate", &dir, "O1", "P", "--as", "Eva Evaluator"]);
    assert!(refused.contains("a better rating needs a reason"), "{refused}");
    good(&["rate", &dir, "O1", "P", "--because", "they declared it aloud", "--as", "Eva Evaluator"]);
    good(&["hotwash", &dir, "--question", "3", "--text", "=cmd|calc", "--as", "Pia Player"]);
    assert!(desk.bad(&["exercise", "hotwash", &dir, "--as", "Pia Player"]).contains("--question N"));
    good(&[
        "actions",
        "add",
        &dir,
        "=HYPERLINK(1)",
        "--owner",
        "Pia Player",
        "--due",
        "2020-01-01",
        "--as",
        "Dora Director",
    ]);
    assert!(
        desk.bad(&["exercise", "actions", "add", &dir, "x", "--due", "soon", "--as", "Dora Director"])
            .contains("not a date")
    );
    good(&["next", &dir, "--as", "Dora Director"]);
    let refused = desk.bad(&["exercise", "close", &dir, "--as", "Dora Director"]);
    assert!(refused.contains("director, sponsor still has to sign"), "{refused}");
    let refused = desk.bad(&["exercise", "sign", &dir, "--as", "Sam Sponsor"]);
    let hash = refused.split("--hash ").nth(1).unwrap().trim().to_owned();
    for name in ["Sam Sponsor", "Dora Director"] {
        good(&["sign", &dir, "--hash", &hash, "--as", name]);
    }
    good(&["close", &dir, "--as", "Dora Director"]);
    let report = desk.read(&format!("{dir}/report.md"));
    for wanted in [
        "BETTER THAN THE MEASUREMENT",
        "page 4 names nobody",
        "Pia Player as player (asserted)",
        "OVERDUE",
        "The lift is broken",
    ] {
        assert!(report.contains(wanted), "{wanted}\n{report}");
    }
    assert!(!report.contains("NOT THIS REPORT"), "{report}");
    let csv = good(&["actions", "export", &dir, "--format", "csv"]);
    assert!(csv.contains("\"'=HYPERLINK(1)\",\"Pia Player\",\"2020-01-01\""), "{csv}");
    let id = csv.lines().nth(1).unwrap().split('"').nth(1).unwrap().to_owned();
    good(&["actions", "update", &dir, &id, "--status", "done", "--ticket", "OPS-1", "--as", "Sam Sponsor"]);
    assert!(good(&["actions", "export", &dir, "--format", "json"]).contains("\"done\""));
    assert!(desk.bad(&["exercise", "note", &dir, "late", "--as", "Pia Player"]).contains("the exercise is closed"));
}

/// Names are in one file only. Whoever is erased is in none, and everything that was proven still is.
#[test]
fn names_are_erased_and_the_evidence_stays_valid() {
    let desk = Desk::new();
    let dir = desk.started();
    desk.good(&["exercise", "note", &dir, "Pia Player called Paul Player", "--as", "Pia Player"]);
    desk.good(&["exercise", "report", &dir]);
    assert_eq!(fs::metadata(desk.path(&format!("{dir}/people.yaml"))).unwrap().permissions().mode() & 0o777, 0o600);
    let journal = desk.read(&format!("{dir}/journal.jsonl"));
    for name in ["Pia", "Paul", "Dora", "Sam"] {
        assert!(!journal.contains(name), "{name} is in the journal");
    }
    assert!(desk.read(&format!("{dir}/report.md")).contains("Pia Player called Paul Player"));
    desk.good(&["exercise", "erase", &dir, "pia player"]);
    let mut files = vec![];
    collect(&desk.path(&dir), &mut files);
    assert!(files.len() > 20);
    for file in files {
        assert!(!String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("Pia Player"), "{}", file.display());
    }
    let report = desk.read(&format!("{dir}/report.md"));
    assert!(report.contains("(a person who was erased) called Paul Player"), "{report}");
    assert!(desk.read(&format!("{dir}/journal.jsonl")).starts_with(&journal), "the journal was only continued");
    desk.good(&["exercise", "note", &dir, "it goes on", "--as", "Paul Player"]);
    assert!(desk.bad(&["exercise", "note", &dir, "x", "--as", "Pia Player"]).contains("nobody in this exercise"));
}

fn collect(dir: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Two directors give commands at once: each command is carried out whole, or refused whole.
#[test]
fn two_terminals_at_once() {
    let desk = Desk::new();
    let dir = desk.started();
    let note = |text: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.current_dir(desk.path("")).args(["exercise", "note", &dir, &text, "--as", "Pia Player"]).output()
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|i| scope.spawn(move || note(format!("note number {i}")).unwrap())).collect();
        for one in all {
            let out = one.join().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
    });
    let journal = desk.read(&format!("{dir}/journal.jsonl"));
    for i in 0..8 {
        assert_eq!(journal.matches(&format!("note number {i}")).count(), 1);
    }
    let stages = journal.matches("\"StageOpened\"").count();
    desk.good(&["exercise", "next", &dir, "--as", "Dora Director"]);
    assert_eq!(desk.read(&format!("{dir}/journal.jsonl")).matches("\"StageOpened\"").count(), stages + 1);
}

/// A command that was killed leaves a part of a line. The next command goes on, and nothing else is lost.
#[test]
fn a_killed_command_loses_its_own_line_only() {
    let desk = Desk::new();
    let dir = desk.started();
    desk.good(&["exercise", "note", &dir, "one", "--as", "Pia Player"]);
    let path = desk.path(&format!("{dir}/journal.jsonl"));
    let whole = fs::read(&path).unwrap();
    let begin = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for cut in [begin, begin + 1, (begin + whole.len()) / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let _ = fs::remove_file(desk.path(&format!("{dir}/journal.2.jsonl")));
        desk.good(&["exercise", "note", &dir, "two", "--as", "Pia Player"]);
        assert!(desk.good(&["exercise", "status", &dir]).contains("> brief"), "{cut}");
    }
}

#[test]
fn damaged_and_missing_files_are_named() {
    let desk = Desk::new();
    let dir = desk.started();
    let status = |wanted: &str| {
        let (code, _, err) = desk.run(&["exercise", "status", &dir]);
        assert!(code == 2 && err.contains(wanted), "{wanted}\n{err}");
        let (code, _, err) = desk.run(&["exercise", "note", &dir, "x", "--as", "Pia Player"]);
        assert!(code == 2 && err.contains(wanted), "{wanted}\n{err}");
    };
    let path = |name: &str| desk.path(&format!("{dir}/{name}"));
    for (name, wanted) in
        [("journal.jsonl", "journal.jsonl"), ("people.yaml", "people.yaml"), ("playbook.yaml", "playbook.yaml")]
    {
        let before = fs::read(path(name)).unwrap();
        // Missing.
        fs::remove_file(path(name)).unwrap();
        status(wanted);
        // A link to the right content.
        fs::write(desk.path("elsewhere"), &before).unwrap();
        std::os::unix::fs::symlink(desk.path("elsewhere"), path(name)).unwrap();
        status(wanted);
        fs::remove_file(path(name)).unwrap();
        // Changed.
        let mut changed = before.clone();
        let at = changed.len() / 2;
        changed[at] = if changed[at] == b'#' { b'%' } else { b'#' };
        fs::write(path(name), &changed).unwrap();
        if name != "people.yaml" {
            status(wanted);
        }
        fs::write(path(name), &before).unwrap();
    }
    desk.good(&["exercise", "status", &dir]);
    let said = desk.bad(&["exercise", "status", "nowhere"]);
    assert!(said.contains("nowhere"), "{said}");
    assert!(!desk.path("nowhere").exists());
    // The journal of a drill is not that of an exercise.
    assert_eq!(desk.run(&["rehearse", "-q"]).0, 0);
    let said = desk.bad(&["exercise", "status", "runs/zone-outage-small-shop-seed-1"]);
    assert!(said.contains("the journal of a drill, not of an exercise"), "{said}");
}

/// Names and notes with control characters, markup and long lines are inert in the status, the report and the exports.
#[test]
fn hostile_words_of_people_are_inert() {
    let desk = Desk::new();
    desk.people_of("tabletop");
    let evil = "Ev\\e[31ml <img src=x onerror=alert(1)> | [a](b)";
    let text = desk.read("people.yaml").replace("name: Pia Player", &format!("name: \"{evil}\""));
    fs::write(desk.path("people.yaml"), text).unwrap();
    desk.good(&["exercise", "prepare", "tabletop", "--people", "people.yaml", "--at", "2026-12-03T09:00:00Z", "-q"]);
    let dir = "exercises/tabletop-2026-12-03";
    let long = "\u{202e}<script>alert(2)</script>\u{1b}]0;x\u{7}\n# heading\n".repeat(50);
    desk.good(&["exercise", "note", dir, &long, "--as", "Paul Player"]);
    desk.good(&[
        "exercise",
        "note",
        dir,
        "https://user:hunter2secret@example.com",
        "--as",
        "Ev\u{1b}[31ml <img src=x onerror=alert(1)> | [a](b)",
    ]);
    desk.good(&["exercise", "stop", dir, "--as", "Paul Player", "--text", &long]);
    desk.good(&["exercise", "report", dir]);
    let status = desk.good(&["exercise", "status", dir]);
    let html = desk.read(&format!("{dir}/report.html"));
    let markdown = desk.read(&format!("{dir}/report.md"));
    for text in [&status, &html, &markdown] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\u{7}'), "{text}");
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
    }
    assert!(!desk.read(&format!("{dir}/journal.jsonl")).contains("hunter2secret"));
    let mut reader = quick_xml::Reader::from_str(html.trim_start_matches("<!DOCTYPE html>"));
    while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
}

/// Evidence is kept by its hash. The name that it had is a word and not a path.
#[test]
fn attachments_are_kept_by_their_hash() {
    let desk = Desk::new();
    let dir = desk.prepared("quarterly-restore");
    let hash = desk
        .good(&["exercise", "status", &dir])
        .lines()
        .find_map(|l| l.strip_prefix("hash").map(|h| h.trim().to_owned()))
        .unwrap();
    desk.good(&["exercise", "authorise", &dir, "--as", "Dora Director", "--hash", &hash]);
    desk.good(&["exercise", "start", &dir, "--as", "Dora Director"]);
    fs::write(desk.path("..evil name\u{1b}.txt"), "READY\n").unwrap();
    for wrong in ["missing", "exercises", "/dev/zero"] {
        let said = desk.bad(&["exercise", "done", &dir, "ready", "--file", wrong, "--as", "Dora Director"]);
        assert!(said.contains("--file"), "{said}");
    }
    let said = desk.bad(&["exercise", "done", &dir, "ready", "--as", "Dora Director"]);
    assert!(said.contains("needs a sentence as evidence"), "{said}");
    desk.good(&["exercise", "done", &dir, "ready", "--file", "..evil name\u{1b}.txt", "--as", "Dora Director"]);
    let names: Vec<String> = fs::read_dir(desk.path(&format!("{dir}/attachments")))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 1);
    assert!(names[0].len() == 64 && names[0].chars().all(|c| c.is_ascii_hexdigit()), "{names:?}");
    let status = desk.good(&["exercise", "status", &dir]);
    assert!(status.contains("next           exercise next opens stage drill\n"), "{status}");
}

/// The director is gone: without a record nobody leads, with one the deputy does.
#[test]
fn a_deputy_leads_once_the_absence_is_recorded() {
    let desk = Desk::new();
    let dir = desk.prepared("annual-dr-exercise");
    let hash = desk
        .good(&["exercise", "status", &dir])
        .lines()
        .find_map(|l| l.strip_prefix("hash").map(|h| h.trim().to_owned()))
        .unwrap();
    desk.good(&["exercise", "authorise", &dir, "--as", "Sam Sponsor", "--hash", &hash]);
    let said = desk.bad(&["exercise", "start", &dir, "--as", "Cem Controller"]);
    assert!(said.contains("a deputy (controller) may once the absence is recorded"), "{said}");
    desk.good(&["exercise", "absent", &dir, "director", "fell ill", "--as", "Sven Scribe"]);
    desk.good(&["exercise", "start", &dir, "--as", "Cem Controller"]);
    desk.good(&["exercise", "next", &dir, "--as", "Cem Controller"]);
    // The scribe writes down what a player did.
    let said = desk.bad(&[
        "exercise",
        "done",
        &dir,
        "keys",
        "--text",
        "fetched",
        "--as",
        "Sven Scribe",
        "--for-role",
        "player",
    ]);
    assert!(said.contains("needs a reason"), "{said}");
    desk.good(&[
        "exercise",
        "done",
        &dir,
        "keys",
        "--text",
        "fetched",
        "--as",
        "Sven Scribe",
        "--for-role",
        "player",
        "--because",
        "she has no terminal",
    ]);
    let said =
        desk.bad(&["exercise", "next", &dir, "--as", "Paul Player", "--for-role", "director", "--because", "why not"]);
    assert!(said.contains("may not act for `director`"), "{said}");
}
