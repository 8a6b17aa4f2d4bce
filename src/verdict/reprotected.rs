//! Judges whether a restored namespace is protected again: a new backup was Completed after the restore and after every
//! fault, and it holds the content of every claim.

use super::{
    Answer, History,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
    seconds,
};
use crate::model::{
    Capture, Evidence, Measure, Measured, ObjectName, Outcome, Reprotected, ReprotectedExpectation, Restored,
    StepResult, Told,
};

pub(super) fn answer(expected: &ReprotectedExpectation, history: &History) -> Answer {
    let result = history.state.results.get(&expected.of).and_then(StepResult::reprotected);
    let restored = result.and_then(|r| history.state.results.get(&r.after)).and_then(StepResult::restored);
    let (Some(after), Some(restored)) = (result, restored) else {
        let ended = history.steps.get(&expected.of).is_some_and(|span| span.to().is_some());
        return if ended {
            Answer::new(Outcome::Fail, format!("step `{}` ended without proving a new backup", expected.of))
        } else {
            Answer::new(Outcome::Inconclusive, format!("step `{}` did not run to its end", expected.of))
        };
    };
    let took_us = after.completed_us.saturating_sub(restored.ready_us);
    let measured = expected.within.map(|within| Measure {
        of: Measured::Protection,
        // Velero completed it at some time between the request and the observation.
        least_us: after.sent_us.saturating_sub(restored.ready_us),
        most_us: took_us,
        objective_us: within.micros(),
    });
    let proof = Proof {
        baseline: Part::Shown(format!("restore `{}` had its result before the backup was requested", after.after)),
        reach: Part::NotAsked("a backup breaks nothing"),
        sight: Sight::Shown("Velero's record of the backup and of its volumes was read".into()),
        denominator: denominator(history, after, restored),
        bound: bound(history, after, measured),
        own: Own::NotAsked("nothing had to recover"),
        others: Others::NotAsked,
    };
    proof.conclude(&format!("backup {}", after.made.backup)).measuring(measured).with(Evidence {
        source: "Velero's Backup objects and its record of the volumes".into(),
        observed: Told::of_journal(format!(
            "{} Completed after {}; {}",
            after.made.backup,
            seconds(after.completed_us.saturating_sub(after.sent_us)),
            labelled(after)
        )),
        from_us: Some(after.sent_us),
        to_us: Some(after.completed_us),
        uncertainty_us: None,
    })
}

/// What became of the labels. They are not part of the protection: without them, the step itself fails.
fn labelled(after: &Reprotected) -> String {
    if let Some(why) = &after.unlabelled {
        return format!("{}, which the restore used, could not be labelled: {why}", after.used);
    }
    let labels: Vec<String> = after.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{} carries {}", after.used, labels.join(", "))
}

/// Whether the backup holds the content of every claim that existed before, except of those that may be lost.
fn denominator(history: &History, after: &Reprotected, restored: &Restored) -> Part {
    let plan = history.state.plan.as_ref();
    let may_be_lost = |claim: &str| plan.is_some_and(|p| p.may_lose(&ObjectName::claim(&restored.namespace, claim)));
    let held = |claim: &str| {
        let of = after.made.volumes.iter().filter(|v| v.pvc_namespace == restored.namespace && v.pvc_name == claim);
        of.into_iter().any(|v| v.is_captured())
    };
    let wanted: Vec<&str> = restored.claims.iter().map(String::as_str).filter(|claim| !may_be_lost(claim)).collect();
    let absent: Vec<&str> = wanted.iter().copied().filter(|claim| !held(claim)).collect();
    // An empty backup, or one of unknown size, is judged below.
    if let Some(items) = after.made.items.filter(|items| *items > 0 && *items < restored.objects) {
        return Part::Missing(format!(
            "the new backup holds only {items} objects, but the restore compared {}",
            restored.objects
        ));
    }
    match (&absent[..], after.made.capture) {
        ([], _) => Part::Shown(format!("the content of all {} claims is in the backup", wanted.len())),
        (_, Capture::None) => Part::Missing(format!(
            "the new backup holds no volumes, but the namespace has the claims {}",
            absent.join(", ")
        )),
        _ => Part::Missing(format!("the new backup does not hold the content of {}", absent.join(", "))),
    }
}

