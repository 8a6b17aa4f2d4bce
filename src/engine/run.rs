//! A run from beginning to end: prepare, ask, arm, forward, backward, look on,
//! judge. Nothing is touched before `Armed` stands in the journal.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Wakes,
    arm::armed,
    baseline::baseline,
    begin::{Begun, Options},
    conclude::{conclude, end},
    forward::forward,
    guard, heads,
    reaper::spawn_reaper,
    standby::reaper_dies_with,
    unwind::{Left, unwind},
};
use crate::{
    event::{Kind, Wake},
    inventory::{OtherRun, other_runs},
    journal::Recorder,
    model::{Exit, Finding, StepName, StopHow},
    observe::Observers,
    scenario::Loaded,
    steps::StepContext,
    told,
    verdict::{self, Follower},
    world::{LEASE_DURATION, RunRecord},
};

/// Runs it, to the end. Whatever happens in between, the cluster is put back, or
/// the exit code says that it is not.
pub async fn run(begun: &Begun, loaded: &Loaded, options: &Options) -> Exit {
    let (recorder, context, wakes) = (&begun.recorder, &begun.context, &begun.wakes);
    let findings = context.plan.findings.clone();
    let review = begun.catalogue.as_ref().map(|c| c.said.clone());
    recorder.preflight(&findings, review);
    if refuses(recorder, &findings) {
        return not_begun(recorder, Wake::Refused, "");
    }
    let mut tasks = JoinSet::new();
    // Signals end a rehearsal as they end any program.
    if context.world.stage().is_none()
        && let Err(error) = wakes.listen(&mut tasks, recorder)
    {
        return not_begun(recorder, Wake::Internal, &error.to_string());
    }
    let ready = match armed(context).await {
        Ok(ready) => ready,
        Err(why) => return not_begun(recorder, Wake::Refused, &why),
    };
    if let Err(why) = take_lease(context).await {
        return not_begun(recorder, Wake::Refused, &why);
    }
    guard::lease(&mut tasks, context, wakes);
    guard::heartbeat(&mut tasks, &context.world, &begun.dir);
    guard::journal(&mut tasks, &context.world, recorder, wakes);
    let samples = begun.dir.file("samples");
    let observers = Observers::start(&context.world, recorder, &context.plan, &context.run, ready, &samples);
    let over = guarded(begun, loaded, options, &mut tasks).await;
    // The verdict reads what they saw to the end; then nothing is written any more but the
    // verdict and the end.
    observers.stop().await;
    if matches!(over, Over::Done(_)) {
        call_for_help(context).await;
    }
    tasks.shutdown().await;
    let exit = match over {
        // The session that has the wheel judges, and ends the journal.
        Over::Fenced => Exit::Left,
        Over::NotBegun(why, detail) => {
            let exit = not_begun(recorder, why, &detail);
            heads::keep(context, &begun.dir, exit).await;
            exit
        }
        Over::Done(detail) => conclude(context, &begun.dir, &detail).await,
    };
    if exit != Exit::Left {
        let _ = context.lease.release().await;
    } else if wakes.signals() > 1 {
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

/// Looks first at what an earlier recovery could not confirm: a late act of a session that
/// nobody saw the end of.
async fn confirm(context: &StepContext) -> Result<(), String> {
    for left in other_runs(&context.world, &context.run).await? {
        match left {
            OtherRun::Unconfirmed { run, wrong } if wrong.is_empty() => {
                RunRecord::confirm(&context.world.kube, &run).await.map_err(|e| e.to_string())?;
                let text =
                    told!(context.recorder, "what the recovery of run {run} could not confirm is as it should be");
                context.recorder.observe(Kind::Noted { text });
            }
            OtherRun::Unconfirmed { run, wrong } => {
                return Err(format!("a late act of run {run} came after its recovery: {}", wrong.join(", ")));
            }
            OtherRun::Open { .. } | OtherRun::Damaged { .. } => {}
        }
    }
    Ok(())
}

/// Whether findings stand in the way; says which.
fn refuses(recorder: &Recorder, findings: &[Finding]) -> bool {
    for finding in findings.iter().filter(|f| f.refuses()) {
        recorder.observe(Kind::Noted { text: told!(recorder, "refused by {}: {}", finding.check, finding.observed) });
    }
    findings.iter().any(Finding::refuses)
}

/// How it came to its end; that is still to be written down.
enum Over {
    /// Something stood in the way of the first act.
    NotBegun(Wake, String),
    /// It is undone, as far as that goes.
    Done(String),
    /// Another session has the wheel.
    Fenced,
}

async fn guarded(begun: &Begun, loaded: &Loaded, options: &Options, tasks: &mut JoinSet<()>) -> Over {
    let (recorder, context, wakes) = (&begun.recorder, &begun.context, &begun.wakes);
    let based = tokio::select! {
        biased;
        (why, detail) = wakes.woken() => return Over::NotBegun(why, detail),
        findings = baseline(recorder, &context.plan) => findings,
    };
    recorder.preflight(&based, None);
    if refuses(recorder, &based) {
        return Over::NotBegun(Wake::Refused, "there is no baseline".into());
    }
    if let Err(why) = announce(context).await {
        return Over::NotBegun(Wake::Refused, why);
    }
    let armed = Kind::Armed { unwind_deadline_us: options.unwind_within.as_micros() as u64 };
    if let Err(error) = recorder.record(armed) {
        return Over::NotBegun(Wake::Refused, format!("the journal cannot be written: {error}"));
    }
    if options.reaper
        && let Err(error) = spawn_reaper(&begun.dir, options.frozen_after)
    {
        return Over::NotBegun(Wake::Refused, format!("the reaper cannot be started: {error}"));
    }
    if let Some(place) = reaper_dies_with().filter(|_| options.reaper) {
        let text = told!(
            recorder,
            "this is {place}: the detached reaper ends with it. To be safe from that, stand by elsewhere with \
             `drillmaster recover --watch --context NAME`, or in the cluster with `drillmaster rbac SCENARIO --reaper IMAGE`"
        );
        recorder.observe(Kind::Noted { text });
    }
    guard::deadline(tasks, &context.plan, wakes);
    guard::aborts(tasks, recorder, &loaded.scenario.abort, wakes);
    let stale = begun.catalogue.as_ref().map(|c| (c, options.preflight_max_age));
    forward(context, stale, wakes).await;
    let (why, detail) = wakes.reason().unwrap_or((Wake::Finished, String::new()));
    recorder.observe(Kind::RunWoken { why, detail: told!(recorder, "{detail}") });
    if why == Wake::Fenced {
        // Another session has the wheel: whatever we did now would be against it.
        return Over::Fenced;
    }
    hold(begun, why, options).await;
    let left = unwind(context, wakes, options.unwind_within).await;
    if why == Wake::Finished && left == Left::Nothing {
        look_on(context, wakes).await;
    }
    if left == Left::Fenced { Over::Fenced } else { Over::Done(detail) }
}

/// `--hold`: stand still, change nothing, until somebody says how to go on.
async fn hold(begun: &Begun, why: Wake, options: &Options) {
    if why != Wake::StopRequested {
        return;
    }
    let until = begun.recorder.now_us() + options.unwind_within.as_micros() as u64;
    while begun.wakes.stop_how() == Some(StopHow::Hold) && begun.wakes.signals() == 0 && begun.recorder.now_us() < until
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if begun.wakes.stop_how() == Some(StopHow::RealIncident) {
        tell(&begun.context, "THE DRILL WAS STOPPED FOR A REAL INCIDENT; it is putting the cluster back").await;
    }
}

/// Observation goes on until every expectation is decided or its time is over; the
/// drill's own time limit is the last resort.
async fn look_on(context: &StepContext, wakes: &Wakes) {
    let waiting = async {
        let mut told = String::new();
        let mut judge = Follower::default();
        loop {
            let now = context.recorder.now_us();
            context.recorder.after(judge.taken(), |next| judge.follow(next));
            let open = judge.undecided(now);
            // The last look is in the journal too: a verdict reaches up to its last event.
            let done = open.is_empty();
            let open = if done { "all are".to_owned() } else { open.join("; ") };
            if open != told && !(done && told.is_empty()) {
                context.recorder.observe(Kind::StepProgress {
                    step: StepName::from("looking on"),
                    waiting_for: "expectations to be decided".into(),
                    last_seen: told!(context.recorder, "{open}"),
                });
                told = open;
            }
            if done {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = wakes.signalled(1) => {}
        () = waiting => {}
        () = tokio::time::sleep(context.plan.limits.duration.0) => {}
    }
}

/// A person is called before the verdict is written: nothing is written after it.
async fn call_for_help(context: &StepContext) {
    if matches!(verdict::exit_of(&context.recorder.events()), Exit::Residue | Exit::Left) {
        tell(context, "THE DRILL LEFT SOMETHING BROKEN: a human is needed; see its report").await;
    }
}

/// Ends a run before its first act.
fn not_begun(recorder: &Recorder, why: Wake, detail: &str) -> Exit {
    recorder.observe(Kind::RunWoken { why, detail: told!(recorder, "{detail}") });
    end(recorder, detail)
}

/// Tells the place's webhook. A failure blocks the start, never the undo.
async fn announce(context: &StepContext) -> Result<(), String> {
    let Some(url) = &context.world.bindings.announce else { return Ok(()) };
    let stop = "kubectl --namespace drillmaster annotate lease drill drillmaster.dev/stop=unwind";
    let body = serde_json::json!({
        "text": format!("THIS IS A DRILL. {} on {} begins now. Run {}. To stop it: {stop}", context.plan.title, context.plan.cluster.context, context.run),
        "run": context.run, "operator": context.approvals.operator, "stop": stop,
    });
    let sent = context.world.http.post(url, &body).await;
    context.recorder.observe(Kind::Notified {
        to: "announce".into(),
        what: "the drill begins".into(),
        ok: sent.is_ok(),
        detail: sent.as_ref().err().map(|e| told!(context.recorder, "{e}")).unwrap_or_default(),
    });
    sent.map_err(|e| format!("the announcement could not be delivered, so nothing was begun: {e}"))
}

pub(super) async fn tell(context: &StepContext, text: &str) {
    let Some(url) = &context.world.bindings.announce else { return };
    let body = serde_json::json!({"text": format!("{text}. Run {} on {}", context.run, context.plan.cluster.context), "run": context.run});
    let sent = context.world.http.post(url, &body).await;
    context.recorder.observe(Kind::Notified {
        to: "announce".into(),
        what: told!(context.recorder, "{text}"),
        ok: sent.is_ok(),
        detail: sent.err().map(|e| told!(context.recorder, "{e}")).unwrap_or_default(),
    });
}
