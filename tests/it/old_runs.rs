//! Run directories of version 0.1.0, kept unchanged in tests/recorded/runs-0.1.0. They are read, folded and reported
//! like those of today.

use std::path::{Path, PathBuf};

use drillmaster::{
    event::{Event, Kind},
    journal::{RunDir, RunState, read},
    model::{Exit, Expectation, OrNewer, StepResult, Verb},
    report, verdict,
};

fn old(name: &str) -> (PathBuf, Vec<Event>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0").join(name);
    let journal = read(&RunDir(dir.clone())).unwrap();
    (dir, journal.events)
}

fn ended(events: &[Event]) -> Exit {
    events
        .iter()
        .rev()
        .find_map(|e| match &e.event {
            Kind::RunEnded { exit, .. } => Some(*exit),
            _ => None,
        })
        .unwrap()
}

#[test]
fn their_exit_follows_from_their_journal() {
    for (name, exit) in [("pass", Exit::Passed), ("fail", Exit::Failed), ("taken-over", Exit::Aborted)] {
        let (_, events) = old(name);
        assert_eq!(ended(&events), exit, "{name}: the exit code in the journal has changed");
        assert_eq!(verdict::exit_of(&events), exit, "{name}: the exit code does not follow from the journal");
        assert!(RunState::of(&events).unwrap().open().is_empty(), "{name}: something is open");
        // The fold of a journal that was cut after any line must say what was open then.
        for cut in 1..events.len() {
            RunState::of(&events[..cut]).unwrap_or_else(|e| panic!("{name}, cut after line {cut}: {e}"));
        }
    }
}

#[test]
fn their_plans_steps_and_results_are_read_as_types() {
    let (_, events) = old("pass");
    let state = RunState::of(&events).unwrap();
    let plan = state.plan.as_ref().unwrap();
    assert!(plan.steps.iter().all(|s| s.verb().is_some()), "this version does not know a step of the plan");
    assert!(plan.expect.iter().all(|e| e.known().is_some()), "this version does not know an expectation of the plan");
    assert!(plan.steps.iter().any(|s| matches!(s.verb(), Some(Verb::KillZone(spec)) if spec.zone == "a")));
    assert!(matches!(&plan.expect[0], OrNewer::Known(Expectation::Replicas(_) | Expectation::Restore(_))));
    let kinds: Vec<&str> = state
        .results
        .values()
        .map(|result| match result {
            StepResult::Backup(made) => {
                assert!(!made.backup.is_empty() && made.items.is_some());
                "backup"
            }
            StepResult::Deletion(lost) => {
                assert_eq!(lost.namespace, "shop");
                "deletion"
            }
            StepResult::Drain(_) | StepResult::Reprotected(_) => panic!("version 0.1.0 did not record such results"),
            StepResult::Restore(restored) => {
                assert!(restored.objects > 0 && restored.differences.is_empty());
                "restore"
            }
        })
        .collect();
    assert_eq!(kinds, ["restore", "deletion", "backup"]);
}

#[test]
fn they_are_told_like_those_of_today() {
    for name in ["pass", "fail", "taken-over"] {
        let (_, events) = old(name);
        let story = report::story_of_events(&events);
        assert_eq!(story.tool, "drillmaster 0.1.0");
        assert!(!story.judgements.is_empty() && !story.steps.is_empty(), "{name}");
        assert!(story.steps.iter().all(|s| s.end.is_some()) || name == "taken-over", "{name}");
        for event in &events {
            let _ = report::line(event);
        }
    }
}
