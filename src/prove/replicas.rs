//! Defects that must keep an expectation about ready pods from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{
        Planted, When, flapping, from_then, hidden, just_after, no_effect, nodes_return, past, stalled, unready,
    },
};
use crate::model::{After, Dur, ReplicasExpectation, Verb};

pub(super) fn defects(e: &ReplicasExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let Some(within) = e.within else { return unharmed(e, setting) };
    let namespace = setting.namespace(e.namespace.as_ref());
    let (of, then) = (e.of.as_ref(), from_then(e.after));
    let clock = || setting.clock(of, e.after).map(|step| just_after(&step.name));
    let for_good = |what: Value| Ok(vec![clock()?.on(what)]);
    let own = if e.after == After::Heal { Attacks::Reach } else { Attacks::OwnRecovery };
    vec![
        Defect::new("its pods are not Ready at the time of the fault", Attacks::Baseline, no_baseline(e, setting)),
        Defect::new(
            "its pods are not Ready for 30 s longer than the objective",
            Attacks::Bound,
            setting.clock(of, e.after).map(|step| vec![past(within, step, unready(&e.workload, &namespace))]),
        ),
        Defect::new(
            format!("the readiness of its pods changes all the time {then}"),
            Attacks::Bound,
            for_good(flapping(&e.workload, &namespace)),
        ),
        Defect::new(format!("a person scales it to 0 {then}"), Attacks::Denominator, scaled(e, setting)),
        blinded(e, setting, then),
        nodes_return(setting, of, own),
        no_effect(setting, of),
    ]
}

/// After a heal, a watch may have nothing to deliver anyway. So the pods also lose their readiness.
fn blinded(e: &ReplicasExpectation, setting: &Setting<'_>, then: &str) -> Defect {
    let clock = setting.clock(e.of.as_ref(), e.after);
    if e.after == After::Fault {
        let planted = clock.map(|step| vec![just_after(&step.name).on(stalled("pods"))]);
        return Defect::new(format!("the watch of pods delivers nothing {then}"), Attacks::Sight, planted);
    }
    let unready = unready(&e.workload, &setting.namespace(e.namespace.as_ref()));
    let planted = clock.map(|step| hidden(&step.name, unready, None));
    Defect::new(format!("its pods are not Ready {then}, and the watch of pods hides it"), Attacks::Sight, planted)
}

/// From just before the act of the fault, for a short time.
fn no_baseline(e: &ReplicasExpectation, setting: &Setting<'_>) -> Planted {
    let begins = When::step(&setting.fault(e.of.as_ref())?.name);
    Ok(vec![begins.during(Dur::secs(15), unready(&e.workload, &setting.namespace(e.namespace.as_ref())))])
}

/// A workload that is deleted with its namespace is scaled after it exists again.
fn scaled(e: &ReplicasExpectation, setting: &Setting<'_>) -> Planted {
    let (workload, namespace) = (e.workload.to_string(), setting.namespace(e.namespace.as_ref()));
    let clock = setting.clock(e.of.as_ref(), e.after)?;
    let begins = match clock.verb() {
        Some(Verb::DeleteNamespace(_)) => When::made(&workload, &namespace),
        _ => just_after(&clock.name),
    };
    Ok(vec![begins.on(json!({"scale": {"workload": workload, "namespace": namespace, "replicas": 0}}))])
}

fn unharmed(e: &ReplicasExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let namespace = setting.namespace(e.namespace.as_ref());
    let of = e.of.as_ref();
    let fault = || setting.fault(of).map(|step| just_after(&step.name));
    let for_a_time = fault().map(|begins| vec![begins.during(Dur::secs(10), unready(&e.workload, &namespace))]);
    let hidden = setting.fault(of).map(|s| hidden(&s.name, unready(&e.workload, &namespace), Some(Dur::secs(10))));
    vec![
        Defect::new("its pods are not Ready at the time of the fault", Attacks::Baseline, no_baseline(e, setting)),
        Defect::new("its pods are not Ready for 10 s", Attacks::Bound, for_a_time),
        Defect::new("its pods are not Ready, and the watch of pods hides it", Attacks::Sight, hidden),
        nodes_return(setting, of, Attacks::Reach),
        no_effect(setting, of),
    ]
}
