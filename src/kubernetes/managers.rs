//! Who wrote a field last according to `metadata.managedFields`, and what kind of program each field manager is. The
//! table below is the only place that contains names of managers.

use serde_json::Value;

use crate::model::Role;

/// Field managers, by the beginning of their name. The longest matching entry counts.
const ROLES: [(&str, Role); 38] = [
    ("drillmaster", Role::Drill),
    ("kube-controller-manager", Role::Kubernetes),
    ("kube-scheduler", Role::Kubernetes),
    ("kube-apiserver", Role::Kubernetes),
    ("kubelet", Role::Kubernetes),
    ("kubeadm", Role::Kubernetes),
    ("cloud-controller-manager", Role::Kubernetes),
    ("node-problem-detector", Role::Kubernetes),
    ("calico-node", Role::Kubernetes),
    ("cilium-", Role::Kubernetes),
    ("flanneld", Role::Kubernetes),
    ("horizontal-pod-autoscaler", Role::Autoscaler),
    ("cluster-autoscaler", Role::Autoscaler),
    ("vpa-", Role::Autoscaler),
    ("keda", Role::Autoscaler),
    ("karpenter", Role::Autoscaler),
    ("argocd", Role::Deployer),
    ("argo-cd", Role::Deployer),
    ("kustomize-controller", Role::Deployer),
    ("helm", Role::Deployer),
    ("flux", Role::Deployer),
    ("source-controller", Role::Deployer),
    ("configsync", Role::Deployer),
    ("configmanagement", Role::Deployer),
    ("fleet", Role::Deployer),
    ("kapp", Role::Deployer),
    ("Terraform", Role::Deployer),
    ("terraform", Role::Deployer),
    ("HashiCorp", Role::Deployer),
    ("pulumi", Role::Deployer),
    ("velero", Role::Backup),
    ("kubectl", Role::Person),
    ("k9s", Role::Person),
    ("Mozilla", Role::Person),
    ("oc", Role::Person),
    ("lens", Role::Person),
    ("node-fetch", Role::Person),
    ("headlamp", Role::Person),
];

/// An entry of `managedFields`: the writer, the subresource, and the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// The field manager.
    pub manager: String,
    /// The subresource through which it wrote.
    pub subresource: String,
    /// When, according to the API server's clock.
    pub time: String,
}

impl Writing {
    /// The role of the manager.
    pub fn role(&self) -> Role {
        // The controller manager uses this subresource only for autoscalers.
        if self.manager == "kube-controller-manager" && self.subresource == "scale" {
            return Role::Autoscaler;
        }
        role_of(&self.manager)
    }
}

