//! StatefulSets, DaemonSets and Jobs. A StatefulSet never has two pods with the same name, so it does not replace a pod
//! that hangs on a dead node. Read [`changed`] first.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{
    super::{
        fields::{self, list, number, text},
        resources,
        state::State,
        value::{Value, json},
    },
    Changes, of, owners,
    workloads::{create_pod, free_name},
};

pub(super) fn changed(state: &mut State, changes: &Changes) {
    for (resource, kind) in [("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet"), ("jobs", "Job")] {
        let mut sets: BTreeSet<(SmolStr, SmolStr)> =
            of(changes, resource).map(|(k, _)| (k.1.clone(), k.2.clone())).collect();
        sets.extend(owners(changes, "pods", kind));
        if resource == "daemonsets" && of(changes, "nodes").next().is_some() {
            sets.extend(state.store.all(resource).map(|s| (fields::namespace(s).into(), fields::name(s).into())));
        }
        for (namespace, name) in sets {
            let Some(set) = state.store.get(resource, &namespace, &name).cloned() else { continue };
            if fields::is_terminating(&set) {
                continue;
            }
            match kind {
                "StatefulSet" => stateful(state, &set),
                "DaemonSet" => daemon(state, &set),
                _ => job(state, &set),
            }
        }
    }
}

fn stateful(state: &mut State, set: &Value) {
    let (namespace, name) = (fields::namespace(set), fields::name(set));
    let wanted = number(set, "/spec/replicas");
    let parallel = text(set, "/spec/podManagementPolicy") == "Parallel";
    for ordinal in 0..wanted {
        let pod_name = format!("{name}-{ordinal}");
        match state.store.get("pods", namespace, &pod_name) {
            Some(pod) if fields::condition(pod, "Ready") == "True" && !fields::is_terminating(pod) => {}
            Some(_) if parallel => {}
            Some(_) => break,
            None => {
                claims(state, set, ordinal);
                create_pod(state, set, &pod_name, &template(set, &pod_name));
                if !parallel {
                    break;
                }
            }
        }
    }
    for pod in state.store.pods_of(fields::uid(set)) {
        let ordinal: i64 = fields::name(&pod).rsplit('-').next().and_then(|o| o.parse().ok()).unwrap_or(0);
        if ordinal >= wanted && !fields::is_terminating(&pod) {
            state.delete(resources::known("pods"), &pod, None, false);
        }
    }
    let pods = state.store.pods_of(fields::uid(set));
    let ready = pods.iter().filter(|p| fields::condition(p, "Ready") == "True" && !fields::is_terminating(p)).count();
    let have = pods.len();
    state.store.edit("statefulsets", namespace, name, |s| {
        s["status"]["replicas"] = have.into();
        s["status"]["readyReplicas"] = ready.into();
        s["status"]["availableReplicas"] = ready.into();
        s["status"]["observedGeneration"] = number(s, "/metadata/generation").into();
    });
}

/// The template of a pod, with the volumes of this pod.
fn template(set: &Value, pod: &str) -> Value {
    let mut template = set["spec"]["template"].clone();
    let mut volumes = list(&template, "/spec/volumes").to_vec();
    for claim in list(set, "/spec/volumeClaimTemplates") {
        let name = fields::name(claim);
        volumes.push(json!({"name": name, "persistentVolumeClaim": {"claimName": format!("{name}-{pod}")}}));
    }
    if !volumes.is_empty() {
        template["spec"]["volumes"] = volumes.into();
    }
    template["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = pod.into();
    template
}

fn claims(state: &mut State, set: &Value, ordinal: i64) {
    let namespace = fields::namespace(set);
    for claim in list(set, "/spec/volumeClaimTemplates") {
        let name = format!("{}-{}-{ordinal}", fields::name(claim), fields::name(set));
        if state.store.get("persistentvolumeclaims", namespace, &name).is_none() {
            let object = json!({"metadata": {"name": name, "namespace": namespace,
                "labels": set["spec"]["template"]["metadata"]["labels"]},
                "spec": claim["spec"], "status": {"phase": "Pending"}});
            let now = state.wall();
            state.store.create(resources::known("persistentvolumeclaims"), object, now);
        }
    }
}

fn daemon(state: &mut State, set: &Value) {
    let (namespace, name) = (fields::namespace(set), fields::name(set));
    let pods = state.store.pods_of(fields::uid(set));
    let nodes: Vec<String> = state.store.all("nodes").map(|n| fields::name(n).to_owned()).collect();
    for node in &nodes {
        if pods.iter().all(|p| text(p, "/spec/nodeName") != node && !fields::name(p).ends_with(&format!("-{node}"))) {
            let mut template = set["spec"]["template"].clone();
            template["spec"]["nodeName"] = node.clone().into();
            template["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
            create_pod(state, set, &format!("{name}-{node}"), &template);
        }
    }
    let ready = pods.iter().filter(|p| fields::condition(p, "Ready") == "True").count();
    state.store.edit("daemonsets", namespace, name, |s| {
        s["status"]["desiredNumberScheduled"] = nodes.len().into();
        s["status"]["currentNumberScheduled"] = pods.len().into();
        s["status"]["numberReady"] = ready.into();
        s["status"]["observedGeneration"] = number(s, "/metadata/generation").into();
    });
}

/// Starts one pod after another until enough have succeeded. A suspended Job starts none.
fn job(state: &mut State, set: &Value) {
    let (namespace, name) = (fields::namespace(set), fields::name(set));
    let pods = state.store.pods_of(fields::uid(set));
    let succeeded = pods.iter().filter(|p| text(p, "/status/phase") == "Succeeded").count();
    let active = pods.iter().filter(|p| matches!(text(p, "/status/phase"), "Pending" | "Running")).count();
    let wanted = number(set, "/spec/completions").max(1) as usize;
    if succeeded < wanted && active == 0 && set["spec"]["suspend"] != true {
        let pod = free_name(state, namespace, name);
        let mut template = set["spec"]["template"].clone();
        template["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name.into();
        create_pod(state, set, &pod, &template);
    }
    let now = state.wall();
    state.store.edit("jobs", namespace, name, |j| {
        j["status"]["succeeded"] = succeeded.into();
        j["status"]["active"] = active.into();
        if succeeded >= wanted && j["status"]["completionTime"].is_null() {
            j["status"]["completionTime"] = fields::stamp(now).into();
            fields::set_condition(j, "Complete", "True", "CompletionsReached", now);
        }
    });
}
