//! Findings that are not the judgement of an expectation: what is not restored, not judged, not protected, or was done
//! from outside. One function for each.

use super::{
    Rest,
    before::Retest,
    context::{Context, at_most, short},
    findings::{FAULTS, Finding, every},
};
use crate::model::{Exit, Expectation, Severity, State, StepResult, Verb, WorkloadRef, some};

/// Changes of the drill that are not undone.
pub(super) fn not_restored(c: &Context<'_>) -> Option<Finding> {
    let open: Vec<&str> =
        c.history.state.faults.iter().filter(|f| f.state.is_open()).map(|f| f.target.as_str()).collect();
    let first = open.first()?;
    Some(Finding {
        subject: "the cluster".into(),
        order: 1,
        severity: Severity::Critical,
        title: format!("{} of the drill's changes are not undone, the first is {}", open.len(), short(first, 60)),
        refs: super::before_after::open_rows(c),
        rests: every(&FAULTS),
        cause: "The undo of each change, and what was observed about it, is in the section Return to normal.".into(),
        recommendation: "Run `drillmaster recover`, or the commands in the section Return to normal.".into(),
        retest: "every change is put back".into(),
    })
}

/// What the pre-flight refused.
pub(super) fn refused(c: &Context<'_>) -> Vec<Finding> {
    let refused = c.story.exit == Some(Exit::Refused);
    let checks = c.story.findings.iter().filter(|f| f.refuses() && refused);
    checks
        .map(|f| Finding {
            subject: f.check.clone(),
            order: 1,
            severity: Severity::High,
            title: format!("The pre-flight refused: {}: {}", f.check, short(&f.observed, 140)),
            refs: vec![],
            rests: c.places.preflight.iter().copied().map(Rest::Event).chain(ended(c)).collect(),
            cause: f.observed.clone(),
            recommendation: if f.fix.is_empty() { "Correct what was observed.".into() } else { f.fix.clone() },
            retest: format!("the check {} holds", f.check),
        })
        .collect()
}

fn ended(c: &Context<'_>) -> Option<Rest> {
    c.places.ended.map(Rest::Event)
}

/// A drill that was stopped, or that has no end.
pub(super) fn stopped(c: &Context<'_>) -> Option<Finding> {
    let title = match c.story.exit {
        Some(Exit::Aborted) => "The drill was stopped before its end".to_owned(),
        Some(Exit::Internal) => "drillmaster itself failed during the drill".to_owned(),
        None => "The run has no end in its journal".to_owned(),
        Some(_) => return None,
    };
    let cause = c.story.deviations.last().cloned().unwrap_or_else(|| "The journal does not show the reason.".into());
    Some(Finding {
        subject: "the drill".into(),
        order: 2,
        severity: Severity::High,
        title,
        refs: vec![],
        rests: ended(c).into_iter().collect(),
        cause,
        recommendation: match c.story.exit {
            None => "Run `drillmaster recover`, then the drill again.".into(),
            Some(_) => "Remove the reason, then run the drill again.".into(),
        },
        retest: format!("a drill of {} runs to its end", c.story.scenario),
    })
}

/// Critical workloads and objectives of the organisation that no expectation judges.
pub(super) fn not_judged(c: &Context<'_>) -> Vec<Finding> {
    let Some(plan) = c.plan() else { return vec![] };
    let all: Vec<&Expectation> = plan.expectations().collect();
    let names = |workload: &WorkloadRef| {
        all.iter().any(|e| match e {
            Expectation::Replicas(e) => e.workload == *workload,
            Expectation::Placement(e) => e.workload == *workload,
            Expectation::Service(e) => plan.probes.iter().any(|p| p.name == e.probe && p.backed_by.contains(workload)),
            _ => false,
        })
    };
    let left: Vec<String> = plan.critical.iter().filter(|w| !names(w)).map(ToString::to_string).collect();
    let finding = |subject: String, title: String, recommendation: String, retest: String| Finding {
        subject,
        order: 4,
        severity: Severity::High,
        title,
        refs: vec![],
        rests: c.places.plan.map(Rest::Event).into_iter().collect(),
        cause: "The scenario has no expectation for it.".into(),
        recommendation,
        retest,
    };
    let mut found = vec![];
    if !left.is_empty() {
        found.push(finding(
            "critical workloads".into(),
            format!("No expectation judges {} critical workload(s): {}", left.len(), short(&some(&left), 100)),
            "Add a `replicas` expectation for each of them, or a probe with `backedBy`.".into(),
            "the scenario judges every critical workload".into(),
        ));
    }
    for (name, objective) in plan.about.objectives.named() {
        let is_measured = all.iter().any(|e| match (name, e) {
            ("RTO", Expectation::Service(e)) => e.rto.is_some(),
            ("RPO", Expectation::Loss(_)) => true,
            ("MTPD", Expectation::Service(e)) => e.rto.is_some(),
            _ => false,
        });
        if !is_measured {
            let what = if name == "RPO" { "a data probe and a `loss` expectation" } else { "a `service` expectation" };
            found.push(finding(
                name.into(),
                format!("The {name} of {} was not measured: no expectation measures it", objective.target),
                format!("Add {what} to the scenario."),
                format!("the scenario measures the {name}"),
            ));
        }
    }
    found
}

