//! After the day: the history of exercises, their actions over the years, and their signed evidence.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use super::Desk;

/// A tabletop exercise that people held and closed. Returns its directory.
fn held(desk: &Desk, at: &str, last: Option<&str>) -> String {
    desk.people_of("tabletop");
    let mut args = vec!["exercise", "prepare", "tabletop", "--people", "people.yaml", "--at", at, "-q"];
    args.extend(last.into_iter().flat_map(|dir| ["--last", dir]));
    let said = desk.good(&args);
    let dir = said.lines().next().unwrap().to_owned();
    let hash = said.lines().find_map(|line| line.strip_prefix("hash")).unwrap().trim().to_owned();
    desk.good(&["exercise", "authorise", &dir, "--as", "Sam Sponsor", "--hash", &hash]);
    desk.good(&["exercise", "start", &dir, "--as", "Dora Director"]);
    desk.good(&["exercise", "next", &dir, "--as", "Dora Director"]);
    dir
}

/// The hotwash, the signatures and the end.
fn close(desk: &Desk, dir: &str) {
    let next = ["exercise", "next", dir, "--as", "Dora Director"];
    desk.good(&[&next[..], &["--skip", "no time"]].concat());
    desk.good(&[&next[..], &["--skip", "no time"]].concat());
    for id in ["O2", "O3"] {
        desk.good(&["exercise", "rate", dir, id, "P", "--as", "Eva Evaluator"]);
    }
    desk.good(&next);
    let refused = desk.bad(&["exercise", "sign", dir, "--as", "Sam Sponsor"]);
    let hash = refused.split("--hash ").nth(1).unwrap().trim().to_owned();
    for name in ["Sam Sponsor", "Dora Director"] {
        desk.good(&["exercise", "sign", dir, "--hash", &hash, "--as", name]);
    }
    desk.good(&["exercise", "close", dir, "--as", "Dora Director"]);
}

fn json(desk: &Desk, args: &[&str]) -> Value {
    let (_, out, err) = desk.run(&[args, &["-o", "json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"))
}

fn words(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap_or_default().to_owned()).collect()
}

