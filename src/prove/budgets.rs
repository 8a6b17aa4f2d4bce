//! Defects that must keep an expectation about budgets from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{Planted, When, just_after, no_effect, nodes_return, stalled, unready},
};
use crate::{
    model::{BudgetsExpectation, Dur, StepName},
    sim::Happening,
};

pub(super) fn defects(e: &BudgetsExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let of = e.of.as_ref();
    let mut all = vec![];
    if e.every_critical_pod_covered {
        all.extend(coverage(setting));
    }
    if e.while_degraded.is_some() {
        all.push(Defect::new(
            "the status of the budgets is not updated after the fault",
            Attacks::Bound,
            lag(setting, of),
        ));
        all.push(nodes_return(setting, of, Attacks::Reach));
        all.push(no_effect(setting, of));
    }
    if e.during_drain.is_some() {
        all.extend(drain(setting, of));
    }
    all
}

/// The coverage is checked when the plan is made, so the defect must exist before that.
fn coverage(setting: &Setting<'_>) -> Vec<Defect> {
    let first = |what: &dyn Fn(&str, &str) -> Value| -> Planted {
        let budgets = setting.budgets()?;
        let (namespace, name) = &budgets[0];
        Ok(vec![When::start().on(what(namespace, &format!("poddisruptionbudget/{name}")))])
    };
    let none = json!({"spec": {"minAvailable": 0, "maxUnavailable": null}});
    let nobody = json!({"spec": {"selector": {"matchLabels": {"app": "nobody"}}}});
    vec![
        Defect::new(
            "a budget was deleted",
            Attacks::Denominator,
            first(&|namespace, object| json!({"delete": {"object": object, "namespace": namespace}})),
        ),
        Defect::new(
            "a budget selects no pod",
            Attacks::Denominator,
            first(&|namespace, object| json!({"patch": {"object": object, "namespace": namespace, "patch": nobody}})),
        ),
        Defect::new(
            "a budget requires no pod",
            Attacks::Denominator,
            first(&|namespace, object| json!({"patch": {"object": object, "namespace": namespace, "patch": none}})),
        ),
    ]
}

fn lag(setting: &Setting<'_>, of: Option<&StepName>) -> Planted {
    let begins = just_after(&setting.fault(of)?.name);
    let lags = |(namespace, name): (String, String)| json!({"budgetLags": {"budget": name, "namespace": namespace}});
    Ok(setting.budgets()?.into_iter().map(|budget| begins.clone().on(lags(budget))).collect())
}

fn drain(setting: &Setting<'_>, of: Option<&StepName>) -> Vec<Defect> {
    let hidden = lag(setting, of).and_then(|lag| Ok(lag.into_iter().chain(deletions(setting, of)?).collect()));
    let stalled = setting.fault(of).map(|step| vec![just_after(&step.name).on(stalled("poddisruptionbudgets"))]);
    let unseen = stalled.and_then(|watch| Ok(watch.into_iter().chain(deletions(setting, of)?).collect()));
    vec![
        Defect::new(
            "a person deletes the pods of a StatefulSet during the drain",
            Attacks::Bound,
            deletions(setting, of),
        ),
        Defect::new("a person lowers the budgets during the drain", Attacks::Bound, lowered(setting, of)),
        Defect::new("critical pods are not Ready for 20 s during the drain", Attacks::Bound, not_ready(setting, of)),
        Defect::new("a StatefulSet's pods are deleted, and the status of the budgets hides it", Attacks::Sight, hidden),
        Defect::new("a StatefulSet's pods are deleted, and the watch of budgets hides it", Attacks::Sight, unseen),
    ]
}

/// From then on, the budgets allow everything.
fn lowered(setting: &Setting<'_>, of: Option<&StepName>) -> Planted {
    let begins = When::step(&setting.fault(of)?.name).later(Dur::secs(2));
    let patch = json!({"spec": {"minAvailable": 0, "maxUnavailable": null}});
    let lower = |(namespace, name): (String, String)| json!({"patch": {"object": format!("poddisruptionbudget/{name}"), "namespace": namespace, "patch": patch}});
    Ok(setting.budgets()?.into_iter().map(|budget| begins.clone().on(lower(budget))).collect())
}

/// All pods at once, although the Eviction API would allow only one at a time.
fn deletions(setting: &Setting<'_>, of: Option<&StepName>) -> Result<Vec<Happening>, String> {
    let begins = When::step(&setting.fault(of)?.name).later(Dur::secs(2));
    let delete = |(namespace, pod): (String, String)| json!({"delete": {"object": format!("pod/{pod}"), "namespace": namespace}});
    Ok(setting.named_pods()?.into_iter().map(|pod| begins.clone().on(delete(pod))).collect())
}

fn not_ready(setting: &Setting<'_>, of: Option<&StepName>) -> Planted {
    let critical = setting.scenario.scope.critical.first().ok_or("the scope names no critical workload")?;
    let begins = When::step(&setting.fault(of)?.name).later(Dur::secs(2));
    Ok(vec![begins.during(Dur::secs(20), unready(critical, &setting.namespace(None)))])
}
