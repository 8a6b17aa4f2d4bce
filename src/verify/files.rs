//! Checks the plan and its file, and the header.

use serde_json::Value;

use super::{directory::RunFiles, found::Differences};
use crate::{
    event::{Actor, Kind},
    model::REHEARSAL,
    plan::hash_of_written,
};

pub(super) fn check(looked: &RunFiles<'_>, found: &mut Differences) {
    let Some(Kind::RunStarted { plan_hash, from_cluster, .. }) = looked.first().map(|e| &e.event) else {
        return;
    };
    let Some(plan) = &looked.about.plan else {
        // The run died before it wrote its plan, and so before its first act.
        return;
    };
    if *from_cluster {
        return found.check(
            "plan: none, because the directory was created from the run record in the cluster",
            |found| {
                stand_in(looked, plan, found);
            },
        );
    }
    found.check(format!("plan: its hash, {plan_hash}"), |found| hashes(looked, plan, plan_hash, found));
    found.check("plan.json: equal to the plan in the journal", |found| file(looked, plan, plan_hash, found));
    if looked.numbered {
        found.check("header: cluster, title and run agree with the plan", |found| header(looked, found));
    }
}

fn hashes(looked: &RunFiles<'_>, plan: &Value, plan_hash: &str, found: &mut Differences) {
    let now = hash_of_written(plan);
    for (written, place) in [(plan["hash"].as_str(), looked.plan_place()), (Some(plan_hash), looked.about.place(0))] {
        let written = written.unwrap_or_default();
        if written != now {
            found.differs(place, format!("the plan's hash is {now}, not {written}: the plan was changed"));
        }
    }
}

fn file(looked: &RunFiles<'_>, plan: &Value, plan_hash: &str, found: &mut Differences) {
    let text = match looked.dir.text("plan.json") {
        Ok(text) => text,
        Err(error) => return found.differs(looked.path("plan.json"), format!("cannot read this file: {error}")),
    };
    let line = |text: &str| format!("{}:{}", looked.path("plan.json"), first_difference(looked, text));
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        return found.differs(line(&text), "this is not the plan of a run");
    };
    // Version 0.1.0 removed secrets from the journal's copy.
    let same = if looked.numbered { value == *plan } else { hash_of_written(&value) == plan_hash };
    if !same {
        found.differs(line(&text), format!("it differs from the plan in {}", looked.plan_place()));
    }
}

/// The first line that differs from what this version would have written.
fn first_difference(looked: &RunFiles<'_>, text: &str) -> usize {
    let whole = looked.plan().and_then(|plan| serde_json::to_string_pretty(plan).ok()).unwrap_or_default();
    let same = text.lines().zip(whole.lines()).take_while(|(a, b)| a == b).count();
    same + 1
}

fn header(looked: &RunFiles<'_>, found: &mut Differences) {
    let Some(plan) = looked.plan() else { return };
    let Some(Kind::RunStarted { run_id, scenario, title, clusters, .. }) = looked.first().map(|e| &e.event) else {
        return;
    };
    let place = looked.about.place(0);
    let planned = std::iter::once(&plan.cluster).chain(&plan.recovery);
    if !clusters.iter().eq(planned) {
        found.differs(&place, "its clusters differ from those of the plan");
    }
    if (run_id, scenario, title) != (&plan.run, &plan.scenario, &plan.title) {
        found.differs(&place, "its run, scenario or title differs from the plan");
    }
    let simulated = plan.cluster.is_simulated();
    if title.starts_with(REHEARSAL) != simulated {
        found.differs(&place, "its title and its cluster do not agree on whether this was a rehearsal");
    }
    for event in &looked.reading.kept {
        if let Kind::SessionOpened { pid, .. } = &event.event
            && (*pid == 0) != simulated
        {
            let place = looked.about.place(event.seq);
            found.differs(place, "the session and the cluster do not agree on whether this was a rehearsal");
        }
    }
}

/// A run directory that was created from the record in the cluster has a plan without expectations, and no session of
/// a runner.
fn stand_in(looked: &RunFiles<'_>, plan: &Value, found: &mut Differences) {
    let empty = |field: &str| plan[field].as_array().is_none_or(Vec::is_empty);
    if !["steps", "expect", "probes", "data"].into_iter().all(empty) {
        found.differs(looked.plan_place(), "a run that was created from the record in the cluster cannot have a plan");
    }
    for event in &looked.reading.kept {
        if matches!(&event.event, Kind::SessionOpened { actor: Actor::Runner, .. } | Kind::Armed { .. }) {
            let place = looked.about.place(event.seq);
            found.differs(place, "a run that was created from the record in the cluster cannot have acted");
        }
    }
}
