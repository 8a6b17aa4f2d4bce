//! `drillmaster plan`: reads the cluster, makes the plan and runs the pre-flight. It changes nothing.

use std::path::Path;

use super::{
    Done, Failure,
    args::{Output, PlanArgs},
    place, print, say, shown,
};
use crate::{
    engine::{PrepareError, Prepared, prepare},
    files,
    history::{Run, foresight, of_cluster, read},
    model::{Exit, Finding, Plan, printable},
    plan::show,
    scenario::Loaded,
};

/// Times are learned from at most this many drills, the newest ones.
const LEARNED_FROM: usize = 20;

pub(super) async fn plan(args: &PlanArgs) -> Done {
    let place = place::of_drill(&args.place, &args.log).await?;
    let loaded = place::scenario(&args.scenario.scenario, &args.scenario.set, &place)?;
    let Prepared { plan, .. } = prepared(&loaded, &place).await?;
    let json = serde_json::to_string_pretty(&plan).unwrap_or_default() + "\n";
    if let Some(path) = &args.out {
        std::fs::write(path, &json)
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(path))))?;
    }
    match args.output.format {
        Output::Human => {
            print(&show(&plan));
            print(&learned(&args.runs, &plan));
        }
        Output::Json => files::print_json(&json),
    }
    let refusals = plan.findings.iter().filter(|f| f.refuses()).count();
    if refusals > 0 {
        say(&format!("this run would be refused because of {refusals} finding(s)"));
        return Ok(Exit::Refused);
    }
    Ok(Exit::Passed)
}

/// What earlier drills of this cluster say about the predictions; empty without a folder of runs.
fn learned(runs: &Path, plan: &Plan) -> String {
    let Ok(found) = of_cluster(runs, &plan.cluster.uid, LEARNED_FROM) else { return String::new() };
    let drills: Vec<Run> = read(&found, &|_, _, _, _| Ok(())).into_iter().map(|read| read.run).collect();
    let lines: String = foresight(plan, &drills).iter().map(|line| format!("  {}\n", printable(line))).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\nLearned from earlier drills of this cluster ({})\n{lines}", shown(runs))
    }
}

/// Prepares a drill. An unreachable cluster and an invalid scenario get different exit codes.
pub(super) async fn prepared(loaded: &Loaded, place: &crate::engine::ClusterAccess) -> Result<Prepared, Failure> {
    prepare(loaded, place).await.map_err(|error| unprepared(&error))
}

/// Why a drill cannot be prepared, with the places in the scenario.
pub(super) fn unprepared(error: &PrepareError) -> Failure {
    match error {
        PrepareError::Plan(problems) => place::impossible(problems),
        PrepareError::Readiness(problems) => place::invalid(problems),
        // Unreachable, expired credentials or forbidden: nothing was read, so the run is refused.
        PrepareError::Open(error) => place::not_opened(error, Exit::Refused),
    }
}

/// The findings that refuse a run, as lines. `run` and `rehearse` print them for those who did not use `plan`.
pub(super) fn refusals(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|f| f.refuses())
        .map(|f| {
            let fix = if f.fix.is_empty() { String::new() } else { format!("\n    fix: {}", printable(&f.fix)) };
            format!("{}: {}{fix}", f.check, printable(&f.observed))
        })
        .collect()
}
