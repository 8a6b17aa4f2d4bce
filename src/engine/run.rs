//! A run from beginning to end: confirm, take the Lease, baseline, arm, run the steps, unwind, observe until
//! everything is decided, judge. Nothing is touched before the journal contains `Armed`.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    announce::{announce, announce_later},
    arm::armed,
    baseline::baseline,
    begin::{Begun, Options},
    conclude::{conclude, end},
    forward::forward,
    guard, heads, keepsakes,
    look_on::{Awaited, look_on},
    reaper::{reaper_dies_with, spawn_reaper},
    rebalance::rebalance,
    unwind::{StillOpen, unwind},
};
use crate::{
    event::{EndReason, Kind},
    inventory::{OtherRun, other_runs},
    journal::Recorder,
    model::{Exit, Finding, StopHow, with_causes},
    observe::Observers,
    scenario::Loaded,
    steps::StepContext,
    told,
    verdict::Ending,
    world::{LEASE_DURATION, RunRecord},
};

/// Runs a drill to its end. Whatever happens in between, either the cluster is put back, or the exit code shows that
/// it is not.
pub async fn run(begun: &Begun, loaded: &Loaded, options: &Options) -> Exit {
    let (recorder, context, interrupts) = (&begun.recorder, &begun.context, &begun.interrupts);
    let findings = context.plan.findings.clone();
    let review = begun.catalogue.as_ref().map(|c| c.said.clone());
    recorder.preflight(&findings, review);
    if refuses(recorder, &findings) {
        // A real cluster is never touched against the pre-flight.
        if !options.despite_preflight || context.world.simulated().is_none() {
            return not_begun(context, EndReason::Refused, "");
        }
        let text = told!(recorder, "the rehearsal continues, as --despite-preflight says; a real run would be refused");
        recorder.observe(Kind::Noted { text });
    }
    let mut tasks = JoinSet::new();
    // Signals end a rehearsal in the usual way.
    if context.world.simulated().is_none()
        && let Err(error) = interrupts.listen(&mut tasks, recorder)
    {
        return not_begun(context, EndReason::Internal, &error.to_string());
    }
    let ready = match armed(context).await {
        Ok(ready) => ready,
        Err(why) => return not_begun(context, EndReason::Refused, &why),
    };
    if let Err(why) = take_lease(context).await {
        return not_begun(context, EndReason::Refused, &why);
    }
    guard::lease(&mut tasks, context, interrupts);
    guard::heartbeat(&mut tasks, &context.world, &begun.dir);
    guard::journal(&mut tasks, &context.world, recorder, interrupts);
    let samples = begun.dir.file("samples");
    let observers = Observers::start(&context.world, recorder, &context.plan, &context.run, ready, &samples);
    let over = guarded(begun, loaded, options, &mut tasks).await;
    // The verdict includes what the observers saw until the end. It reads nothing from the first line on for which
    // `Kind::follows_the_observers` is true.
    observers.stop().await;
    if matches!(over, Over::Done(_)) {
        rebalance(context, interrupts).await;
        // A person is called first: reading evidence may take a minute.
        call_for_help(context).await;
        keepsakes::after(context, &begun.dir, interrupts).await;
    }
    tasks.shutdown().await;
    let exit = match over {
        // The session that took over judges, and ends the journal.
        Over::Fenced => Exit::Left,
        Over::NotBegun(why, detail) => {
            let exit = not_begun(context, why, &detail);
            heads::keep(context, &begun.dir, exit).await;
            exit
        }
        Over::Done(detail) => conclude(context, &begun.dir, &detail).await,
    };
    if exit != Exit::Left {
        let _ = context.lease.release().await;
    } else if interrupts.signals() > 1 {
        let _ = context.lease.leave().await;
    }
    exit
}

async fn take_lease(context: &StepContext) -> Result<(), String> {
    context.record.prepare().await.map_err(|e| e.to_string())?;
    let asked_us = context.recorder.now_us();
    context.lease.acquire(|| context.world.clock.wall()).await.map_err(|e| e.to_string())?;
    context.wheel.confirmed(asked_us, LEASE_DURATION);
    confirm(context).await
}

/// Checks first what an earlier recovery could not confirm: a late act of a session whose end nobody observed.
async fn confirm(context: &StepContext) -> Result<(), String> {
    for left in other_runs(&context.world, &context.run).await? {
        match left {
            OtherRun::Unconfirmed { run, wrong } if wrong.is_empty() => {
                RunRecord::confirm(&context.world.kube, &run).await.map_err(|e| e.to_string())?;
                let text = told!(
                    context.recorder,
                    "everything that the recovery of run {run} could not confirm is in order now"
                );
                context.recorder.observe(Kind::Noted { text });
            }
            OtherRun::Unconfirmed { run, wrong } => {
                return Err(format!("an act of run {run} arrived after its recovery: {}", wrong.join(", ")));
            }
            OtherRun::Open { .. } | OtherRun::Damaged { .. } => {}
        }
    }
    Ok(())
}

