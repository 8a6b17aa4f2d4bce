//! Defects that must keep an expectation about a new backup from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{Planted, When},
};
use crate::model::{Capture, ReprotectedExpectation, ReprotectedStep, Verb};

pub(super) fn defects(e: &ReprotectedExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let step = step(e, setting);
    let during = |what: Value| -> Planted { step.clone().map(|_| vec![When::step(&e.of).on(what)]) };
    let not_captured = step.clone().and_then(|spec| {
        if spec.volumes == Capture::None {
            return Err("no volume is captured".to_owned());
        }
        let restore = setting.restore(&spec.of)?;
        let namespace = setting.restored(&restore)?;
        let claim = setting.claim(&namespace)?;
        let what = json!({"volumeData": {"claim": claim, "namespace": namespace, "does": "notCaptured"}});
        Ok(vec![When::step(&e.of).on(what)])
    });
    vec![
        Defect::new(
            "the new backup ends PartiallyFailed",
            Attacks::Bound,
            during(json!({"velero": {"does": "backupsPartlyFail"}})),
        ),
        Defect::new(
            "the object store is gone during the new backup",
            Attacks::Sight,
            during(json!({"velero": {"does": "storeUnavailable"}})),
        ),
        Defect::new("a volume is not in the new backup", Attacks::Denominator, not_captured),
    ]
}

/// The step that an expectation is about.
fn step(e: &ReprotectedExpectation, setting: &Setting<'_>) -> Result<ReprotectedStep, String> {
    match setting.step(&e.of)?.verb() {
        Some(Verb::Reprotected(spec)) => Ok(spec),
        _ => Err(format!("`{}` does not take a new backup", e.of)),
    }
}
