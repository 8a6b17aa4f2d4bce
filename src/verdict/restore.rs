//! Judges the result of a restore. The phase Completed is not a proof: objects are compared, files are compared, and
//! "all" means everything that should exist.

use super::{
    Answer, History, StepSpan,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::model::{
    Evidence, FilesRead, ObjectName, Outcome, OutsideChange, RestoreExpectation, Restored, StepResult, Told,
    VolumesRule, few,
};

/// At most this many differences are named.
const NAMED: usize = 10;

pub(super) fn answer(expected: &RestoreExpectation, history: &History) -> Answer {
    let Some(restored) = history.state.results.get(&expected.of).and_then(StepResult::restored) else {
        let ended = history.steps.get(&expected.of).is_some_and(|span| span.to().is_some());
        return if ended {
            Answer::new(Outcome::Fail, format!("restore `{}` failed", expected.of))
        } else {
            Answer::new(Outcome::Inconclusive, format!("restore `{}` did not run to its end", expected.of))
        };
    };
    let name = format!("restore `{}`", expected.of);
    let case = Case { restored, history, ends: history.steps.get(&expected.of).and_then(StepSpan::to) };
    let objects = expected.objects.map(|_| case.objects().conclude(&name));
    let volumes = expected.volumes.map(|rule| case.volumes(rule).conclude(&name));
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
    // Additional information in the text. None of it contributes to a pass.
    if !restored.left_out.is_empty() {
        answer.because += &format!("; {} object(s) left out on purpose", restored.left_out.len());
    }
    if let Some(isolation) = &restored.isolation {
        answer.because += &format!("; {isolation}");
    }
    answer
}

/// What was intentionally left out.
fn not_restored(restored: &Restored) -> String {
    if restored.left_out.is_empty() {
        return String::new();
    }
    format!("; left out on purpose: {}", few(restored.left_out.iter(), NAMED, ("; ", "; and")))
}

/// One restore, and what is known about it.
struct Case<'h> {
    restored: &'h Restored,
    history: &'h History,
    /// When its step ended. Until then it was observed.
    ends: Option<u64>,
}

impl Case<'_> {
    fn proof(&self, denominator: Part, bound: Bound, others: Others) -> Proof {
        let restored = self.restored;
        // The result of a restore into a second cluster is read there.
        let blind = self.history.blind_in(restored.completed_us, restored.ready_us);
        let sight = match blind.filter(|_| !self.is_elsewhere()) {
            Some(blind) => Sight::Missing(blind),
            None => Sight::Shown("the archive and the cluster were read completely".into()),
        };
        Proof {
            baseline: Part::Shown(if restored.into.is_some() {
                "the namespace was created for the restore, and was empty".into()
            } else {
                "the archive of the backup contains what is compared".to_owned()
            }),
            reach: Part::NotAsked("a restore is judged by its result"),
            sight,
            denominator,
            bound,
            own: Own::NotAsked("the restore itself is tested"),
            others,
        }
    }

    /// Changes from outside in the namespace while it was restored and compared. Earlier changes were deleted with the
    /// namespace, or are differences that the restore did not remove.
    fn others(&self, touches: impl Fn(&OutsideChange) -> bool) -> Others {
        if self.restored.into.is_some() {
            // Nobody else works in a namespace that was created for the restore.
            return Others::NotAsked;
        }
        let here = |c: &OutsideChange| c.namespace == self.restored.namespace && touches(c);
        let (from, to) = (self.restored.sent_us, self.ends.unwrap_or(self.restored.ready_us));
        Others::within(self.history, here, (from, to))
    }

    fn is_elsewhere(&self) -> bool {
        let second = self.history.state.plan.as_ref().and_then(|p| p.recovery.as_ref());
        second.is_some_and(|cluster| self.restored.into.as_ref() == Some(&cluster.context))
    }

    fn objects(&self) -> Proof {
        let restored = self.restored;
        let (all, there) = (restored.objects, restored.objects.saturating_sub(restored.left_out_of_compared));
        let denominator = match there {
            0 if all > 0 => Part::Missing(format!("all {all} objects of the backup were left out on purpose")),
            _ => Part::Shown(format!("{there} of {all} objects of the backup")),
        };
        let differences = &restored.differences;
        let bound = if all == 0 {
            Bound::Refuted("the backup contains no object of the namespace".into())
        } else if differences.is_empty() {
            let said = if there == all { format!("all {all}") } else { format!("{there} of {all}") };
            Bound::Met(format!("{said} objects of the backup exist and are unchanged{}", but_for(restored)))
        } else {
            let said = few(differences.iter(), NAMED, ("; ", "; and"));
            Bound::Refuted(format!("{} object(s) are different from before: {said}", differences.len()))
        };
        // Everything in the namespace is compared, so a change of any object in it matters.
        self.proof(denominator, bound, self.others(|_| true))
    }

    fn volumes(&self, rule: VolumesRule) -> Proof {
        let restored = self.restored;
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
            Part::Missing(
                "the namespace has no claim and the backup has no volume, so there is nothing to compare".into(),
            )
        } else if all == excused.len() {
            Part::Missing("every claim of the namespace may be lost, so there is nothing to compare".into())
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
                0 => Bound::Met("the namespace has no claim, and the backup has no volume".into()),
                _ => Bound::Refuted(format!("it has {all} volumes, but none is expected")),
            }
        } else if without.is_empty() {
            content(restored, rule, restored.claims.len().saturating_sub(excused.len()) as u64)
        } else {
            let (count, named) = (without.len(), without.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "));
            Bound::Refuted(format!("the backup does not contain the content of {count} of {all} claims: {named}"))
        };
        // An object that no workload uses cannot affect a volume.
        self.proof(denominator, bound, self.others(|c| !c.workloads.is_empty()))
    }
}

