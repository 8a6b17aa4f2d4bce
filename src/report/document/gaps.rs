//! Findings that are not the judgement of an expectation: what is not restored, not judged, not protected, or was done
//! from outside. One function for each.

use super::{
    Rest,
    before::Retest,
    context::{Context, at_most, names, short},
    findings::{FAULTS, Finding, every},
};
use crate::{
    model::{Exit, Expectation, Severity, State, StepResult, Verb, WorkloadRef},
    report::words::{frame, gaps as w, say},
};

/// Changes of the drill that are not undone.
pub(super) fn not_restored(c: &Context<'_>) -> Option<Finding> {
    let open: Vec<&str> =
        c.history.state.faults.iter().filter(|f| f.state.is_open()).map(|f| f.target.as_str()).collect();
    let (first, words) = (open.first()?, c.words);
    Some(Finding {
        subject: say!(words, w::THE_CLUSTER),
        order: 1,
        severity: Severity::Critical,
        title: say!(words, w::NOT_UNDONE, open.len(), short(first, 60)),
        refs: super::before_after::open_rows(c),
        rests: every(&FAULTS),
        cause: say!(words, w::NOT_UNDONE_CAUSE),
        recommendation: say!(words, w::NOT_UNDONE_DO),
        retest: say!(words, w::NOT_UNDONE_RETEST),
        checks: vec![],
        workloads: vec![],
    })
}

/// What the pre-flight refused.
pub(super) fn refused(c: &Context<'_>) -> Vec<Finding> {
    let words = c.words;
    let refused = c.story.exit == Some(Exit::Refused);
    let checks = c.story.findings.iter().filter(|f| f.refuses() && refused);
    checks
        .map(|f| Finding {
            subject: f.check.clone(),
            order: 1,
            severity: Severity::High,
            title: say!(words, w::REFUSED, f.check, short(&f.observed, 140)),
            refs: vec![],
            rests: c.places.preflight.iter().copied().map(Rest::Event).chain(ended(c)).collect(),
            cause: f.observed.clone(),
            recommendation: if f.fix.is_empty() { say!(words, w::CORRECT_IT) } else { f.fix.clone() },
            retest: say!(words, w::CHECK_HOLDS, f.check),
            checks: vec![f.check.clone()],
            workloads: vec![],
        })
        .collect()
}

fn ended(c: &Context<'_>) -> Option<Rest> {
    c.places.ended.map(Rest::Event)
}

/// A drill that was stopped, or that has no end.
pub(super) fn stopped(c: &Context<'_>) -> Option<Finding> {
    let words = c.words;
    let title = match c.story.exit {
        Some(Exit::Aborted) => say!(words, w::STOPPED),
        Some(Exit::Internal) => say!(words, w::DRILLMASTER_FAILED),
        None => say!(words, w::NO_END),
        Some(_) => return None,
    };
    let cause = c.story.deviations.last().cloned().unwrap_or_else(|| say!(words, w::NO_REASON));
    Some(Finding {
        subject: say!(words, w::THE_DRILL),
        order: 2,
        severity: Severity::High,
        title,
        refs: vec![],
        rests: ended(c).into_iter().collect(),
        cause,
        recommendation: match c.story.exit {
            None => say!(words, w::RECOVER),
            Some(_) => say!(words, w::REMOVE_REASON),
        },
        retest: say!(words, w::TO_ITS_END, c.story.scenario),
        checks: vec![],
        workloads: vec![],
    })
}

