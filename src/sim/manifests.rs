//! Converts the short forms of a description into whole Kubernetes objects. Start with `Description::manifests`.

use serde_json::{Value, json};

use super::{Description, WorkloadSpec};
use crate::model::SIMULATED_START;

impl Description {
    /// Returns the objects of the cluster, nodes first.
    pub(super) fn manifests(&self) -> Vec<Value> {
        let mut all: Vec<Value> = vec![];
        for (zone, count) in &self.zones {
            all.extend((0..*count).map(|i| self.node_of(zone, i)));
        }
        all.extend((0..self.control_plane).map(|i| self.control_plane_node(i)));
        for (i, node) in all.iter_mut().enumerate() {
            // This network is reserved for benchmarks (RFC 2544), so it does not collide with real addresses.
            let address = format!("198.18.{}.{}", i / 250, i % 250 + 1);
            node["status"]["addresses"] = json!([{"type": "InternalIP", "address": address}]);
        }
        let mut namespaces: Vec<&str> = vec!["kube-system", "default"];
        namespaces.extend(self.workloads.iter().map(|w| w.namespace.as_str()));
        namespaces.extend(self.objects.iter().filter_map(|o| o.pointer("/metadata/namespace")?.as_str()));
        namespaces.sort_unstable();
        namespaces.dedup();
        all.extend(namespaces.iter().map(
            |n| json!({"kind": "Namespace", "metadata": {"name": n, "labels": {"kubernetes.io/metadata.name": n}}}),
        ));
        all.extend(self.storage.iter().map(|s| {
            json!({"kind": "StorageClass", "metadata": {"name": s.name}, "provisioner": "simulated.csi",
                "reclaimPolicy": s.reclaim.word(), "parameters": {"source": s.source.word()}})
        }));
        for workload in &self.workloads {
            all.extend(workload.manifests());
        }
        all.extend(self.objects.iter().cloned());
        all
    }

    fn node_of(&self, zone: &str, i: u32) -> Value {
        let name = format!("node-{zone}-{i}");
        let size = json!({"cpu": self.node.cpu, "memory": self.node.memory, "pods": self.node.pods.to_string()});
        json!({"kind": "Node", "metadata": {"name": name, "labels": {
                "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": "simulated"}},
            "spec": {"providerID": format!("simulated://{name}")},
            "status": {"capacity": size, "allocatable": size}})
    }
}

impl Description {
    /// Makes a node as kubeadm does: without a zone, and with a taint that keeps other pods away.
    fn control_plane_node(&self, i: u32) -> Value {
        let mut node = self.node_of("", i);
        let name = format!("control-plane-{i}");
        let role = "node-role.kubernetes.io/control-plane";
        node["metadata"] = json!({"name": name, "labels": {"kubernetes.io/hostname": name, role: ""}});
        node["spec"] =
            json!({"providerID": format!("simulated://{name}"), "taints": [{"key": role, "effect": "NoSchedule"}]});
        node
    }
}

impl WorkloadSpec {
    fn manifests(&self) -> Vec<Value> {
        let (kind, name) = self.name.split_once('/').unwrap_or(("deployment", &self.name));
        let mut labels = json!({"app": name});
        for (key, value) in &self.labels {
            labels[key.as_str()] = value.clone().into();
        }
        let app = json!({"app": name});
        let mut all = vec![self.object(kind, name, &labels, &app)];
        if !self.budget.is_empty() {
            let mut spec = json!({"selector": {"matchLabels": app}});
            for (key, value) in &self.budget {
                spec[key.as_str()] = value.clone();
            }
            all.push(json!({"kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": self.namespace}, "spec": spec}));
        }
        if self.service {
            all.push(json!({"kind": "Service", "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"selector": app, "ports": [{"name": "http", "port": 80}]}}));
        }
        all
    }

    fn object(&self, kind: &str, name: &str, labels: &Value, app: &Value) -> Value {
        let kind = match kind {
            "statefulset" => "StatefulSet",
            "daemonset" => "DaemonSet",
            _ => "Deployment",
        };
        let mut spec = json!({"replicas": self.replicas.unwrap_or(1), "selector": {"matchLabels": app},
            "template": {"metadata": {"labels": labels}, "spec": self.pod(name, app)}});
        if let Some(start) = self.start {
            spec["template"]["metadata"]["annotations"] = json!({SIMULATED_START: start.to_string()});
        }
        if let Some(class) = &self.volume {
            spec["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Gi"}}}}]);
        }
        json!({"kind": kind, "metadata": {"name": name, "namespace": self.namespace, "labels": app}, "spec": spec})
    }

    fn pod(&self, name: &str, app: &Value) -> Value {
        let mut requests = json!({});
        for (key, value) in [("cpu", &self.cpu), ("memory", &self.memory)] {
            if let Some(value) = value {
                requests[key] = value.clone().into();
            }
        }
        let mut pod = json!({"containers": [{"name": name, "image": format!("registry.example/{name}:1"),
            "resources": {"requests": requests}}]});
        if let Some(toleration) = self.toleration {
            pod["tolerations"] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
                .map(|key| {
                    json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": toleration.0.as_secs()})
                })
                .to_vec()
                .into();
        }
        if let Some(priority) = self.priority {
            pod["priority"] = priority.into();
        }
        if let Some(spread) = &self.spread {
            pod["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": spread.key(),
                "whenUnsatisfiable": spread.otherwise(), "labelSelector": {"matchLabels": app}}]);
        }
        if !self.only_in.is_empty() {
            pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": self.only_in}]}]});
        }
        pod
    }
}
