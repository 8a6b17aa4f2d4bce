//! One plain line for an event, for logs and for `drillmaster log`.

use crate::{
    event::{Event, Kind, Unseen, lines_in},
    model::{Finding, FindingState, Outcome, Role, printable},
};

/// The line of an event; none for events that only reports use.
pub fn line(event: &Event) -> Option<String> {
    // Names from a cluster must not drive a terminal or break a line, so each line is made safe separately.
    let mut text = at(event.t_us, &describe(&event.event)?);
    for more in below(&event.event) {
        text.push_str("\n           ");
        text.push_str(&printable(&more));
    }
    Some(text)
}

/// A text with the time on the drill's clock before it.
pub(super) fn at(t_us: u64, text: &str) -> String {
    format!("{:>8.1}s  {}", t_us as f64 / 1e6, printable(text))
}

/// The text for an event, for use in a list. None for events that only reports use.
pub fn words(kind: &Kind) -> Option<String> {
    Some(printable(describe(kind)?.trim_start_matches(['■', ' '])))
}

/// The lines below that of an event.
fn below(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::PreflightDone { findings, .. } => findings
            .iter()
            .filter(|f| matches!(f.state, FindingState::Fail | FindingState::Unknown))
            .map(|f| match (f.state, f.blocking) {
                (FindingState::Fail, false) => format!("Warning {}: {}", f.check, f.observed),
                (state, _) => format!("{state:?} {}: {}", f.check, f.observed),
            })
            .collect(),
        Kind::Judged { judgements, .. } => judgements
            .iter()
            .map(|j| format!("{:<12} {} — {}", j.outcome.to_string(), j.expectation, j.because))
            .collect(),
        Kind::FaultStuck { commands, .. } | Kind::FaultKept { commands, .. } => {
            commands.iter().map(|c| format!("  {c}")).collect()
        }
        _ => vec![],
    }
}

/// How many checks have which result. What was skipped or is unknown did not pass.
pub(super) fn counts(findings: &[Finding]) -> String {
    let count = |state| findings.iter().filter(|f| f.state == state).count();
    let others = [(FindingState::Fail, "failed"), (FindingState::Unknown, "unknown"), (FindingState::Skip, "skipped")];
    let others = others.map(|(state, word)| (count(state), word)).into_iter().filter(|(n, _)| *n > 0);
    let others: String = others.map(|(n, word)| format!(", {n} {word}")).collect();
    format!("{} of {} checks passed{others}", count(FindingState::Pass), findings.len())
}