/// Two years, an action that was carried over and tested again, one exercise that goes on, one that was damaged, one
/// without people, and one that is a link.
#[test]
fn the_programme_over_years() {
    let desk = Desk::new();
    let first = held(&desk, "2025-12-03T09:00:00Z", None);
    let add = |dir: &str, text: &str, more: &[&str]| {
        desk.good(&[&["exercise", "actions", "add", dir, text, "--as", "Dora Director"][..], more].concat());
    };
    add(&first, "Name who decides <b>", &["--due", "20200131", "--proven-when", "O3 is met", "--owner", "Pia Player"]);
    add(&first, "Buy a second telephone", &["--due", "2999-01-31", "--proven-when", "somebody has it"]);
    close(&desk, &first);
    let second = held(&desk, "2025-12-03T09:00:00Z", Some(&first));
    assert_ne!(first, second, "two exercises with one name have two directories");
    close(&desk, &second);
    let open = held(&desk, "2025-12-04T09:00:00Z", None);
    let damaged = held(&desk, "2025-12-05T09:00:00Z", None);
    close(&desk, &damaged);
    let journal = format!("{damaged}/journal.jsonl");
    fs::write(desk.path(&journal), desk.read(&journal).replacen("no time", "no tine", 1)).unwrap();
    let alone = desk.prepared("tabletop");
    assert_eq!(desk.run(&["exercise", "start", &alone, "--unattended", "defaults"]).0, 0);
    symlink(desk.path(&first), desk.path("exercises/a-link")).unwrap();

    let history = json(&desk, &["history", "exercises"]);
    let all = history["exercises"].as_array().unwrap();
    let result =
        |dir: &str| all.iter().find(|e| dir.ends_with(e["dir"].as_str().unwrap())).map(|e| e["result"].clone());
    assert_eq!(result(&first), Some("notProven".into()), "{all:?}");
    assert_eq!(result(&open), Some("open".into()));
    assert_eq!(result(&damaged), Some("damaged".into()));
    assert_eq!(words(&history["rehearsedExercises"], "result"), ["passed"]);
    let people = all.iter().find(|e| first.ends_with(e["dir"].as_str().unwrap())).map(|e| &e["people"]);
    assert_eq!(people, Some(&serde_json::json!({"present": 6, "acted": 3, "absent": 1})));
    // The link is named, and never read.
    assert!(history["drills"].to_string().contains("symbolic link"), "{}", history["drills"]);
    let actions = &history["actions"];
    assert_eq!(actions.as_array().unwrap().len(), 2, "an action that was carried over is one action: {actions}");
    assert_eq!(actions[0]["due"], "2020-01-31", "a date is written in one way");
    assert_eq!((&actions[0]["overdue"], &actions[1]["overdue"]), (&true.into(), &false.into()));
    assert_eq!(actions[0]["retest"]["result"], "met", "{actions}");
    assert_eq!(actions[1]["retest"], Value::Null);
    assert_eq!(actions[1]["carriedTo"].as_array().unwrap().len(), 1);
    // A damaged exercise has no date that counts.
    let years = &history["programme"];
    assert!(years.as_array().unwrap().iter().all(|year| year["passed"] == 0), "{years}");

    let (_, text, _) = desk.run(&["history", "exercises"]);
    for said in [
        "NOT PROVEN (DAMAGED)",
        "journal.jsonl",
        "2 open, 1 of them overdue",
        "O3 met",
        "they prove nothing",
        "OVERDUE",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let (_, metrics, said) = desk.run(&["history", "exercises", "-o", "openmetrics"]);
    assert!(metrics.contains("drillmaster_exercise_actions{state=\"overdue\"} 1\n"), "{metrics}");
    assert!(metrics.contains("drillmaster_exercises{result=\"damaged\"} 1\n"), "{metrics}");
    assert!(metrics.contains("drillmaster_exercises{result=\"passed\"} 0\n"), "{metrics}");
    assert!(said.contains("is not proven"), "{said}");
    let empty = json(&desk, &["history", "exercises", "--period", "2019"]);
    assert_eq!(words(&empty["exercises"], "result"), ["damaged"], "an exercise without a known date is never left out");
    fs::create_dir(desk.path("runs")).unwrap();
    let beside = json(&desk, &["history", "runs", "--exercises", "exercises"]);
    assert_eq!(beside["exercises"].as_array().unwrap().len(), all.len() + 1, "the link is named as an exercise");
    desk.run(&["history", "exercises", "--html", "site"]);
    let site = desk.read("site/index.html");
    assert!(
        site.contains("Programme") && site.contains("Name who decides &lt;b&gt;") && !site.contains("<b>"),
        "{site}"
    );
}

/// Changes after the day are noticed. An erasure keeps the evidence valid.
#[test]
fn signed_evidence_of_an_exercise() {
    let desk = Desk::new();
    let dir = held(&desk, "2026-12-03T09:00:00Z", None);
    fs::write(desk.path("photo.txt"), "the board").unwrap();
    desk.good(&["exercise", "note", &dir, "Pia Player called Paul Player", "--as", "Pia Player"]);
    desk.good(&["exercise", "inject", &dir, "extra", "--add", "x", "--because", "y", "--as", "Dora Director"]);
    desk.good(&["exercise", "done", &dir, "extra", "--file", "photo.txt", "--text", "seen", "--as", "Pia Player"]);
    desk.good(&["keygen", "audit"]);
    let refused = desk.bad(&["seal", &dir, "--key", "audit.key"]);
    assert!(refused.contains("not closed"), "{refused}");
    assert_eq!(desk.run(&["verify", &dir]).0, 4, "an exercise that goes on is not shown yet");
    close(&desk, &dir);
    let (code, said, _) = desk.run(&["verify", &dir]);
    assert!(code == 0 && said.contains("UNSIGNED") && said.contains("objective      O1 not proven"), "{code} {said}");
    desk.good(&["seal", &dir, "--key", "audit.key"]);
    let manifest = desk.read(&format!("{dir}/evidence/manifest.json"));
    for name in ["journal.jsonl", "playbook.yaml", "papers/without-names/players/hand-out.md", "\"attachments/"] {
        assert!(manifest.contains(name), "{name}\n{manifest}");
    }
    let archive =
        String::from_utf8_lossy(&fs::read(desk.path(&format!("{dir}/evidence/sealed.tar"))).unwrap()).into_owned();
    assert!(!archive.contains("Pia Player") && !archive.contains("people.yaml\0"), "no name is in the evidence");
    let verify = |wanted: i32, key: &[&str], words: &str| {
        let (code, out, err) = desk.run(&[&["verify", &dir], key].concat());
        assert!(code == wanted && format!("{out}{err}").contains(words), "{wanted} {words}\n{code} {out}{err}");
    };
    let key = ["--key", "audit.pub"];
    verify(4, &[], "nobody vouched for");
    verify(0, &key, "which you trust");
    desk.good(&["keygen", "other"]);
    verify(1, &["--key", "other.pub"], "not signed with a key that you gave");
    // What goes on after the end keeps it valid.
    desk.good(&["exercise", "erase", &dir, "Pia Player"]);
    verify(0, &key, "after its end");
    let people = desk.path(&format!("{dir}/people.yaml"));
    let before = fs::read(&people).unwrap();
    let renamed = String::from_utf8(before.clone()).unwrap().replace("Paul Player", "Pete Player");
    fs::write(&people, renamed).unwrap();
    verify(1, &key, "does not belong to this hash");
    fs::remove_file(&people).unwrap();
    verify(0, &key, "They are not part of the evidence");
    fs::write(&people, before).unwrap();
    // What was changed, exchanged or linked after the day is named.
    let attachment = fs::read_dir(desk.path(&format!("{dir}/attachments"))).unwrap().next().unwrap().unwrap().path();
    for file in [attachment, desk.path(&format!("{dir}/papers/without-names/sponsor/exercise-plan.md"))] {
        let before = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        fs::write(&file, [&before[..], b" "].concat()).unwrap();
        verify(1, &key, &name);
        fs::remove_file(&file).unwrap();
        verify(1, &key, &name);
        fs::write(desk.path("elsewhere"), &before).unwrap();
        symlink(desk.path("elsewhere"), &file).unwrap();
        verify(1, &key, "symbolic link");
        fs::remove_file(&file).unwrap();
        fs::write(&file, before).unwrap();
    }
    verify(0, &key, "nothing differs");
    // A line that the manifest does not allow after the end, and a journal that was cut back.
    let journal = desk.path(&format!("{dir}/journal.jsonl"));
    let whole = fs::read_to_string(&journal).unwrap();
    let cut: Vec<&str> = whole.lines().take(8).collect();
    fs::write(&journal, cut.join("\n") + "\n").unwrap();
    verify(1, &key, "no line with the hash that was signed");
}

/// A drill that was exchanged, and an exercise that was killed in the middle: both are named, and neither is signed.
#[test]
fn an_exchanged_drill_is_noticed() {
    let desk = Desk::new();
    let dir = desk.prepared("quarterly-restore");
    assert_eq!(desk.run(&["exercise", "start", &dir, "--unattended", "defaults"]).0, 0);
    let (code, said, err) = desk.run(&["verify", &dir]);
    assert!(code == 0 && said.contains("of a REHEARSAL") && said.contains("1 drill(s)"), "{code} {said}{err}");
    desk.good(&["keygen", "audit"]);
    assert!(desk.bad(&["seal", &dir, "--key", "audit.key"]).contains("this was a rehearsal"));
    let drills = desk.path(&format!("{dir}/drills/drill"));
    let run = fs::read_dir(&drills).unwrap().next().unwrap().unwrap().path();
    let (code, _, err) = desk.run(&["rehearse", "restore-to-scratch", "--seed", "2", "-q"]);
    assert_eq!(code, 0, "{err}");
    let other = fs::read_dir(desk.path("runs")).unwrap().next().unwrap().unwrap().path();
    let away = desk.path("away");
    fs::rename(&run, &away).unwrap();
    let verify = |words: &str| {
        let (code, out, err) = desk.run(&["verify", &dir]);
        assert!(code == 1 && format!("{out}{err}").contains(words), "{words}\n{code} {out}{err}");
        let history = json(&desk, &["history", "exercises"]);
        assert_eq!(words_of(&history), ["damaged"]);
    };
    verify("is missing, or is a link");
    symlink(&away, &run).unwrap();
    verify("is missing, or is a link");
    fs::remove_file(&run).unwrap();
    fs::rename(&other, &run).unwrap();
    verify("this is not the drill of the exercise");
    // Killed in the middle: the last line is incomplete, and the exercise is open.
    fs::rename(&run, &other).unwrap();
    fs::rename(&away, &run).unwrap();
    let journal = desk.path(&format!("{dir}/journal.jsonl"));
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() * 2 / 3]).unwrap();
    let (code, said, err) = desk.run(&["verify", &dir]);
    assert!(code == 4 && said.contains("not shown      the exercise is running"), "{code} {said}{err}");
    assert_eq!(words_of(&json(&desk, &["history", "exercises"])), ["open"]);
}

