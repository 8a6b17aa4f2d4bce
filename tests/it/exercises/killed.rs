//! Commands that ended halfway: the next command does what is missing.

use std::fs;

use super::Desk;

/// The papers cannot be written. The name stays in the file where the next `erase` finds it.
#[test]
fn an_erasure_that_ended_halfway_can_be_repeated() {
    let desk = Desk::new();
    let dir = desk.started();
    let (folder, people) = (desk.path(&format!("{dir}/papers/players")), format!("{dir}/people.yaml"));
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    let said = desk.bad(&["exercise", "erase", &dir, "Pia Player"]);
    assert!(said.contains("cannot write into"), "{said}");
    assert!(desk.read(&people).contains("Pia Player"));
    fs::remove_file(&folder).unwrap();
    desk.good(&["exercise", "erase", &dir, "Pia Player"]);
    assert!(!desk.read(&people).contains("Pia Player"));
    assert!(!desk.read(&format!("{dir}/papers/players/hand-out.md")).contains("Pia Player"));
    assert_eq!(desk.read(&format!("{dir}/journal.jsonl")).matches("\"Erased\"").count(), 1);
}

/// Only the director starts a drill again. If the command that was to start it was killed, `next` does it at once.
#[test]
fn next_starts_a_drill_that_did_not_begin() {
    let desk = Desk::new();
    let dir = desk.prepared("quarterly-restore");
    let status = desk.good(&["exercise", "status", &dir]);
    let hash = status.lines().find_map(|line| line.strip_prefix("hash")).unwrap().trim().to_owned();
    desk.good(&["exercise", "authorise", &dir, "--as", "Dora Director", "--hash", &hash]);
    desk.good(&["exercise", "start", &dir, "--as", "Dora Director"]);
    desk.good(&["exercise", "done", &dir, "ready", "--text", "READY", "--as", "Dora Director"]);
    // A folder in place of its log: the drill cannot be started.
    fs::create_dir(desk.path(&format!("{dir}/drills/drill.log"))).unwrap();
    let next = |name: &str, wanted: (i32, &str)| {
        let (code, out, err) = desk.run(&["exercise", "next", &dir, "--as", name]);
        assert!(code == wanted.0 && err.contains(wanted.1), "{name}: {code} {out}{err}");
    };
    next("Dora Director", (0, "the drill could not be started"));
    next("Pia Player", (2, "this needs director"));
    next("Dora Director", (2, "starts it again after a minute"));
    let journal = format!("{dir}/journal.jsonl");
    let text = desk.read(&journal);
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(last.contains("\"DrillLaunched\""), "{last}");
    fs::write(desk.path(&journal), format!("{before}\n")).unwrap();
    next("Dora Director", (0, "the drill could not be started"));
    assert_eq!(desk.read(&journal).matches("\"DrillLaunched\"").count(), 1);
}
