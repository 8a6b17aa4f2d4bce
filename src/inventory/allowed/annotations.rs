//! The annotations that are kept: those that checks read.

use serde_json::{Map, Value};

use super::keep::{Keep, SWITCH};

/// The annotations of an object that may be kept.
pub(super) fn annotations(all: &Value) -> Option<Value> {
    let all = all.as_object()?;
    let kept = all.iter().filter_map(|(name, value)| Some((name.clone(), keep(name)?.of(value)?)));
    Some(Value::Object(kept.collect::<Map<_, _>>())).filter(|kept| kept.as_object().is_some_and(|m| !m.is_empty()))
}

/// How an annotation is kept.
pub(super) fn keep(name: &str) -> Option<Keep> {
    Some(match name {
        "drillmaster.dev/critical" | "prometheus.io/scrape" | "storageclass.kubernetes.io/is-default-class" => SWITCH,
        "kubernetes.io/service-account.name"
        | "service.kubernetes.io/topology-mode"
        | "service.beta.kubernetes.io/aws-load-balancer-subnets"
        | "trivy-operator.aquasecurity.github.io/report-ttl"
        | "velero.io/pvc-name" => Keep::Value,
        // A waiver is meant for the reader of a review.
        _ if name.starts_with("drillmaster.dev/waive.") || name.starts_with("kubernetes.io/config.") => Keep::Value,
        // The names of volumes and of hooks, and the names of profiles.
        "backup.velero.io/backup-volumes" | "backup.velero.io/backup-volumes-excludes" | "helm.sh/hook" => Keep::Value,
        "seccomp.security.alpha.kubernetes.io/pod" => Keep::Value,
        "sidecar.istio.io/inject" => SWITCH,
        _ if name.starts_with("container.apparmor.security.beta.kubernetes.io/")
            || name.starts_with("container.seccomp.security.alpha.kubernetes.io/") =>
        {
            Keep::Value
        }
        "pre.hook.backup.velero.io/command" => Keep::There,
        _ if name.starts_with("ad.datadoghq.com/") && name.ends_with(".checks") => Keep::There,
        // Whether an Ingress requires a login.
        _ if name.starts_with("profiles.grafana.com/") || name.contains("auth") => Keep::There,
        _ => return None,
    })
}
