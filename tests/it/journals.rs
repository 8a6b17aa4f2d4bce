//! Journals that were cut, damaged or forged, or that two sessions wrote at the same time.

use std::sync::Arc;

use drillmaster::{
    event::{Actor, Kind},
    journal::{Journal, JournalError, Recorder, RunDir, RunState, WriteError, read, read_str},
    model::{FaultId, NodeTarget, Revert, Secret},
    told,
};
use jiff::Timestamp;

fn header() -> Kind {
    Kind::RunStarted {
        format: "2.1".into(),
        run_id: "r".into(),
        tool: "t".into(),
        scenario: "s".into(),
        title: "t".into(),
        scenario_hash: String::new(),
        plan_hash: String::new(),
        clusters: vec![],
        operator: String::new(),
        host: String::new(),
        way_back: Box::default(),
        clock: None,
        previous: None,
        variables: Default::default(),
        from_cluster: false,
    }
}

fn fault(name: &str) -> Kind {
    Kind::FaultIntended {
        fault: FaultId(format!("drain/{name}")),
        step: "drain".into(),
        target: name.into(),
        revert: Revert::Cordon {
            node: NodeTarget {
                name: name.into(),
                uid: "u".into(),
                provider_id: String::new(),
                zone: "a".into(),
                pool: String::new(),
            },
            before: false,
        },
    }
}

fn reverted(name: &str) -> Kind {
    Kind::FaultReverted { fault: FaultId(format!("drain/{name}")), evidence: "seen".into() }
}

fn recorder(dir: &RunDir) -> Recorder {
    Recorder::new(Journal::create(dir).unwrap(), RunState::default(), Arc::default(), || (1, Timestamp::UNIX_EPOCH))
}

/// A session that takes over.
fn successor(dir: &RunDir) -> Recorder {
    let mut state = RunState::default();
    let journal = Journal::take_over(dir, None, 0, |event| state.add(&event).unwrap()).unwrap();
    let opened = Kind::SessionOpened {
        epoch: journal.epoch(),
        actor: Actor::Reaper,
        pid: 1,
        why: "".into(),
        continues: journal.continues().cloned(),
    };
    let recorder = Recorder::new(journal, state, Arc::default(), || (2, Timestamp::UNIX_EPOCH));
    recorder.record(opened).unwrap();
    recorder
}

/// A journal with its first lines, whose writer is gone.
pub fn begun(dir: &RunDir) {
    recorder(dir).record(header()).unwrap();
}

fn written() -> (tempfile::TempDir, RunDir, String) {
    let temp = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temp.path(), "run").unwrap();
    let recorder = recorder(&dir);
    for kind in [header(), fault("a"), fault("b"), reverted("b")] {
        recorder.record(kind).unwrap();
    }
    drop(recorder);
    let text = std::fs::read_to_string(dir.journal()).unwrap();
    (temp, dir, text)
}

#[test]
fn a_journal_cut_at_any_byte_still_knows_what_is_open() {
    let (_temp, _dir, text) = written();
    let ends: Vec<usize> = text.match_indices('\n').map(|(i, _)| i + 1).collect();
    for cut in ends[0]..=text.len() {
        let journal = read_str("j", &text[..cut]).unwrap();
        let whole = ends.iter().filter(|e| **e <= cut).count();
        assert_eq!(journal.events.len(), whole, "cut at {cut}");
        assert_eq!(journal.about.torn, !ends.contains(&cut));
        let open = RunState::of(&journal.events).unwrap().open().len();
        assert_eq!(open, [0, 1, 2, 1][whole - 1], "cut at {cut}");
    }
}

