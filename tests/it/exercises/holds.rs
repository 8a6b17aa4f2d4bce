//! Holds and gates that another process answers.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::Desk;

/// The events of a kind in the journal of a run, each with its time.
fn events(desk: &Desk, run: &str, kind: &str) -> Vec<(u64, Value)> {
    let text = desk.read(&format!("runs/{run}/journal.jsonl"));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|l| l["event"]["kind"] == kind).map(|l| (l["t_us"].as_u64().unwrap(), l["event"].clone())).collect()
}

const HOLD: &str = "restore-now=brought back@5m";
const RUN: &str = "zone-loss-and-restore-small-shop-seed-1";

/// How long the drill waited, and who let it go on.
fn held(desk: &Desk, more: &[&str]) -> (u64, String) {
    let args = [&["rehearse", "zone-loss-and-restore", "-q", "--hold", HOLD][..], more].concat();
    assert_eq!(desk.run(&args).0, 0);
    let (asked, question) = events(desk, RUN, "GateOpened").remove(0);
    assert!(question["prompt"].as_str().unwrap().contains("step `brought back` waits for this decision"), "{question}");
    let (answered, answer) = events(desk, RUN, "GateAnswered").remove(0);
    let begins = events(desk, RUN, "StepStarted").into_iter().find(|(_, e)| e["step"] == "brought back").unwrap().0;
    assert!(begins >= answered, "the step does not begin before the answer");
    ((answered - asked) / 1_000_000, answer["by"].as_str().unwrap().to_owned())
}

#[test]
fn a_drill_waits_before_a_step_and_goes_on_by_itself() {
    let desk = Desk::new();
    let (seconds, by) = held(&desk, &["--script", "restore-now=yes@2m"]);
    assert!(seconds == 120 && by.contains("script"), "{seconds} {by}");
    let (seconds, by) = held(&desk, &[]);
    assert!(seconds == 300 && by.contains("nobody decided in time"), "{seconds} {by}");
    // A no keeps it waiting: after the deletion, only the restore leads out.
    let (seconds, by) = held(&desk, &["--script", "restore-now=no@1m"]);
    assert!(seconds == 300 && by.contains("nobody decided in time"), "{seconds} {by}");
}

#[test]
fn names_that_nothing_has_are_refused_before_anything_starts() {
    let desk = Desk::new();
    for (args, wanted) in [
        (vec!["--hold", "x=brougth back@5m"], "did you mean `brought back`?"),
        (vec!["--hold", "brought back=outage@5m"], "the name `brought back` is taken"),
        (vec!["--hold", HOLD, "--hold", HOLD], "is taken"),
        (vec!["--hold", "x"], "write it as NAME=STEP@TIME"),
        (vec!["--hold", "x=outage@5"], "not a duration"),
        (vec!["--hold", HOLD, "--script", "restore-nwo=yes@1m"], "did you mean `restore-now`?"),
        (vec!["--hold", HOLD, "--script", "restore-now=maybe@1m"], "neither yes nor no"),
    ] {
        let said = desk.bad(&[vec!["rehearse", "zone-loss-and-restore"], args].concat());
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
    assert!(!desk.path("runs").exists());
}

/// A drill in slow time holds; another process answers, and it goes on.
#[test]
fn another_terminal_answers() {
    let desk = Desk::new();
    let mut drill = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .current_dir(desk.path(""))
        .args(["rehearse", "node-power-loss", "-o", "json", "--pace", "60", "--hold", "go=power loss@60m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(drill.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"GateOpened\"")), "it asks");
    let run = "runs/node-power-loss-small-shop-seed-1";
    assert!(desk.bad(&["answer", run, "og", "yes"]).contains("the run waits for go"));
    // A hold has no refusal, and a no must not take the place of a later yes.
    let said = desk.bad(&["answer", run, "go", "no"]);
    assert!(said.contains("`go` is a hold, which nobody can refuse") && said.contains("Nothing was written"), "{said}");
    let said = desk.good(&["answer", run, "go", "yes", "--by", "Ada\u{1b}[31m"]);
    assert!(said.contains("answered go with yes; a later answer does not count"), "{said}");
    let answered = lines.find(|line| line.contains("\"GateAnswered\"")).unwrap();
    assert!(answered.contains("(asserted)") && !answered.contains('\u{1b}'), "{answered}");
    assert!(desk.bad(&["answer", run, "go", "no"]).contains("answered already"));
    lines.for_each(drop);
    assert_eq!(drill.wait().unwrap().code(), Some(0));
    assert!(desk.bad(&["answer", run, "go", "yes"]).contains("answered already"));
}