/// What the scenario allows to be lost. It does not count, but every verdict names it.
fn but_for(restored: &Restored) -> String {
    let lost: Vec<String> = restored.lost.iter().map(ToString::to_string).collect();
    if lost.is_empty() { String::new() } else { format!(", except what may be lost: {}", lost.join("; ")) }
}

/// Whether the content of volumes is back. `claims`: how many claims must have it.
fn content(restored: &Restored, rule: VolumesRule, claims: u64) -> Bound {
    let (held, completed) = (restored.velero.held.len() as u64, restored.velero.completed);
    let snapshots = restored.velero.snapshots;
    let wrong = restored.files.wrong();
    if !wrong.is_empty() {
        let said: Vec<String> = wrong.iter().take(NAMED).map(ToString::to_string).collect();
        return Bound::Refuted(format!("{} file(s) are different from before: {}", wrong.len(), said.join("; ")));
    }
    if rule == VolumesRule::Restored {
        return if completed >= held {
            Bound::Met(format!("Velero restored all {held} volumes completely"))
        } else if snapshots > 0 && completed + snapshots >= held {
            Bound::Between(format!(
                "{snapshots} volumes were restored from snapshots, and Velero does not count their bytes: use `volumes: identical`"
            ))
        } else {
            Bound::Refuted(format!("Velero restored only {completed} of {held} volumes"))
        };
    }
    match &restored.files {
        FilesRead::Unreadable { why } => Bound::Between(format!("the volumes cannot be read on this cluster: {why}")),
        FilesRead::NothingBefore { .. } | FilesRead::Compared { volumes: 0, .. } => {
            Bound::Between("no checksum was taken before the backup".into())
        }
        FilesRead::Compared { volumes, .. } if *volumes < claims => {
            Bound::Between(format!("the files of only {volumes} of {claims} claims were compared"))
        }
        FilesRead::Compared { files: 0, left_out, .. } if !left_out.is_empty() => {
            Bound::Between(format!("0 of {} files were compared{}", left_out.len(), changed(left_out)))
        }
        FilesRead::Compared { uncompared, .. } if !uncompared.is_empty() => Bound::Between(format!(
            "no file of {} could be compared: all of them changed during the backup",
            few(uncompared.iter(), NAMED, (", ", " and"))
        )),
        FilesRead::Compared { volumes, files: 0, .. } => Bound::Between(format!(
            "the {volumes} volumes contained no file before: nothing shows that their content was restored"
        )),
        FilesRead::Compared { volumes, files, left_out, .. } if !left_out.is_empty() => Bound::Met(format!(
            "{files} of {} files in {volumes} volumes were compared and have the same checksums as before{}",
            files + left_out.len() as u64,
            changed(left_out)
        )),
        FilesRead::Compared { volumes, files, .. } => {
            Bound::Met(format!("{files} files in {volumes} volumes have the same checksums as before"))
        }
    }
}

