//! How runs end: each reason has its own exit code and its own words.

use drillmaster::{
    event::{Event, Kind},
    model::{Exit, Outcome},
    verdict,
};

use super::rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario_text};

/// Runs a drill with these steps, and with an expectation that a power loss in zone a meets.
fn drilled(steps: &str) -> Ended {
    let shop = cluster("small-shop");
    let loaded = scenario_text(
        &format!(
            "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: ends, title: How it ends}}\nhypothesis: h\n\
             scope: {{namespaces: [shop], critical: [deployment/web]}}\nsteps:\n{steps}\n\
             expect:\n  - placement: {{of: outage, workload: deployment/web, maxSkew: 2, by: zone, within: 9m}}\n\
             limits: {{nodes: 34%, zones: 1, duration: 30m}}\ncollateral: [monitoring, velero, kube-system]\n"
        ),
        &shop,
    );
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill(&loaded, None).await;
        stage.as_before().await.unwrap();
        ended
    })
}

const OUTAGE: &str = "  - {name: outage, killZone: {zone: a, how: kill}}\n  - {name: noticed, wait: {for: 80s}}\n";

fn words(events: &[Event]) -> String {
    let Some(Kind::RunEnded { exit, detail }) = events.last().map(|e| &e.event) else {
        panic!("the journal has no end")
    };
    assert_eq!(verdict::exit_of(events), *exit, "the exit code in the last line must follow from the journal");
    detail.to_string()
}

#[test]
fn a_gate_answered_with_no_is_an_end_of_its_own() {
    let ended =
        drilled(&format!("{OUTAGE}  - {{name: go on, gate: {{prompt: go on?, timeout: 5s, default: refuse}}}}\n"));
    assert_eq!(ended.exit, Some(Exit::Aborted));
    let said = words(&ended.events);
    assert!(said.starts_with("step `go on` was refused; the cluster is as before"), "{said}");
}

#[test]
fn a_failed_step_is_named_and_is_a_finding() {
    let ended = drilled(
        "  - {name: outage, killZone: {zone: a, how: kill}}\n\
         \x20 - {name: in vain, wait: {until: recovered, of: [deployment/web], atMost: 1s}}\n",
    );
    assert_eq!(ended.exit, Some(Exit::Failed));
    let said = words(&ended.events);
    assert!(said.starts_with("step `in vain` failed; the cluster is as before: step `in vain`: timed out"), "{said}");
    let judged = ended.events.iter().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements),
        _ => None,
    });
    let judged = judged.expect("a verdict");
    assert!(
        judged.iter().any(|j| j.outcome == Outcome::Fail),
        "a line of the verdict must say FAIL, like the exit code"
    );
    // Whoever reads of the failure wants to know this first, so the run waits for it.
    let afterwards = judged.iter().find(|j| j.id == "afterwards").expect("afterwards");
    assert_eq!(afterwards.outcome, Outcome::Pass, "{:?}", afterwards.because);
}

#[test]
fn a_program_that_a_rehearsal_did_not_run_proves_nothing() {
    let ended = drilled(&format!(
        "{OUTAGE}  - {{name: told somebody, exec: {{argv: [/bin/true]}}}}\n  - {{name: back, heal: {{fault: outage}}}}\n"
    ));
    assert_eq!(ended.exit, Some(Exit::Inconclusive));
    let judged = ended.events.iter().find_map(|e| match &e.event {
        Kind::Judged { outcome, judgements, .. } => Some((*outcome, judgements.clone())),
        _ => None,
    });
    let (outcome, judgements) = judged.unwrap();
    assert_eq!(outcome, Outcome::Inconclusive);
    let said = &judgements.last().unwrap().because;
    assert_eq!(said, "step `told somebody` was not run: a rehearsal does not run programs");
}