#[test]
fn damage_is_named_by_its_line_and_nothing_is_guessed() {
    let (_temp, _dir, text) = written();
    let lines: Vec<&str> = text.lines().collect();
    let says = |text: &str| read_str("j", text).unwrap_err().to_string();
    let without_second = [lines[0], lines[2], lines[3], ""].join("\n");
    assert!(says(&without_second).contains("j:2: this is event 2, but event 1 was expected"));
    let changed = text.replacen("drain/a", "drain/x", 1);
    assert!(says(&changed).contains("j:3: the previous line was changed"));
    assert!(says("{\"not\": \"ours\"}\n").contains("j:1: this is not a journal line"));
    assert!(says(&text.replacen("\"format\":\"2.1\"", "\"format\":\"3.0\"", 1)).contains("journal format 3.0"));
    assert!(matches!(read_str("j", ""), Err(JournalError::Empty(_))));
    let unknown = |must: bool| {
        let line =
            lines[1].replace("FaultIntended", "FaultImagined").replace("\"must\":true", &format!("\"must\":{must}"));
        [lines[0], &line, ""].join("\n")
    };
    assert!(says(&unknown(true)).contains("must not be skipped"));
    assert_eq!(read_str("j", &unknown(false)).unwrap().about.skipped, 1);
}

#[test]
fn who_lost_the_wheel_cannot_write_and_its_late_lines_do_not_count() {
    let (_temp, dir, _) = written();
    std::fs::remove_file(dir.journal()).unwrap();
    let first = recorder(&dir);
    first.record(header()).unwrap();
    first.record(fault("a")).unwrap();
    // Another session fences the first one and continues.
    let before = std::fs::read(dir.journal()).unwrap();
    let second = successor(&dir);
    assert!(matches!(first.record(fault("b")), Err(WriteError::Fenced { mine: 1, theirs: 2 })));
    // A line that was being written when the fence came. This is as if the fence had come a moment later.
    let elsewhere = tempfile::tempdir().unwrap();
    let twin = RunDir::create(elsewhere.path(), "run").unwrap();
    let late = recorder(&twin);
    for kind in [header(), fault("a"), fault("b")] {
        late.record(kind).unwrap();
    }
    std::fs::write(dir.journal(), std::fs::read(twin.journal()).unwrap()).unwrap();
    assert!(std::fs::read(dir.journal()).unwrap().starts_with(&before), "the lines before the cut must not change");
    let journal = read(&dir).unwrap();
    assert_eq!(
        (journal.about.stray, RunState::of(&journal.events).unwrap().open().len()),
        (1, 1),
        "the late line must not count"
    );
    // Its intent is found once, and the successor has to record it.
    let found = second.late();
    assert_eq!((found.lines, found.intents.len()), (1, 1));
    assert!(matches!(&found.intents[0].event, Kind::FaultIntended { fault, .. } if fault.0 == "drain/b"));
    assert_eq!(second.late().lines, 0);
    second.record(found.intents[0].event.clone()).unwrap();
    for name in ["b", "a"] {
        second.record(reverted(name)).unwrap();
    }
    let journal = read(&dir).unwrap();
    assert!(RunState::of(&journal.events).unwrap().open().is_empty());
}

#[test]
fn a_secret_never_reaches_the_disk_and_others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temp.path(), "run").unwrap();
    let redactor = Arc::new(drillmaster::model::Redactor::default());
    // One secret is also a word of the journal itself. Text is cleaned of secrets, but the structure of the journal is
    // not.
    for secret in ["hunter22", "RunStarted", "resource_version"] {
        redactor.remember(Secret::new(secret));
    }
    let recorder =
        Recorder::new(Journal::create(&dir).unwrap(), RunState::default(), redactor, || (1, Timestamp::UNIX_EPOCH));
    recorder.record(header()).unwrap();
    recorder.record(Kind::Noted { text: told!(recorder, "Bearer {}", "hunter22 of RunStarted") }).unwrap();
    let text = std::fs::read_to_string(dir.journal()).unwrap();
    assert!(!text.contains("hunter22") && text.contains("Bearer *** of ***"), "{text}");
    assert!(read_str("j", &text).is_ok(), "the words of the journal itself must stay");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir.0), mode(&dir.journal())), (0o700, 0o600));
}

#[test]
fn a_run_that_is_alive_is_not_recovered() {
    let (_temp, dir, _) = written();
    std::fs::remove_file(dir.journal()).unwrap();
    let alive = recorder(&dir);
    alive.record(header()).unwrap();
    let refused = drillmaster::journal::Lock::acquire(&dir).unwrap_err().to_string();
    assert!(refused.contains("the run is still in progress"), "{refused}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = read_str("j", &String::from_utf8_lossy(&bytes));
    }
}