/// Whether the drill deleted or restored something in the scope, and no Completed backup after that was observed.
pub(super) fn unprotected(c: &Context<'_>) -> Option<Finding> {
    if !is_unprotected(c) {
        return None;
    }
    Some(Finding {
        subject: "re-protection".into(),
        order: 6,
        severity: Severity::Medium,
        title: "No Completed backup after the restore was observed".into(),
        refs: super::before_after::reprotection_row(c).into_iter().collect(),
        rests: every(&["StepResult", "PlanFrozen"]),
        cause: "The drill ends without a backup step after the restore, and drillmaster does not watch the schedules."
            .into(),
        recommendation: "Add a `backup` step after the restore, or look for the next scheduled backup by hand.".into(),
        retest: "a backup step after the restore is Completed".into(),
    })
}

/// Whether the scope was restored, and no backup was completed afterwards.
pub(super) fn is_unprotected(c: &Context<'_>) -> bool {
    let Some(plan) = c.plan() else { return false };
    let has_result = |i: &usize| c.history.state.results.contains_key(&plan.steps[*i].name);
    let restored = plan.steps.iter().rposition(|s| matches!(s.verb(), Some(Verb::Restore(r)) if r.into.is_none()));
    let Some(restored) = restored.filter(has_result) else { return false };
    !plan.steps[restored..].iter().any(
        |s| matches!(c.history.state.results.get(&s.name), Some(StepResult::Backup(made)) if made.completed.is_some()),
    )
}

/// Changes that others made during the drill.
pub(super) fn from_outside(c: &Context<'_>) -> Option<Finding> {
    let first = c.story.changed_outside.first()?;
    let count = c.story.changed_outside.len();
    let remain = c.story.changed_outside.iter().filter(|line| line.remains).count();
    Some(Finding {
        subject: "changes from outside".into(),
        order: 7,
        severity: Severity::Medium,
        title: format!("{count} change(s) came from outside the drill, {remain} remain: {}", short(&first.said, 100)),
        refs: vec![],
        rests: every(&["ChangedOutside", "OutsideUndone", "OutsideUnseen", "AuthorFound", "StepStarted"]),
        cause: c.story.changed_outside.iter().take(5).map(|l| l.said.as_str()).collect::<Vec<_>>().join("; "),
        recommendation: "Tell people and pause automation before the next drill, or plan for these changes.".into(),
        retest: "no change from outside in the next drill".into(),
    })
}

/// Critical findings of the readiness review that somebody set aside.
pub(super) fn waived(c: &Context<'_>) -> Vec<Finding> {
    let concerns = c.story.review.iter().flat_map(|review| &review.concerns);
    let waived = concerns.filter(|w| w.state == State::Waived && w.severity == Severity::Critical);
    waived
        .map(|w| Finding {
            subject: w.check.clone(),
            order: 10,
            severity: Severity::Medium,
            title: format!("A critical finding is waived: {} {}", w.check, short(&w.title, 100)),
            refs: vec![],
            rests: c.places.preflight.iter().copied().map(Rest::Event).collect(),
            cause: format!("{}. Waived by: {}", w.observed, w.waiver),
            recommendation: format!("Correct it before the waiver ends; `drillmaster explain {}` says how.", w.check),
            retest: format!("the check {} holds without a waiver", w.check),
        })
        .collect()
}

/// The row that says whether the application is protected again.
pub(super) fn protected(c: &Context<'_>) -> Option<&'static str> {
    let plan = c.plan()?;
    let restores = plan.steps.iter().any(|s| matches!(s.verb(), Some(Verb::Restore(r)) if r.into.is_none()));
    match (restores, is_unprotected(c)) {
        (false, _) => Some("not asked: the drill did not restore the application in place"),
        (true, true) => Some("not observed: no Completed backup after the restore"),
        (true, false) => Some("a backup was Completed after the restore"),
    }
}

/// Actions of the last drill whose date has passed and that this drill does not show to be corrected.
pub(super) fn overdue(c: &Context<'_>) -> Vec<Finding> {
    let Some(before) = &c.beside.before else { return vec![] };
    let today: Option<jiff::civil::Date> = c.story.started.split('T').next().and_then(|d| d.parse().ok());
    let late = before.actions.iter().filter_map(|action| {
        let days = today?.since(action.due_on?).ok()?.get_days();
        let is_open = !matches!(before.retest(c, action), Retest::Passed(_));
        (days > 0 && is_open).then_some((action, days))
    });
    late.map(|(action, days)| Finding {
        subject: format!("action {}", action.id.0),
        order: 5,
        severity: Severity::High,
        title: format!(
            "Action {} of {} is {days} day(s) overdue: {}",
            action.id.0,
            before.date,
            short(&action.what, 100)
        ),
        refs: vec![],
        rests: c.base(),
        cause: format!("Owner: {}. Due: {}. Status: {}.", action.owner, action.due, action.status),
        recommendation: "Do it, or agree on another date.".into(),
        retest: "the expectation of the action passes".into(),
    })
    .collect()
}

/// Measurements that are clearly worse than in the last drill.
pub(super) fn worse(c: &Context<'_>) -> Vec<Finding> {
    let Some(before) = &c.beside.before else { return vec![] };
    let worse = before.changes(c).into_iter().filter(|change| change.is_better() == Some(false));
    worse
        .filter_map(|change| {
            let j = c.judged.get(change.index)?;
            let (then, now) = (at_most(change.then.most_us), at_most(change.now.most_us));
            Some(Finding {
                subject: j.subject(),
                order: 9,
                severity: Severity::Medium,
                title: format!("{} took {now}, after {then} on {}", short(&j.subject(), 60), before.date),
                refs: vec![j.id()],
                rests: c.base(),
                cause: super::causes::phases_of(c, j),
                recommendation: format!("Find what changed since run {}.", before.run),
                retest: format!("{} is not slower than {then}", j.id().0),
            })
        })
        .collect()
}
