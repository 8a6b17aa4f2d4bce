//! What a restore brought back. Completed is a phase, not a proof (correctness 35, 37, 40):
//! objects are compared, files are compared; "all" is all of what should be there.

use super::{
    Answer, History,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::model::{
    Evidence, FilesRead, ObjectName, Outcome, OutsideChange, RestoreExpectation, Restored, StepResult, Told,
    VolumesRule,
};

/// As many differences are named.
const NAMED: usize = 10;

pub(super) fn answer(expected: &RestoreExpectation, history: &History) -> Answer {
    let Some(restored) = history.state.results.get(&expected.of).and_then(StepResult::restored) else {
        let ended = history.steps.get(&expected.of).is_some_and(|span| span.to().is_some());
        return if ended {
            Answer::new(Outcome::Fail, format!("restore `{}` failed", expected.of))
        } else {
            Answer::new(Outcome::Inconclusive, format!("restore `{}` never ran to its end", expected.of))
        };
    };
    let name = format!("restore `{}`", expected.of);
    let objects = expected.objects.map(|_| objects(restored, history).conclude(&name));
    let volumes = expected.volumes.map(|rule| volumes(restored, history, rule).conclude(&name));
    let warnings = restored.warnings.map_or("none".to_owned(), |n| n.to_string());
    let evidence = Evidence {
        source: "archive of the backup, live objects, checksums by reader pods, Velero's records".into(),
        observed: Told::of_journal(format!(
            "restore {}: {} objects in the backup, warnings {warnings}{}",
            restored.restore,
            restored.objects,
            not_restored(restored)
        )),
        from_us: Some(restored.sent_us),
        to_us: Some(restored.ready_us),
        uncertainty_us: None,
    };
    let mut answer = Answer::all([objects, volumes].into_iter().flatten().collect()).with(evidence);
    // What is told beside the answer: none of it makes a pass.
    if !restored.left_out.is_empty() {
        answer.because += &format!("; {} not restored, on purpose", restored.left_out.len());
    }
    if let Some(isolation) = &restored.isolation {
        answer.because += &format!("; {isolation}");
    }
    answer
}

/// What was left out on purpose.
fn not_restored(restored: &Restored) -> String {
    if restored.left_out.is_empty() {
        return String::new();
    }
    let named: Vec<&str> = restored.left_out.iter().take(NAMED).map(String::as_str).collect();
    let more = restored.left_out.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("; not restored, on purpose: {}{more}", named.join("; "))
}

fn proof(restored: &Restored, history: &History, denominator: Part, bound: Bound) -> Proof {
    // What is restored in a second cluster is read there.
    let blind = history.blind_in(restored.completed_us, restored.ready_us).filter(|_| !elsewhere(restored, history));
    let sight = match blind {
        Some(blind) => Sight::Missing(blind),
        None => Sight::Shown("archive and cluster were read to their end".into()),
    };
    let beside = restored.into.is_some();
    let others = if beside {
        // Nobody else works in a namespace that was made for it.
        Others::NotAsked
    } else {
        // Whatever is in the namespace is compared: a change of any object of it is one.
        let here = |c: &OutsideChange| history.state.plan.iter().any(|p| p.namespaces.contains(&c.namespace));
        Others::of(history, here, restored.sent_us, (restored.ready_us, restored.ready_us))
    };
    Proof {
        baseline: Part::Shown(if beside {
            "the namespace was made for it, and empty".into()
        } else {
            "what is compared stands in the backup's archive".to_owned()
        }),
        reach: Part::NotAsked("a restore is judged by what it brought"),
        sight,
        denominator,
        bound,
        own: Own::NotAsked("a restore is what is tested"),
        others,
    }
}

fn elsewhere(restored: &Restored, history: &History) -> bool {
    let second = history.state.plan.as_ref().and_then(|p| p.recovery.as_ref());
    second.is_some_and(|cluster| restored.into.as_ref() == Some(&cluster.context))
}

fn objects(restored: &Restored, history: &History) -> Proof {
    let all = restored.objects;
    let denominator = Part::Shown(format!("{all} objects of the backup"));
    let differences = &restored.differences;
    let said: Vec<String> = differences.iter().take(NAMED).map(ToString::to_string).collect();
    let bound = if all == 0 {
        Bound::Refuted("the backup holds no object of the namespace".into())
    } else if differences.is_empty() {
        let left = restored.left_out.len() as u64;
        let there = match left {
            0 => format!("all {all}"),
            _ => format!("{} of {all}", all.saturating_sub(left)),
        };
        Bound::Met(format!("{there} objects of the backup are there, as they were{}", but_for(restored)))
    } else {
        Bound::Refuted(format!("{} object(s) other than before: {}", differences.len(), said.join("; ")))
    };
    proof(restored, history, denominator, bound)
}

/// What the scenario lets be lost: no verdict counts it, and none is silent about it.
fn but_for(restored: &Restored) -> String {
    let lost: Vec<String> = restored.lost.iter().map(ToString::to_string).collect();
    if lost.is_empty() { String::new() } else { format!(", but for what may be lost: {}", lost.join("; ")) }
}

fn volumes(restored: &Restored, history: &History, rule: VolumesRule) -> Proof {
    let held = &restored.velero.held;
    let absent: Vec<&str> = restored.claims.iter().filter(|c| !held.contains(c)).map(String::as_str).collect();
    let may_be_lost = |claim: &&str| {
        let name = ObjectName::claim(&restored.namespace, claim);
        restored.lost.iter().any(|entry| entry.object.matches(&name))
    };
    let (excused, without): (Vec<&str>, Vec<&str>) = absent.into_iter().partition(may_be_lost);
    let all = restored.claims.len().max(held.len());
    let denominator = if rule == VolumesRule::None {
        Part::Shown(format!("{all} claims of the namespace"))
    } else if all == 0 {
        Part::Missing("the namespace has no claim, and the backup no volume: there is nothing to compare".into())
    } else if all == excused.len() {
        Part::Missing("every claim of the namespace may be lost: there is nothing to compare".into())
    } else if excused.is_empty() {
        Part::Shown(format!("{all} claims of the namespace"))
    } else {
        Part::Shown(format!(
            "{all} claims of the namespace, of which {} may be lost: {}",
            excused.len(),
            excused.join(", ")
        ))
    };
    let bound = if rule == VolumesRule::None {
        match all {
            0 => Bound::Met("the namespace has no claim, and the backup no volume".into()),
            _ => Bound::Refuted(format!("it has {all} volumes, of which nothing is expected")),
        }
    } else if without.is_empty() {
        content(restored, rule)
    } else {
        let (count, named) = (without.len(), without.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "));
        Bound::Refuted(format!("the backup holds no content of {count} of {all} claims: {named}"))
    };
    proof(restored, history, denominator, bound)
}

fn content(restored: &Restored, rule: VolumesRule) -> Bound {
    let (held, completed) = (restored.velero.held.len() as u64, restored.velero.completed);
    let snapshots = restored.velero.snapshots;
    let wrong = restored.files.wrong();
    if !wrong.is_empty() {
        let said: Vec<String> = wrong.iter().take(NAMED).map(ToString::to_string).collect();
        return Bound::Refuted(format!("{} file(s) are not as before: {}", wrong.len(), said.join("; ")));
    }
    if rule == VolumesRule::Restored {
        return if completed >= held {
            Bound::Met(format!("Velero restored all {held} volumes, to the last byte"))
        } else if snapshots > 0 && completed + snapshots >= held {
            Bound::Between(format!(
                "{snapshots} volumes came back by snapshot, of which Velero keeps no count of bytes: ask for `volumes: identical`"
            ))
        } else {
            Bound::Refuted(format!("Velero restored {completed} of {held} volumes"))
        };
    }
    match &restored.files {
        FilesRead::Unreadable { why } => Bound::Between(format!("the volumes cannot be read here: {why}")),
        FilesRead::NothingBefore { .. } | FilesRead::Compared { volumes: 0, .. } => {
            Bound::Between("no checksum was taken before".into())
        }
        FilesRead::Compared { files: 0, left_out, .. } if !left_out.is_empty() => {
            Bound::Between(format!("0 of {} files compared{}", left_out.len(), changed(left_out)))
        }
        FilesRead::Compared { volumes, files: 0, .. } => Bound::Between(format!(
            "the {volumes} volumes held no file before: nothing shows that their content came back"
        )),
        FilesRead::Compared { volumes, files, left_out, .. } if !left_out.is_empty() => Bound::Met(format!(
            "{files} of {} files compared, in {volumes} volumes: they have the checksums taken before{}",
            files + left_out.len() as u64,
            changed(left_out)
        )),
        FilesRead::Compared { volumes, files, .. } => {
            Bound::Met(format!("{files} files in {volumes} volumes have the checksums taken before"))
        }
    }
}

/// Files that no restore can be held to, by number and name.
fn changed(left_out: &[String]) -> String {
    let named = left_out.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = left_out.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("; {} left out because they changed while the backup was made: {named}{more}", left_out.len())
}