/// Whether findings refuse the run. Records which ones.
fn refuses(recorder: &Recorder, findings: &[Finding]) -> bool {
    for finding in findings.iter().filter(|f| f.refuses()) {
        // What was observed is in the finding itself.
        let text = match finding.fix.as_str() {
            "" => told!(recorder, "refused by {}: {}", finding.check, finding.observed),
            fix => told!(recorder, "refused by {}. Fix: {fix}", finding.check),
        };
        recorder.observe(Kind::Noted { text });
    }
    findings.iter().any(Finding::refuses)
}

/// How the run came to its end, which is not recorded yet.
enum Over {
    /// Something prevented the first act.
    NotBegun(EndReason, String),
    /// Everything was undone, as far as possible.
    Done(String),
    /// Another session has taken over.
    Fenced,
}

async fn guarded(begun: &Begun, loaded: &Loaded, options: &Options, tasks: &mut JoinSet<()>) -> Over {
    let (recorder, context, interrupts) = (&begun.recorder, &begun.context, &begun.interrupts);
    let kept = keepsakes::before(context, &begun.dir, begun.catalogue.as_ref(), interrupts);
    tokio::select! {
        biased;
        (why, detail) = interrupts.raised() => return Over::NotBegun(why, detail),
        () = kept => {}
    }
    let based = tokio::select! {
        biased;
        (why, detail) = interrupts.raised() => return Over::NotBegun(why, detail),
        findings = baseline(recorder, &context.plan) => findings,
    };
    recorder.preflight(&based, None);
    if refuses(recorder, &based) {
        return Over::NotBegun(EndReason::Refused, "the baseline is missing".into());
    }
    if let Err(why) = announce(context).await {
        return Over::NotBegun(EndReason::Refused, why);
    }
    let armed = Kind::Armed { unwind_deadline_us: options.unwind_within.as_micros() as u64 };
    if let Err(error) = recorder.record(armed) {
        return Over::NotBegun(EndReason::Refused, format!("the journal cannot be written: {}", with_causes(&error)));
    }
    if options.reaper
        && let Err(error) = spawn_reaper(&begun.dir, options.frozen_after)
    {
        return Over::NotBegun(EndReason::Refused, format!("the reaper cannot be started: {error}"));
    }
    if let Some(place) = reaper_dies_with().filter(|_| options.reaper) {
        let text = told!(
            recorder,
            "this process runs in {place}, which would also end the detached reaper. To be safe, run \
             `drillmaster standby --context NAME --bindings FILE` on another machine, or a reaper in the cluster (`drillmaster rbac SCENARIO --reaper IMAGE`)"
        );
        recorder.observe(Kind::Noted { text });
    }
    guard::deadline(tasks, &context.plan, interrupts);
    guard::aborts(tasks, recorder, &loaded.scenario.abort, interrupts);
    let stale = begun.catalogue.as_ref().map(|c| (c, options.preflight_max_age));
    forward(context, stale, interrupts).await;
    let (why, detail) = interrupts.reason().unwrap_or((EndReason::Finished, String::new()));
    recorder.observe(Kind::RunWoken { why, detail: told!(recorder, "{detail}") });
    if why == EndReason::Fenced {
        // Another session has taken over, so this one must not do anything more.
        return Over::Fenced;
    }
    hold(begun, why, options).await;
    let left = unwind(context, interrupts, options.unwind_within).await;
    if let Some(awaited) = Awaited::after(why).filter(|_| left == StillOpen::Nothing) {
        look_on(context, interrupts, awaited).await;
    }
    if left == StillOpen::Fenced { Over::Fenced } else { Over::Done(detail) }
}

/// `--hold`: changes nothing until somebody decides how to continue.
async fn hold(begun: &Begun, why: EndReason, options: &Options) {
    if why != EndReason::StopRequested {
        return;
    }
    let until = begun.recorder.now_us() + options.unwind_within.as_micros() as u64;
    while begun.interrupts.stop_how() == Some(StopHow::Hold)
        && begun.interrupts.signals() == 0
        && begun.recorder.now_us() < until
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if begun.interrupts.stop_how() == Some(StopHow::RealIncident) {
        announce_later(&begun.context, "THE DRILL WAS STOPPED FOR A REAL INCIDENT; it is putting the cluster back")
            .await;
    }
}

/// Calls a person before the verdict, because nothing may be written after it.
async fn call_for_help(context: &StepContext) {
    if matches!(context.judge.with(Ending::after).exit(), Exit::Residue | Exit::Left) {
        announce_later(context, "THE DRILL LEFT SOMETHING BROKEN, and a person has to fix it: see its report").await;
    }
}

/// Ends a run before its first act.
fn not_begun(context: &StepContext, why: EndReason, detail: &str) -> Exit {
    let recorder = &context.recorder;
    recorder.observe(Kind::RunWoken { why, detail: told!(recorder, "{detail}") });
    end(recorder, &context.judge, detail)
}