/// Critical workloads and objectives of the organisation that no expectation judges.
pub(super) fn not_judged(c: &Context<'_>) -> Vec<Finding> {
    let Some(plan) = c.plan() else { return vec![] };
    let words = c.words;
    let all: Vec<&Expectation> = plan.expectations().collect();
    let named = |workload: &WorkloadRef| {
        all.iter().any(|e| match e {
            Expectation::Replicas(e) => e.workload == *workload,
            Expectation::Placement(e) => e.workload == *workload,
            Expectation::Service(e) => plan.probes.iter().any(|p| p.name == e.probe && p.backed_by.contains(workload)),
            _ => false,
        })
    };
    let left: Vec<String> = plan.critical.iter().filter(|w| !named(w)).map(ToString::to_string).collect();
    let finding = |subject: String, title: String, recommendation: String, retest: String| Finding {
        subject,
        order: 4,
        severity: Severity::High,
        title,
        refs: vec![],
        rests: c.places.plan.map(Rest::Event).into_iter().collect(),
        cause: say!(words, w::NO_EXPECTATION),
        recommendation,
        retest,
        checks: vec![],
        workloads: vec![],
    };
    let mut found = vec![];
    if !left.is_empty() {
        found.push(finding(
            say!(words, w::CRITICAL),
            say!(words, w::CRITICAL_TITLE, left.len(), short(&names(words, &left), 100)),
            say!(words, w::CRITICAL_DO),
            say!(words, w::CRITICAL_RETEST),
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
            let what = if name == "RPO" { w::OBJECTIVE_RPO_DO } else { w::OBJECTIVE_DO };
            found.push(finding(
                name.into(),
                say!(words, w::OBJECTIVE, name, objective.target),
                say!(words, what),
                say!(words, w::OBJECTIVE_RETEST, name),
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
    let words = c.words;
    Some(Finding {
        subject: say!(words, frame::SUBJECT_REPROTECTION),
        order: 6,
        severity: Severity::Medium,
        title: say!(words, w::UNPROTECTED),
        refs: super::before_after::reprotection_row(c).into_iter().collect(),
        rests: every(&["StepResult", "PlanFrozen"]),
        cause: say!(words, w::UNPROTECTED_CAUSE),
        recommendation: say!(words, w::UNPROTECTED_DO),
        retest: say!(words, w::UNPROTECTED_RETEST),
        checks: vec![],
        workloads: vec![],
    })
}

/// Whether the scope was restored, and no backup was completed afterwards.
pub(super) fn is_unprotected(c: &Context<'_>) -> bool {
    let Some(plan) = c.plan() else { return false };
    let has_result = |i: &usize| c.history.state.results.contains_key(&plan.steps[*i].name);
    let restored = plan.steps.iter().rposition(|s| matches!(s.verb(), Some(Verb::Restore(r)) if r.into.is_none()));
    let Some(restored) = restored.filter(has_result) else { return false };
    !plan.steps[restored..].iter().any(|s| {
        c.history.state.results.get(&s.name).and_then(StepResult::backup).is_some_and(|b| b.completed.is_some())
    })
}

/// Changes that others made during the drill.
pub(super) fn from_outside(c: &Context<'_>) -> Option<Finding> {
    let (first, words) = (c.story.changed_outside.first()?, c.words);
    let count = c.story.changed_outside.len();
    let remain = c.story.changed_outside.iter().filter(|line| line.remains).count();
    Some(Finding {
        subject: say!(words, w::OUTSIDE_SUBJECT),
        order: 7,
        severity: Severity::Medium,
        title: say!(words, w::OUTSIDE, count, remain, short(&first.said, 100)),
        refs: vec![],
        rests: every(&["ChangedOutside", "OutsideUndone", "OutsideUnseen", "AuthorFound", "StepStarted"]),
        cause: c.story.changed_outside.iter().take(5).map(|l| l.said.as_str()).collect::<Vec<_>>().join("; "),
        recommendation: say!(words, w::OUTSIDE_DO),
        retest: say!(words, w::OUTSIDE_RETEST),
        checks: vec![],
        workloads: vec![],
    })
}

/// Critical findings of the readiness review that somebody set aside.
pub(super) fn waived(c: &Context<'_>) -> Vec<Finding> {
    let concerns = c.story.review.iter().flat_map(|review| &review.concerns);
    let waived = concerns.filter(|f| f.state == State::Waived && f.severity == Severity::Critical);
    let words = c.words;
    waived
        .map(|f| Finding {
            subject: f.check.clone(),
            order: 10,
            severity: Severity::Medium,
            title: say!(words, w::WAIVED, f.check, short(&f.title, 100)),
            refs: vec![],
            rests: c.places.preflight.iter().copied().map(Rest::Event).collect(),
            cause: say!(words, w::WAIVED_CAUSE, f.observed, f.waiver),
            recommendation: say!(words, w::WAIVED_DO, f.check),
            retest: say!(words, w::WAIVED_RETEST, f.check),
            checks: vec![f.check.clone()],
            workloads: vec![],
        })
        .collect()
}

/// The row that says whether the application is protected again.
pub(super) fn protected(c: &Context<'_>) -> Option<String> {
    let plan = c.plan()?;
    let restores = plan.steps.iter().any(|s| matches!(s.verb(), Some(Verb::Restore(r)) if r.into.is_none()));
    if let Some(after) = c.history.state.results.values().find_map(StepResult::reprotected) {
        return Some(match &after.unlabelled {
            None => say!(c.words, w::PROTECTED, after.made.backup, after.used),
            Some(_) => say!(c.words, w::PROTECTED_UNLABELLED, after.made.backup, after.used),
        });
    }
    Some(match (restores, is_unprotected(c)) {
        (false, _) => say!(c.words, w::PROTECTION_NOT_ASKED),
        (true, true) => say!(c.words, w::PROTECTION_NOT_SEEN),
        (true, false) => say!(c.words, w::PROTECTION_SEEN),
    })
}

/// Actions of the last drill whose date has passed and that this drill does not show to be corrected.
pub(super) fn overdue(c: &Context<'_>) -> Vec<Finding> {
    let Some(before) = &c.beside.before else { return vec![] };
    let words = c.words;
    let today: Option<jiff::civil::Date> = c.story.started.split('T').next().and_then(|d| d.parse().ok());
    let late = before.actions.iter().filter_map(|action| {
        let days = today?.since(action.due_on?).ok()?.get_days();
        let is_open = !matches!(before.retest(c, action), Retest::Passed(_));
        (days > 0 && is_open).then_some((action, days))
    });
    late.map(|(action, days)| Finding {
        subject: say!(words, w::OVERDUE_SUBJECT, action.id.0),
        order: 5,
        severity: Severity::High,
        title: say!(words, w::OVERDUE, action.id.0, before.date, days, short(&action.what, 100)),
        refs: vec![],
        rests: c.base(),
        cause: say!(words, w::OVERDUE_CAUSE, action.owner, action.due, action.status),
        recommendation: say!(words, w::OVERDUE_DO),
        retest: say!(words, w::OVERDUE_RETEST),
        checks: vec![],
        workloads: vec![],
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
            let words = c.words;
            Some(Finding {
                subject: j.subject(words),
                order: 9,
                severity: Severity::Medium,
                title: say!(words, w::WORSE, short(&j.subject(words), 60), now, then, before.date),
                refs: vec![j.id()],
                rests: c.base(),
                cause: super::causes::phases_of(c, j),
                recommendation: say!(words, w::WORSE_DO, before.run),
                retest: say!(words, w::WORSE_RETEST, j.id().0, then),
                checks: vec![],
                workloads: vec![],
            })
        })
        .collect()
}
