//! What is kept of pods: their own spec, and that of templates.

use serde_json::Value;

use super::{
    fields::{Fields, Listed},
    keep::{
        Keep::{All, Argument, Image, There, Value as Plain},
        SWITCH,
    },
};

/// Fields of a pod spec that checks, capacity calculations and the scheduler's rules read.
const SPEC: &[Listed] = &[
    (
        Plain,
        "",
        "nodeName hostNetwork hostPID hostIPC hostUsers os/name serviceAccountName serviceAccount automountServiceAccountToken priorityClassName runtimeClassName \
         terminationGracePeriodSeconds priority preemptionPolicy restartPolicy",
    ),
    (Plain, "", "imagePullSecrets/*/name readinessGates/*/conditionType nodeSelector/* overhead/*"),
    (Plain, "/tolerations/*", "key operator value effect tolerationSeconds"),
    (All, "", "affinity topologySpreadConstraints resources securityContext"),
    (Plain, "/volumes/*", "name persistentVolumeClaim/claimName configMap/name configMap/optional"),
    (Plain, "/volumes/*", "secret/secretName secret/optional hostPath/path"),
    (Plain, "/volumes/*/projected/sources/*", "configMap/name configMap/optional secret/name secret/optional"),
    (Plain, "/volumes/*/projected/sources/*", "serviceAccountToken/expirationSeconds"),
    (Plain, "/volumes/*", "configMap/items/*/key secret/items/*/key"),
    (Plain, "/volumes/*/projected/sources/*", "configMap/items/*/key secret/items/*/key"),
    // Of the others, only the kind matters.
    (There, "/volumes/*", "emptyDir csi downwardAPI ephemeral image nfs iscsi rbd cephfs glusterfs gitRepo fc flocker"),
    (There, "/volumes/*", "awsElasticBlockStore gcePersistentDisk azureDisk azureFile cinder vsphereVolume flexVolume"),
    (There, "/volumes/*", "quobyte photonPersistentDisk portworxVolume scaleIO storageos"),
];

/// Fields of a container.
const CONTAINER: &[Listed] = &[
    (Plain, "", "name restartPolicy"),
    (Image, "", "image"),
    (All, "", "resources securityContext"),
    (Plain, "/ports/*", "name containerPort hostPort protocol"),
    (Plain, "/env/*", "name"),
    // `true` and `false` cannot be secrets, and they show whether Grafana allows anonymous access.
    (SWITCH, "/env/*", "value"),
    (Plain, "/env/*/valueFrom/configMapKeyRef", "name key optional"),
    (Plain, "/env/*/valueFrom/secretKeyRef", "name key optional"),
    (Plain, "/envFrom/*", "configMapRef/name configMapRef/optional secretRef/name secretRef/optional"),
    (Argument, "", "command/* args/*"),
    (Plain, "/lifecycle/preStop", "sleep/seconds"),
    // Whether a request leaves the pod.
    (There, "/lifecycle/*", "httpGet/host tcpSocket/host"),
];

/// Fields of a probe: its numbers and its port. The rest of the request is left out.
const PROBE: &[Listed] = &[
    (Plain, "", "failureThreshold periodSeconds timeoutSeconds initialDelaySeconds"),
    (Plain, "", "httpGet/port tcpSocket/port grpc/port"),
    (There, "", "exec httpGet/host tcpSocket/host"),
];
const PROBES: [&str; 3] = ["readinessProbe", "livenessProbe", "startupProbe"];
const HANDLERS: [&str; 4] = ["httpGet", "tcpSocket", "exec", "grpc"];
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Replaces the parts of a probe's request that were left out. Two probes of a container with the same value here had
/// the same request.
const SAME_QUESTION: &str = "drillmaster.dev/question";

/// Adds the fields of the pod spec at a path.
pub(super) fn list(fields: &mut Fields, spec: &str) {
    fields.list(spec, SPEC);
    for list in LISTS {
        let container = format!("{spec}/{list}/*");
        fields.list(&container, CONTAINER);
        for probe in PROBES {
            fields.list(&format!("{container}/{probe}"), PROBE);
            for handler in HANDLERS {
                fields.list(&format!("{container}/{probe}/{handler}"), &[(Plain, "", SAME_QUESTION_PATH)]);
            }
        }
    }
}

/// [`SAME_QUESTION`] as part of a path.
const SAME_QUESTION_PATH: &str = "drillmaster.dev~1question";

/// Numbers the requests of each container's probes. A check compares them, and does not need their content for that.
pub(super) fn compare_probes(spec: &Value, kept: &mut Value) {
    for list in LISTS {
        let own = spec[list].as_array().map_or(&[][..], Vec::as_slice);
        let kept = kept.get_mut(list).and_then(Value::as_array_mut);
        for (container, kept) in own.iter().zip(kept.into_iter().flatten()) {
            number_questions(container, kept);
        }
    }
}

fn number_questions(container: &Value, kept: &mut Value) {
    let mut asked: Vec<(&str, &Value)> = vec![];
    for probe in PROBES {
        for handler in HANDLERS {
            let question = &container[probe][handler];
            let Some(kept) = kept.pointer_mut(&format!("/{probe}/{handler}")).and_then(Value::as_object_mut) else {
                continue;
            };
            let known = asked.iter().position(|other| *other == (handler, question));
            let number = known.unwrap_or(asked.len());
            if known.is_none() {
                asked.push((handler, question));
            }
            kept.insert(SAME_QUESTION.into(), number.into());
        }
    }
}