/// Files with which no restore can be compared: their number and names.
fn changed(left_out: &[String]) -> String {
    let named = few(left_out.iter(), NAMED, (", ", " and"));
    format!("; {} were left out because they changed during the backup: {named}", left_out.len())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        event::{Event, Kind},
        model::{Author, OutsideWhat},
    };

    fn restored(rest: &Value) -> Restored {
        let mut whole = json!({"restore": "r", "backup": "b", "namespace": "shop", "sentUs": 100, "completedUs": 200,
            "readyUs": 300, "objects": 5, "differences": [], "claims": [], "velero": {"held": [], "restores": 0, "completed": 0},
            "files": {"read": "unreadable", "why": "x"}, "ready": ""});
        json_patch::merge(&mut whole, rest);
        serde_json::from_value(whole).unwrap()
    }

    fn edited(seen_us: u64, namespace: &str, workloads: &[&str]) -> Event {
        let change = OutsideChange {
            seen_us,
            namespace: namespace.into(),
            object: "configmap/settings".into(),
            uid: String::new(),
            workloads: workloads.iter().map(|&w| w.to_owned()).collect(),
            what: OutsideWhat::Edited,
            by: Author::Unknown,
            as_before: false,
        };
        Event {
            seq: seen_us,
            at: jiff::Timestamp::UNIX_EPOCH,
            t_us: seen_us,
            epoch: 1,
            prev: String::new(),
            must: false,
            event: Kind::ChangedOutside { change: Box::new(change) },
        }
    }

    #[test]
    fn what_others_did_counts_while_the_restore_runs_and_where_it_runs() {
        let restored = restored(&json!({}));
        let helped = |event: Event, all: bool| {
            let history = History::of(&[event]);
            let case = Case { restored: &restored, history: &history, ends: Some(400) };
            let others = if all { case.objects().others } else { case.volumes(VolumesRule::None).others };
            matches!(others, Others::Seen { helped: Some(_), harmed: Some(_) })
        };
        assert!(helped(edited(100, "shop", &[]), true) && helped(edited(400, "shop", &[]), true));
        for (at, namespace) in [(99, "shop"), (401, "shop"), (200, "other")] {
            assert!(!helped(edited(at, namespace, &[]), true), "{at} {namespace}");
        }
        // Volumes belong to workloads.
        assert!(!helped(edited(200, "shop", &[]), false) && helped(edited(200, "shop", &["deployment/web"]), false));
    }

    #[test]
    fn volumes_whose_files_were_not_compared_are_not_identical() {
        let history = History::default();
        let of = |files: Value| {
            let claims = json!(["data-0", "data-1"]);
            let velero = json!({"held": claims, "restores": 2, "completed": 2});
            let restored = restored(&json!({"claims": claims, "velero": velero, "files": files}));
            Case { restored: &restored, history: &history, ends: None }.volumes(VolumesRule::Identical).conclude("r")
        };
        let compared = |volumes: u64, left_out: &[&str], uncompared: &[&str]| {
            of(json!({"read": "compared", "volumes": volumes, "files": 7, "wrong": [], "left_out": left_out,
                "uncompared": uncompared}))
        };
        assert_eq!(compared(2, &[], &[]).outcome, Some(Outcome::Pass));
        assert_eq!(compared(2, &["data-1: ./wal"], &[]).outcome, Some(Outcome::Pass), "others of data-1 were compared");
        let one = compared(1, &[], &[]);
        assert_eq!(one.outcome, Some(Outcome::Inconclusive), "{}", one.because);
        assert!(one.because.contains("only 1 of 2 claims"), "{}", one.because);
        let busy = compared(2, &["data-1: ./wal"], &["data-1"]);
        assert_eq!(busy.outcome, Some(Outcome::Inconclusive), "{}", busy.because);
        let wrong = json!([{"claim": "data-0", "file": "./a", "missing": true}]);
        let wrong = of(json!({"read": "compared", "volumes": 1, "files": 7, "wrong": wrong}));
        assert_eq!(wrong.outcome, Some(Outcome::Fail), "{}", wrong.because);
    }

    #[test]
    fn what_was_left_out_is_not_said_to_be_there() {
        let history = History::default();
        let of = |left: u64| {
            let restored = restored(&json!({"leftOutOfCompared": left, "leftOut": ["a", "b", "c", "d", "e", "f"]}));
            Case { restored: &restored, history: &history, ends: None }.objects().conclude("r")
        };
        assert!(of(2).because.contains("3 of 5 objects of the backup exist"), "{}", of(2).because);
        assert_eq!((of(0).outcome, of(5).outcome), (Some(Outcome::Pass), Some(Outcome::Inconclusive)));
    }
}