fn describe(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::RunStarted { run_id, scenario, title, clusters, .. } => {
            let context = clusters.first().map_or("", |c| c.context.as_str());
            format!("run {run_id}: {scenario} on {context}: {title}")
        }
        Kind::SessionOpened { epoch, actor, pid, why, .. } => format!("session {epoch} ({actor:?}, pid {pid}): {why}"),
        Kind::PreflightDone { findings, .. } => {
            format!("pre-flight: {}", counts(findings))
        }
        Kind::Armed { .. } => "armed: the baseline is complete, and the steps begin".into(),
        Kind::RunWoken { why, detail } if detail.is_empty() => format!("steps ended ({why:?})"),
        Kind::RunWoken { why, detail } => format!("steps ended ({why:?}): {detail}"),
        Kind::Judged { outcome, .. } => format!("VERDICT {outcome}"),
        Kind::RunEnded { exit, detail } => format!("ended with {}: {detail}", exit.code()),
        Kind::LeftoverGone { what, why } => format!("removed again: {what}: {why}"),
        Kind::EvidenceKept { what, file, .. } => format!("  kept as evidence: {} (kept/{file})", what.words()),
        Kind::EvidenceMissing { what, why } => format!("  not kept as evidence: {}: {why}", what.words()),
        Kind::LeftBehind { what, expires, .. } => format!("leaves behind: {what} (expires {expires})"),
        Kind::StepStarted { step, verb, does, expected_us } => {
            let expected =
                expected_us.map(|t| format!(" (expected within {:.0} s)", t as f64 / 1e6)).unwrap_or_default();
            format!("▶ {step} [{verb}] {does}{expected}")
        }
        Kind::StepProgress { step, waiting_for, last_seen } => {
            format!("  {step}: waiting for {waiting_for}; last seen: {last_seen}")
        }
        Kind::StepFinished { step, end, detail } => format!("{} {step}: {detail}", end.mark()),
        Kind::FaultIntended { fault, target, .. } => format!("  intends {fault} ({target})"),
        Kind::FaultApplied { fault, sent_us, acknowledged_us } => {
            format!(
                "  done {fault} (acknowledged after {:.2} s)",
                acknowledged_us.saturating_sub(*sent_us) as f64 / 1e6
            )
        }
        Kind::FaultFailed { fault, error } => format!("  failed {fault}: {error}"),
        Kind::MachineReturned { node, .. } => {
            format!("  the machine of {node} is running again, although the drill did not power it on")
        }
        Kind::EffectSeen { how, .. } => format!("  {how}"),
        // Whether changes from outside were undone is reported at the end.
        Kind::OutsideUndone { .. } => return None,
        Kind::OutsideUnseen(Unseen { resource, namespace, why, .. }) => match why {
            Some(why) => {
                format!(
                    "  {resource} of {namespace} cannot be watched, so changes from outside are not detected there: {why}"
                )
            }
            None => format!("  {resource} of {namespace} are watched again"),
        },
        Kind::ChangedOutside { change } => format!("  changed from outside: {}", change.sentence()),
        Kind::AuthorFound { follows: true, .. } => return None,
        Kind::AuthorFound { object, by, .. } if !matches!(by.role(), Role::Drill | Role::Kubernetes) => {
            format!("  according to the audit log, {object} was deleted by {by}")
        }
        Kind::AuditRead { error, .. } if !error.is_empty() => format!("  cannot read the audit log: {error}"),
        Kind::RevertStarted { fault, attempt } => format!("  undoes {fault} (attempt {attempt})"),
        Kind::FaultReverted { fault, evidence } => format!("  put back {fault}: {evidence}"),
        Kind::FaultReplaced { fault, evidence } => format!("  replaced {fault}: {evidence}"),
        Kind::FaultLeft { fault, why, .. } => format!("  left {fault}: {why}"),
        Kind::FaultKept { fault, why, .. } => format!("  kept {fault}: {why}. Remove it with:"),
        Kind::FaultStuck { fault, why, .. } => format!("  STUCK {fault}: {why}. By hand:"),
        Kind::ContactLost { why, .. } => format!("  the API server cannot be reached: {why}"),
        Kind::ContactRegained { blind_from_us, .. } => {
            format!(
                "  the API server can be reached again (observation gap since {:.1} s)",
                *blind_from_us as f64 / 1e6
            )
        }
        Kind::WatchGap { what, why, .. } => format!("  watch {what} broke: {why}"),
        Kind::NodeSeen { node, zone, ready, unschedulable, taints, .. } => {
            let cordoned = if *unschedulable { " cordoned" } else { "" };
            let taints = if taints.is_empty() { String::new() } else { format!(" taints {}", taints.join(" ")) };
            format!("  node {node} (zone {zone}) Ready={ready}{cordoned}{taints}")
        }
        Kind::NodeGone { node, .. } => format!("  node {node} is gone"),
        // The pods of kube-system are not interesting while they are Ready.
        Kind::PodSeen { pod, .. } if pod.aside && pod.ready && !pod.terminating => return None,
        Kind::PodSeen { pod, .. } => {
            let state = if pod.terminating {
                "Terminating"
            } else if pod.ready {
                "Ready"
            } else {
                pod.phase.as_str()
            };
            let why = if pod.disruption.is_empty() { String::new() } else { format!(" ({})", pod.disruption) };
            let home = if pod.aside { format!("{}/", pod.namespace) } else { String::new() };
            format!(
                "  pod {home}{} {state} on {}{why}",
                pod.name,
                if pod.node.is_empty() { "no node" } else { &pod.node }
            )
        }
        Kind::PodGone { name, .. } => format!("  pod {name} is gone"),
        Kind::BudgetSeen { name, healthy, desired, allowed, .. } => {
            format!("  budget {name}: {healthy} healthy, requires {desired}, allows {allowed} disruptions")
        }
        Kind::EvictionAnswered { pod, dry_run, code, reason, .. } => {
            format!("  eviction of {pod}{}: {code} {reason}", if *dry_run { " (dry run)" } else { "" })
        }
        Kind::EvictionsSampled { namespace, asked, of, .. } => {
            format!("  {namespace}: trying to evict {asked} of {of} critical pods, some of each sort (dry run)")
        }
        Kind::AlertSeen { source, name, labels, state, .. } => {
            let node = labels.get("node").map(|n| format!(" for {n}")).unwrap_or_default();
            format!("  alert {name}{node} {state} in {source}")
        }
        Kind::AlertGone { source, name, labels } => {
            let node = labels.get("node").map(|n| format!(" for {n}")).unwrap_or_default();
            format!("  alert {name}{node} gone from {source}")
        }
        Kind::LinesWritten { data, runs } => {
            let said: Vec<String> = runs
                .iter()
                .map(|r| {
                    let word = if r.error.is_empty() { "acknowledged" } else { &r.error };
                    format!("lines {} to {} {word}", r.from, r.to)
                })
                .collect();
            format!("  log {data}: {}", said.join("; "))
        }
        Kind::LinesRead { data, error, .. } if !error.is_empty() => format!("  cannot read log {data}: {error}"),
        Kind::LinesRead { data, missing, damaged, more, .. } => {
            let more = if *more { " (more in the next event)" } else { "" };
            let lost = lines_in(missing);
            format!("  log {data} was read: {lost} acknowledged lines missing{more}, {damaged} damaged")
        }
        Kind::SourceLost { source, why, .. } => format!("  {source} does not answer: {why}"),
        Kind::SourceRegained { source, .. } => format!("  {source} answers again"),
        Kind::ProbeSegment { probe, runs, .. } if runs.len() > 1 || runs.iter().any(|r| !r.ok) => {
            let last = runs.last()?;
            let word = if last.lost {
                format!("cannot be tested from this machine: {}", last.error)
            } else if last.ok {
                "answers".to_owned()
            } else {
                format!("fails: {}", last.error)
            };
            format!("  probe {probe} {word}")
        }
        Kind::GateOpened { step, prompt, .. } => format!("? {step}: {prompt} [y/N]"),
        Kind::GateAnswered { step, approved, by } => {
            format!("  gate {step}: {} by {by}", if *approved { "approved" } else { "refused" })
        }
        Kind::Notified { to, what, ok, detail } => {
            format!("  notified {to}: {what}{}", if *ok { String::new() } else { format!(" — FAILED: {detail}") })
        }
        Kind::StopAsked { by, how } => format!("■ stop ({how}) requested by {by}"),
        Kind::SignalCaught { signal, count } => match count {
            1 => format!(
                "■ {signal}: stopping and putting everything back (a second signal does not wait for the result, a third one leaves immediately)"
            ),
            2 => format!("■ {signal}: putting everything back without waiting for the result"),
            _ => format!("■ {signal}: leaving; run `drillmaster recover` to put everything back"),
        },
        Kind::AbortTriggered { condition, detail } => format!("■ abort condition {condition}: {detail}"),
        Kind::MirrorFailed { why } => format!("  the run record in the cluster could not be written: {why}"),
        Kind::LeaseTrouble { why } => format!("  lease: {why}"),
        Kind::Noted { text } => format!("  {text}"),
        Kind::SpreadAgain { workload, what, .. } => format!("  {workload} {what}"),
        Kind::FaultReopened { fault, why } => format!("  {fault} is in effect again: {why}"),
        Kind::HolderLives { pid, host } => match pid {
            Some(pid) => format!("■ process {pid} on {host} may still act: end it with `kill -9 {pid}`"),
            None => "■ the earlier session still holds the lock, and may still act".to_owned(),
        },
        Kind::Unconfirmed { faults } => {
            let named: Vec<&str> = faults.iter().map(|f| f.0.as_str()).collect();
            format!("  undone, but not confirmed: {}; the next run will check it first", named.join(", "))
        }
        Kind::StrayLines { count, .. } => {
            format!("  {count} journal line(s) left out: their session had lost control of the run")
        }
        _ => return None,
    })
}

/// The colour of an outcome.
pub(super) fn colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "\u{1b}[32m",
        Outcome::Fail => "\u{1b}[31m",
        Outcome::Inconclusive => "\u{1b}[33m",
        Outcome::Skipped | Outcome::Waived => "\u{1b}[2m",
    }
}
