//! `drillmaster run`: runs a drill on a cluster.

use std::{io::IsTerminal, sync::atomic::Ordering};

use super::{
    Done, Failure, REPORT_LOST,
    args::{RunArgs, TalkArgs},
    colours, gates, note_whole, place, plan,
    report::organisation_or_none,
    say, say_styled, say_whole, shown,
};
use crate::{
    engine::{self, NOT_KEPT, Options, begin},
    event::FORMAT,
    files,
    journal::RunDir,
    model::{Exit, Plan, StepClass},
    plan::show,
    report::{self, Shape, live},
    verdict::ReadRun,
};

/// The size limit of a plan file.
const LARGEST: u64 = 64 << 20;
/// At least so many characters of a plan's hash must be given to approve it.
const SHORTEST_HASH: usize = 12;

pub(super) async fn run(args: &RunArgs, talk: TalkArgs) -> Done {
    let place = place::of_drill(&args.place, &args.log).await?;
    let loaded = place::scenario(&args.scenario.scenario, &args.scenario.set, &place)?;
    let approved = approved(args)?;
    gates::check(&loaded.scenario, &approved.gates)?;
    let mut prepared = plan::prepared(&loaded, &place).await?;
    // The plan contains names that depend on the run's id, so the plan that is shown must be the one that runs.
    let confirm = args.confirm.clone().or_else(|| ask_context(&prepared.plan));
    let refused = plan::refusals(&prepared.plan.findings);
    for refusal in &refused {
        say(&format!("refused: {refusal}"));
    }
    let options = Options {
        runs_dir: args.runs.clone(),
        approve: approved.gates.into_iter().collect(),
        confirm,
        reaper: !args.no_reaper,
        frozen_after: args.frozen_after.0,
        unwind_within: args.unwind_within.0,
        preflight_max_age: args.preflight_max_age.0,
        despite_preflight: false,
        approved: approved.plan,
        operator: place::operator(),
        asking: gates::asking(&loaded.scenario, &args.asking, &[])?,
    };
    prepared.plan.findings.dedup_by(|a, b| a.check == b.check && a.observed == b.observed);
    let display = args.output.format.display(talk);
    let mut screen = None;
    let begun = begin(prepared, &loaded, &place, &options, |recorder, _| screen = Some(live(recorder, display)))
        .map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let dir = begun.dir.clone();
    let exit = engine::run(&begun, &loaded, &options).await;
    drop(begun);
    if let Some(screen) = screen {
        let _ = screen.join();
    }
    finish(&dir, exit, talk)
}

/// Writes the reports and prints the end of the run. The exit code is that of the run, even if a report could not be
/// written.
pub(super) fn finish(dir: &RunDir, exit: Exit, talk: TalkArgs) -> Done {
    let reading = ReadRun::from(dir).map_err(|e| Failure::of(exit.worse(Exit::Internal), &e))?;
    let organisation = organisation_or_none();
    let written = report::write_all(dir, &reading, &organisation);
    if let Err(error) = &written {
        REPORT_LOST.store(true, Ordering::Relaxed);
        say(&format!(
            "error: a report could not be written: {error}; run `drillmaster report {}` to try again",
            shown(&dir.0)
        ));
    }
    let shape = Shape { colours: colours(), width: files::columns(), brief: !talk.verbose };
    say_styled(report::summary_in(&report::story_of(&reading), shape).trim_end());
    if written.is_ok() {
        note_whole(&format!("report         {}", shown(dir.file("report.html"))));
    }
    if let Ok(note) = dir.text(NOT_KEPT) {
        say(&format!("note           {}", note.trim_end()));
    }
    if matches!(exit, Exit::Residue | Exit::Left) {
        say_whole(&format!("finish with    drillmaster recover {}", shown(&dir.0)));
    }
    Ok(exit)
}

/// On any cluster but kind, the operator types the name of the context. A yes/no question is answered without reading
/// it.
fn ask_context(plan: &Plan) -> Option<String> {
    let acts = plan.steps.iter().any(|s| s.class != StepClass::Observe);
    if plan.cluster.is_expendable() || !acts || !std::io::stdin().is_terminal() {
        return None;
    }
    say(&show(plan));
    say(&format!("This is not a kind cluster. Type the name of the context ({}) to continue:", plan.cluster.context));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok()?;
    Some(line.trim().to_owned())
}

/// The fields that a plan has in every version of drillmaster.
#[derive(serde::Deserialize)]
struct AnyPlan {
    format: String,
    #[serde(rename = "scenario")]
    _scenario: String,
}

/// Reads a plan from its text.
pub(crate) fn read_plan(text: &str) -> Result<Plan, String> {
    let none = |e: serde_json::Error| format!("this file is not a plan written by `drillmaster plan --out`: {e}");
    let any: AnyPlan = serde_json::from_str(text).map_err(none)?;
    if any.format != FORMAT {
        return Err(format!(
            "the plan was made by another version of drillmaster (plan format {}; this version uses {FORMAT}): write a new plan with `drillmaster plan … --out FILE` and approve that one",
            any.format
        ));
    }
    serde_json::from_str(text).map_err(none)
}

/// What the operator approved in advance.
struct Approved {
    /// Gates by their names.
    gates: Vec<String>,
    /// The hash of the plan in `--plan`.
    plan: Option<String>,
}

/// Reads `--approve-gate` and `--approve-plan`. The old `--approve` takes both: what is not the hash of the plan is the
/// name of a gate.
fn approved(args: &RunArgs) -> Result<Approved, Failure> {
    let mut gates = args.approve_gate.clone();
    let Some(path) = &args.plan else {
        gates.extend(args.approve.iter().cloned());
        return Ok(Approved { gates, plan: None });
    };
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("{}: {why}", shown(path)));
    let text = files::text(path, LARGEST).map_err(|e| wrong(e.to_string()))?;
    let plan = read_plan(&text).map_err(wrong)?;
    if plan.hash != crate::plan::hash(&plan) {
        return Err(wrong("the plan was edited: its hash does not match".into()));
    }
    let is_hash = |given: &String| given.len() >= SHORTEST_HASH && plan.hash.starts_with(given.as_str());
    let (hashes, names): (Vec<String>, Vec<String>) = args.approve.iter().cloned().partition(|given| is_hash(given));
    gates.extend(names);
    if args.approve_plan.iter().chain(&hashes).any(is_hash) {
        return Ok(Approved { gates, plan: Some(plan.hash) });
    }
    let given = args.approve_plan.as_ref().map(|given| format!(" ({given} is not its hash)")).unwrap_or_default();
    Err(wrong(format!("this plan is not approved{given}: read it, and add --approve-plan {}", plan.hash)))
}