/// Whether the backup came after every fault, and in time.
fn bound(history: &History, after: &Reprotected, measured: Option<Measure>) -> Bound {
    let spoiling = history.state.faults.iter().filter(|f| f.revert.spoils_backup() && f.sent_us.is_some());
    let lasting = spoiling.clone().find(|f| {
        f.sent_us.is_some_and(|sent| sent < after.completed_us)
            && f.closed.as_ref().is_none_or(|(at, _)| *at > after.sent_us)
    });
    if let Some(fault) = lasting {
        return Bound::Between(format!("it was taken while the fault of step `{}` lasted", fault.step));
    }
    if let Some(fault) = spoiling.clone().find(|f| f.sent_us.is_some_and(|sent| sent >= after.completed_us)) {
        return Bound::Between(format!("step `{}` acted after it", fault.step));
    }
    if after.made.completed.is_none() || after.made.items == Some(0) {
        return Bound::Refuted("Velero reports no time of completion, or no object in it".into());
    }
    if after.made.items.is_none() {
        return Bound::Between("Velero does not report how many objects it holds".into());
    }
    let kept = after.made.expires.map_or(String::new(), |at| format!(", and Velero keeps it until {at}"));
    let said = format!("it was Completed after the restore and after every fault{kept}");
    match measured {
        Some(m) if m.least_us > m.objective_us => {
            Bound::Refuted(format!("it was Completed {} after the workloads were ready", seconds(m.most_us)))
        }
        Some(m) if m.most_us > m.objective_us => Bound::Between(format!(
            "it was Completed between {} and {} after the workloads were ready",
            seconds(m.least_us),
            seconds(m.most_us)
        )),
        Some(m) => Bound::Met(format!("{said}; {} after the workloads were ready", seconds(m.most_us))),
        None => Bound::Met(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_with_fewer_objects_than_were_restored_does_not_protect_all() {
        let part = |items: u64| {
            let made = serde_json::json!({"backup": "new", "namespaces": ["shop"], "items": items, "volumes": [],
                "capture": "none", "checksums": {}});
            let after = serde_json::json!({"after": "back", "sentUs": 1, "completedUs": 2, "used": "old", "labels": {},
                "made": made});
            let restored = serde_json::json!({"restore": "r", "backup": "old", "namespace": "shop", "sentUs": 1,
                "completedUs": 2, "readyUs": 3, "objects": 12, "differences": [], "claims": [], "ready": "",
                "velero": {"held": [], "restores": 0, "completed": 0}, "files": {"read": "unreadable", "why": "x"}});
            let after = serde_json::from_value(after).expect("a result");
            denominator(&History::default(), &after, &serde_json::from_value(restored).expect("a result"))
        };
        assert!(matches!(part(12), Part::Shown(_)) && matches!(part(11), Part::Missing(_)));
    }

    #[test]
    fn a_backup_with_an_unknown_number_of_objects_is_not_proven() {
        let made = |items: Option<u64>| -> Reprotected {
            let made = serde_json::json!({
                "after": "brought back", "sentUs": 1, "completedUs": 2, "used": "nightly", "labels": {},
                "made": {"backup": "new", "namespaces": ["shop"], "completed": "2026-01-01T00:00:00Z", "items": items,
                    "volumes": [], "capture": "none", "checksums": {}},
            });
            serde_json::from_value(made).expect("a result")
        };
        let bound = |items| bound(&History::default(), &made(items), None);
        assert!(matches!(bound(Some(7)), Bound::Met(_)));
        assert!(matches!(bound(Some(0)), Bound::Refuted(_)));
        assert!(matches!(bound(None), Bound::Between(_)));
    }
}
