//! Defects that must keep an expectation about an alert from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{Planted, When, just_after, no_effect, nodes_return},
};
use crate::model::{After, AlertExpectation};

pub(super) fn defects(e: &AlertExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let of = e.of.as_ref();
    let fault = || setting.fault(of).map(|step| just_after(&step.name));
    let from_then = |what: Value| Ok(vec![fault()?.on(what)]);
    let everywhere = |what: &dyn Fn(&String) -> Value| -> Planted {
        let begins = fault()?;
        Ok(setting.alertmanagers().iter().map(|manager| begins.clone().on(what(manager))).collect())
    };
    vec![
        Defect::new("a silence begins with the fault", Attacks::Bound, silence(e, setting)),
        Defect::new(
            "its rule is not evaluated after the fault",
            Attacks::Sight,
            from_then(json!({"rule": {"alert": e.name, "does": "stalls"}})),
        ),
        Defect::new(
            "the messages of Prometheus do not reach Alertmanager after the fault",
            Attacks::Bound,
            everywhere(&|manager| json!({"delivery": {"alertmanager": manager}})),
        ),
        Defect::new(
            "Prometheus is gone after the fault",
            Attacks::Sight,
            from_then(json!({"source": {"source": "prometheus", "does": "gone"}})),
        ),
        Defect::new(
            "Alertmanager is gone after the fault",
            Attacks::Sight,
            everywhere(&|manager| json!({"source": {"source": manager, "does": "gone"}})),
        ),
        Defect::new("its rule fails after the heal, so that the alert stays active", Attacks::Sight, stays(e, setting)),
        nodes_return(setting, of, Attacks::Reach),
        no_effect(setting, of),
    ]
}

fn silence(e: &AlertExpectation, setting: &Setting<'_>) -> Planted {
    if e.suppressed {
        return Err("the alert is expected to be silenced".into());
    }
    // It begins before the act, because the alert may fire soon.
    let begins = When::step(&setting.fault(e.of.as_ref())?.name);
    let silence = |manager: &String| json!({"silence": {"matchers": {"alertname": e.name}, "alertmanager": manager}});
    Ok(setting.alertmanagers().iter().map(|manager| begins.clone().on(silence(manager))).collect())
}

fn stays(e: &AlertExpectation, setting: &Setting<'_>) -> Planted {
    if e.resolves_within.is_none() {
        return Err("the expectation does not require that the alert resolves".into());
    }
    let heal = setting.clock(e.of.as_ref(), After::Heal)?;
    Ok(vec![When::step(&heal.name).on(json!({"rule": {"alert": e.name, "does": "fails"}}))])
}
