//! Autoscalers: whether they can scale up in a failover.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{asked::is_requested, workloads::HPA};
use crate::{
    inventory::Object,
    model::Severity,
    readiness::{
        check::Say,
        picture::{Picture, Work},
        values::text,
    },
};

pub(super) fn autoscalers(p: &Picture<'_>, say: &mut Say) {
    let all = p.each(HPA, say);
    let mut targets: BTreeMap<String, usize> = BTreeMap::new();
    let target = |o: &Object| {
        format!(
            "{}/{}/{}",
            o.metadata.namespace,
            o.text("/spec/scaleTargetRef/kind"),
            o.text("/spec/scaleTargetRef/name")
        )
    };
    for scaler in &all {
        *targets.entry(target(scaler)).or_default() += 1;
    }
    // KEDA scales by an autoscaler of its own. In a cluster, that one is counted already.
    for scaler in p.object_set.any("ScaledObject.keda.sh").iter().filter(|_| !p.is_cluster()) {
        let kind = Some(scaler.text("/spec/scaleTargetRef/kind")).filter(|kind| !kind.is_empty());
        let (space, name) = (&scaler.metadata.namespace, scaler.text("/spec/scaleTargetRef/name"));
        *targets.entry(format!("{space}/{}/{name}", kind.unwrap_or("Deployment"))).or_default() += 1;
    }
    let scaled: BTreeMap<*const Object, &Work<'_>> =
        p.works.iter().filter_map(|w| Some((std::ptr::from_ref::<Object>(w.scaled?), w))).collect();
    for scaler in all {
        let least = scaler.at("/spec/minReplicas").as_u64().unwrap_or(1);
        let most = scaler.at("/spec/maxReplicas").as_u64().unwrap_or(0);
        let mut wrong = vec![];
        if least < 2 {
            wrong.push(format!("minReplicas is {least}"));
        }
        if most <= least {
            wrong.push(format!("maxReplicas {most} leaves no headroom above minReplicas {least}"));
        }
        if targets.get(&target(scaler)).is_some_and(|n| *n > 1) {
            wrong.push("another autoscaler scales the same workload".into());
        }
        if p.is_cluster() {
            for condition in ["AbleToScale", "ScalingActive"] {
                if scaler.condition(condition) == "False" {
                    wrong.push(format!("{condition} is False"));
                }
            }
            let limited = scaler
                .list("/status/conditions")
                .iter()
                .any(|c| c["type"] == "ScalingLimited" && c["status"] == "True" && c["reason"] == "TooManyReplicas");
            if most > 0 && scaler.at("/status/currentReplicas").as_u64() == Some(most) || limited {
                wrong.push(format!("it is already at its maximum of {most}"));
            }
        }
        let work = scaled.get(&std::ptr::from_ref::<Object>(scaler)).copied();
        for (resource, only) in work.map(|_| resources_of(scaler)).unwrap_or_default() {
            let Some(work) = work else { continue };
            let bare: Vec<&str> = work
                .containers()
                .filter(|c| only.is_empty() || c.name == only)
                .filter(|c| !is_requested(p, work, c.value, resource))
                .map(|c| c.name)
                .collect();
            if !bare.is_empty() {
                wrong.push(format!("it scales by the usage of {resource}, but {} requests none", bare.join(", ")));
            }
        }
        if wrong.is_empty() && !p.is_cluster() && work.is_some_and(|w| w.object.at("/spec/replicas").is_u64()) {
            say.fail_as(
                Severity::Low,
                scaler,
                "",
                "its workload sets spec.replicas, too: each apply overrides the autoscaler",
            );
        } else {
            say.judge(scaler, "/spec", &wrong);
        }
    }
    fixed_size(p, say);
}

/// The resources by whose usage an autoscaler scales, each with the container whose usage counts; empty for all. An
/// absolute usage needs no request. Without metrics, the API server sets CPU.
fn resources_of(scaler: &Object) -> Vec<(&str, &str)> {
    let metrics = scaler.list("/spec/metrics");
    let old = scaler.at("/spec/targetCPUUtilizationPercentage").is_u64();
    if metrics.is_empty() || old {
        return vec![("cpu", "")];
    }
    let of = |metric: &'_ Value, field: &str| match text(metric, &format!("/{field}/target/type")) {
        "Utilization" | "" => Some(()),
        _ => None,
    };
    let one = |metric| -> Option<(&str, &str)> {
        match text(metric, "/type") {
            "Resource" => of(metric, "resource").map(|()| (text(metric, "/resource/name"), "")),
            "ContainerResource" => of(metric, "containerResource")
                .map(|()| (text(metric, "/containerResource/name"), text(metric, "/containerResource/container"))),
            _ => None,
        }
    };
    metrics.iter().filter_map(one).collect()
}

/// Critical Deployments that no autoscaler scales up when their load grows.
fn fixed_size(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| w.critical && w.kind == "Deployment" && w.scaled.is_none()) {
        say.fail_as(Severity::Low, work, "", "it is critical, and no autoscaler scales it up");
    }
}