/// The role of a field manager.
fn role_of(manager: &str) -> Role {
    let fits = |(name, _): &&(&str, Role)| {
        let rest = manager.strip_prefix(name);
        // A short name must end at the end of a word: `oc` must not match `octavia`.
        let loose = name.len() > 4 || name.ends_with('-');
        rest.is_some_and(|rest| loose || !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    ROLES.iter().filter(fits).max_by_key(|(name, _)| name.len()).map_or(Role::Other, |(_, role)| *role)
}

/// User names of kubelets begin with this.
const KUBELETS: &str = "system:node:";
/// User names of Kubernetes' own controllers, kubelets and servers begin with these.
const OWN_USERS: [&str; 6] = [
    "system:serviceaccount:kube-system:",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:cloud-controller-manager",
    KUBELETS,
    "system:apiserver",
];

/// Whether a user is the kubelet of a node.
pub fn is_kubelet(user: &str) -> bool {
    user.starts_with(KUBELETS)
}

/// The role of an API user, by user name and user agent (`kubectl/v1.37`).
pub fn user_role(user: &str, agent: &str) -> Role {
    let program = agent.split('/').next().unwrap_or("");
    let own = OWN_USERS.iter().any(|own| user.starts_with(own));
    match role_of(program) {
        // Autoscalers and deployment tools may also have an account in kube-system: the user agent distinguishes them.
        Role::Kubernetes | Role::Other if own => Role::Kubernetes,
        // Kubernetes' own programs use Kubernetes' own accounts: a user with another account only pretends to be one of
        // them.
        Role::Kubernetes => Role::Other,
        role => role,
    }
}

/// The last writer among the owners of a field. A removed field has no owner.
pub fn last_writing(object: &Value, path: &[&str]) -> Option<Writing> {
    let keys: Vec<String> = path.iter().map(|p| format!("f:{p}")).collect();
    writing_where(object, |fields| keys.iter().try_fold(fields, |at, key| at.get(key.as_str())).is_some())
}

/// The last writer among those for whose `fieldsV1` the function `owns` is true.
pub fn writing_where(object: &Value, owns: impl Fn(&Value) -> bool) -> Option<Writing> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let writings = entries.filter(|entry| entry.get("fieldsV1").is_some_and(&owns)).map(|entry| Writing {
        manager: text(entry, "manager"),
        subresource: text(entry, "subresource"),
        time: text(entry, "time"),
    });
    writings.filter(|w| !w.manager.is_empty()).max_by(|a, b| a.time.cmp(&b.time))
}

/// The owner of a field, as a phrase that follows "changed by".
pub fn writer(object: &Value, path: &[&str]) -> String {
    match last_writing(object, path) {
        None => "an unknown field manager".into(),
        Some(last) if last.role() == Role::Autoscaler => "an autoscaler".into(),
        Some(last) => format!("`{}`", last.manager),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(manager: &str, sub: &str, time: &str, field: &str) -> Value {
        json!({"manager": manager, "subresource": sub, "time": time,
            "fieldsV1": {"f:spec": {(format!("f:{field}")): {}}}})
    }

    #[test]
    fn the_last_owner_of_a_field_is_named() {
        let object = |entries: Vec<Value>| json!({"metadata": {"managedFields": entries}});
        let two = object(vec![
            entry("kubectl-edit", "", "2026-01-02T00:00:00Z", "replicas"),
            entry("kubectl-apply", "", "2026-01-01T00:00:00Z", "replicas"),
            entry("later", "", "2026-01-03T00:00:00Z", "paused"),
        ]);
        assert_eq!(writer(&two, &["spec", "replicas"]), "`kubectl-edit`");
        let scaled = object(vec![entry("kube-controller-manager", "scale", "2026-01-01T00:00:00Z", "replicas")]);
        assert_eq!(writer(&scaled, &["spec", "replicas"]), "an autoscaler");
        assert_eq!(writer(&json!({}), &["spec", "replicas"]), "an unknown field manager");
    }

    #[test]
    fn a_user_is_known_by_its_name_and_its_program() {
        for (user, agent, role) in [
            ("alice", "kubectl/v1.37.2", Role::Person),
            ("alice", "drillmaster/0.2.0", Role::Drill),
            (
                "system:serviceaccount:kube-system:replicaset-controller",
                "kube-controller-manager/v1.37",
                Role::Kubernetes,
            ),
            ("system:node:node-a-0", "kubelet/v1.37", Role::Kubernetes),
            (
                "system:serviceaccount:argocd:argocd-application-controller",
                "argocd-application-controller/v3",
                Role::Deployer,
            ),
            ("system:serviceaccount:kube-system:cluster-autoscaler", "cluster-autoscaler/v1.37", Role::Autoscaler),
            ("system:serviceaccount:kube-system:argocd", "argocd-application-controller/v3", Role::Deployer),
            ("system:serviceaccount:kube-system:some-controller", "some-controller/v1", Role::Kubernetes),
            ("mallory", "kube-controller-manager/v1.37", Role::Other),
            ("", "", Role::Other),
        ] {
            assert_eq!(user_role(user, agent), role, "{user} {agent}");
        }
    }

    #[test]
    fn a_manager_is_known_by_the_beginning_of_its_name() {
        for (name, role) in [
            ("drillmaster", Role::Drill),
            ("kube-controller-manager", Role::Kubernetes),
            ("kubelet", Role::Kubernetes),
            ("kubectl-client-side-apply", Role::Person),
            ("kubectl", Role::Person),
            ("argocd-application-controller", Role::Deployer),
            ("helm", Role::Deployer),
            ("oc", Role::Person),
            ("octavia-ingress-controller", Role::Other),
            ("flux", Role::Deployer),
            ("vpa-updater", Role::Autoscaler),
            ("vpa", Role::Other),
            ("velero-server", Role::Backup),
            ("postgres-operator", Role::Other),
            ("", Role::Other),
        ] {
            assert_eq!(role_of(name), role, "{name}");
        }
        let scales = |sub: &str| Writing {
            manager: "kube-controller-manager".into(),
            subresource: sub.into(),
            time: String::new(),
        };
        assert_eq!(scales("scale").role(), Role::Autoscaler);
        assert_eq!(scales("status").role(), Role::Kubernetes);
    }
}