fn words_of(history: &Value) -> Vec<String> {
    words(&history["rehearsedExercises"], "result").into_iter().chain(words(&history["exercises"], "result")).collect()
}

/// An objective that was dropped is in the report, and the exercise has not passed.
#[test]
fn a_dropped_objective_never_counts_as_met() {
    let desk = Desk::new();
    let dir = held(&desk, "2026-12-03T09:00:00Z", None);
    let drop = |id: &str, name: &str, because: &str| {
        desk.run(&["exercise", "drop", &dir, id, "--as", name, "--because", because])
    };
    for (id, name, because, wanted) in [
        ("O1", "Pia Player", "x", "this needs director"),
        ("O9", "Dora Director", "x", "there is no objective `O9`"),
        ("O1", "Dora Director", " ", "the reason (--because TEXT) is empty"),
    ] {
        let (code, _, err) = drop(id, name, because);
        assert!(code == 2 && err.contains(wanted), "{wanted}: {err}");
    }
    assert_eq!(drop("O1", "Dora Director", "Pia Player <b>is ill</b>").0, 0);
    assert!(drop("O1", "Sam Sponsor", "again").2.contains("dropped already"));
    let refused = desk.bad(&["exercise", "rate", &dir, "O1", "P", "--because", "x", "--as", "Eva Evaluator"]);
    assert!(refused.contains("was dropped"), "{refused}");
    close(&desk, &dir);
    assert!(drop("O2", "Dora Director", "late").2.contains("the exercise is closed"));
    let report = desk.read(&format!("{dir}/report.md")).replace('\\', "");
    for said in [
        "NOT PROVEN",
        "2 of 3 objectives were met",
        "1 of 3 objectives were dropped",
        "Objective O1 was dropped at",
        "Pia Player <b>is ill</b>",
    ] {
        assert!(report.contains(said) || said.contains('<') && report.contains("is ill"), "{said}\n{report}");
    }
    assert!(!desk.read(&format!("{dir}/report.html")).contains("<b>is ill"));
    let history = json(&desk, &["history", "exercises"]);
    assert_eq!(words(&history["exercises"], "result"), ["notProven"]);
    assert_eq!(history["exercises"][0]["dropped"], 1);
    assert_eq!(desk.run(&["verify", &dir]).1.matches("objective      O1 dropped").count(), 1);
}
