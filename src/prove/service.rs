//! Defects that must keep an expectation about a service from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{Planted, When, from_then, in_cluster, just_after, no_effect, nodes_return, past},
    setting::Service,
};
use crate::{
    model::{BodyRule, Dur, ServiceExpectation},
    sim::Happening,
};

pub(super) fn defects(e: &ServiceExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    match e.rto {
        Some(rto) => recovery(e, rto, setting),
        None => unharmed(e, setting),
    }
}

fn answers(service: &Service, does: &Value) -> Value {
    let mut it = json!({"service": service.name, "namespace": service.namespace});
    json_patch::merge(&mut it, does);
    json!({"answers": it})
}

fn other_page() -> Value {
    json!({"body": "<html>Welcome to nginx!</html>"})
}

/// An answer that differs from what the probe expects. A TCP probe does not read the answer.
fn http_only(e: &ServiceExpectation, setting: &Setting<'_>) -> Result<Service, String> {
    let service = setting.service(&e.probe)?;
    let reads = setting.probe(&e.probe)?.http.is_some();
    if reads { Ok(service) } else { Err("its probe opens a connection and does not read the answer".into()) }
}

fn recovery(e: &ServiceExpectation, rto: Dur, setting: &Setting<'_>) -> Vec<Defect> {
    let clock = || setting.clock(e.of.as_ref(), e.after).map(|step| just_after(&step.name));
    let for_good = |service: Result<Service, String>, does: &Value| -> Planted {
        let service = service?;
        Ok(in_cluster(service.cluster, vec![clock()?.on(answers(&service, does))]))
    };
    let (of, then) = (e.of.as_ref(), from_then(e.after));
    vec![
        Defect::new(
            format!("it returns another page {then}"),
            Attacks::Bound,
            http_only(e, setting).and_then(|s| match &setting.probe(&e.probe)?.http {
                Some(http) if http.body == BodyRule::default() => Err("its probe accepts any page".into()),
                _ => for_good(Ok(s), &other_page()),
            }),
        ),
        Defect::new(
            format!("its answers hang {then}"),
            Attacks::Bound,
            for_good(setting.service(&e.probe), &json!({"hangs": true})),
        ),
        Defect::new("it answers 503 for 30 s longer than the objective", Attacks::Bound, too_late(e, rto, setting)),
        nodes_return(setting, of, Attacks::OwnRecovery),
        no_effect(setting, of),
    ]
}

fn too_late(e: &ServiceExpectation, rto: Dur, setting: &Setting<'_>) -> Planted {
    let service = http_only(e, setting)?;
    let clock = setting.clock(e.of.as_ref(), e.after)?;
    Ok(in_cluster(service.cluster, vec![past(rto, clock, answers(&service, &json!({"status": 503})))]))
}

fn unharmed(e: &ServiceExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let of = e.of.as_ref();
    let lasts = Dur(e.longest.unwrap_or_default().0 + Dur::secs(10).0);
    let within = |service: Result<Service, String>, does: &Value| -> Result<Vec<Happening>, String> {
        let begins = When::step(&setting.fault(of)?.name).later(Dur::secs(2));
        let service = service?;
        Ok(in_cluster(service.cluster, vec![begins.during(lasts, answers(&service, does))]))
    };
    vec![
        Defect::new(
            "it answers 503 for 10 s longer than allowed",
            Attacks::Bound,
            within(http_only(e, setting), &json!({"status": 503})),
        ),
        Defect::new(
            "its answers hang for 10 s longer than allowed",
            Attacks::Bound,
            within(setting.service(&e.probe), &json!({"hangs": true})),
        ),
        nodes_return(setting, of, Attacks::Reach),
        no_effect(setting, of),
    ]
}
