//! Defects that must keep an expectation about a restore from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{Planted, When, in_cluster},
};
use crate::{
    model::{Dur, Into, RestoreExpectation, RestoreStep, VolumesRule},
    sim::Which,
};

pub(super) fn defects(e: &RestoreExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let begins = setting.restore(&e.of).map(|_| When::step(&e.of));
    let cluster = setting.restore(&e.of).map_or(Which::First, |restore| place(&restore));
    let during = |what: Value| -> Planted { Ok(in_cluster(cluster, vec![begins.clone()?.on(what)])) };
    let mut all = vec![
        Defect::new(
            "Velero ends PartiallyFailed and leaves objects out",
            Attacks::Denominator,
            during(json!({"velero": {"does": "restoresPartlyFail"}})),
        ),
        Defect::new(
            "the object store is gone during the restore",
            Attacks::Sight,
            during(json!({"velero": {"does": "storeUnavailable"}})),
        ),
    ];
    if e.objects.is_some() {
        all.extend(objects(e, setting));
    }
    if let Some(rule) = e.volumes {
        all.extend(volumes(e, rule, setting));
    }
    all
}

/// The cluster that the restore writes to.
fn place(restore: &RestoreStep) -> Which {
    if restore.into == Some(Into::Recovery) { Which::Recovery } else { Which::First }
}

/// An object in the restored namespace, if its namespace is known in advance.
fn object(e: &RestoreExpectation, setting: &Setting<'_>) -> Result<(String, String), String> {
    let restore = setting.restore(&e.of)?;
    if restore.into.is_some() && place(&restore) == Which::First {
        return Err("the name of the scratch namespace is not known in advance".into());
    }
    let namespace = setting.restored(&restore)?;
    Ok((format!("configmap/{}", setting.config_map(&namespace)?), namespace))
}

fn objects(e: &RestoreExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let when_made = |what: &dyn Fn(&str, &str) -> Value| -> Planted {
        let (object, namespace) = object(e, setting)?;
        let cluster = place(&setting.restore(&e.of)?);
        Ok(in_cluster(cluster, vec![When::made(&object, &namespace).on(what(&object, &namespace))]))
    };
    vec![
        Defect::new(
            "an object is deleted as soon as it is restored",
            Attacks::Denominator,
            when_made(&|object, namespace| json!({"delete": {"object": object, "namespace": namespace}})),
        ),
        Defect::new(
            "an object is altered as soon as it is restored",
            Attacks::Bound,
            when_made(
                &|object, namespace| json!({"patch": {"object": object, "namespace": namespace, "patch": {"data": {"planted": "defect"}}}}),
            ),
        ),
    ]
}

fn volumes(e: &RestoreExpectation, rule: VolumesRule, setting: &Setting<'_>) -> Vec<Defect> {
    let restored = setting.restore(&e.of).and_then(|restore| Ok((setting.restored(&restore)?, restore)));
    let claim = |begins: When, does: &str| -> Planted {
        let (namespace, _) = restored.clone()?;
        let claim = setting.claim(&namespace)?;
        Ok(vec![begins.on(json!({"volumeData": {"claim": claim, "namespace": namespace, "does": does}}))])
    };
    let content = |does: &str| match rule {
        VolumesRule::Identical => claim(When::step(&e.of), does),
        VolumesRule::Restored => {
            Err("`volumes: restored` uses Velero's own record, which does not contain the content of files".into())
        }
        VolumesRule::None => Err("no volume is expected".into()),
    };
    vec![
        Defect::new("a volume is not in the backup", Attacks::Denominator, not_captured(e, setting, &claim)),
        Defect::new("a volume comes back empty", Attacks::Bound, content("notRestored")),
        Defect::new("a volume comes back with another content", Attacks::Bound, content("altered")),
    ]
}

/// The backup of a schedule is older than anything that happens in the rehearsal, so a newer one is added.
fn not_captured(e: &RestoreExpectation, setting: &Setting<'_>, claim: &dyn Fn(When, &str) -> Planted) -> Planted {
    let restore = setting.restore(&e.of)?;
    let Some(schedule) = &restore.schedule else { return claim(When::start(), "notCaptured") };
    let namespace = setting.restored(&restore)?;
    setting.claim(&namespace)?;
    let backup = json!({"name": "planted-without-volumes", "age": Dur::secs(1), "namespaces": [namespace],
        "schedule": schedule, "withoutVolumes": true});
    Ok(vec![When::start().on(json!({"backup": backup}))])
}
