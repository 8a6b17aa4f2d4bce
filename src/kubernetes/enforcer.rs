//! Whether a cluster is known to have a component that enforces NetworkPolicies. The API server accepts every policy,
//! and a network plugin without support ignores policies silently. The result is a hint for people: only a test proves
//! that policies are enforced.

use super::objects::Pod;

/// Parts of the names of DaemonSets of network plugins that enforce policies.
const KNOWN: [(&str, &str); 12] = [
    ("calico-node", "Calico"),
    ("canal", "Canal"),
    ("cilium", "Cilium"),
    ("anetd", "GKE Dataplane V2"),
    ("antrea-agent", "Antrea"),
    ("kube-router", "kube-router"),
    ("weave-net", "Weave Net"),
    ("ovnkube", "OVN-Kubernetes"),
    ("kube-ovn", "Kube-OVN"),
    ("azure-npm", "Azure NPM"),
    ("kube-network-policies", "kube-network-policies"),
    ("kindnet", "kindnet"),
];

/// The known policy-enforcing network plugins among a cluster's DaemonSets.
pub fn policy_enforcers(pods: &[Pod]) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = vec![];
    for pod in pods {
        let Some(owner) = pod.controller().filter(|o| o.kind == "DaemonSet") else { continue };
        let agent = owner.name == "aws-node" && pod.spec.containers.iter().any(|c| c.name.contains("network-policy"));
        let aws = agent.then_some("the AWS network policy agent");
        let known = KNOWN.iter().find(|(word, _)| owner.name.starts_with(word)).map(|(_, name)| *name);
        found.extend(known.or(aws).filter(|name| !found.contains(name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::objects::Owner;

    fn pod(owner: &str, kind: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.owner_references =
            vec![Owner { kind: kind.into(), name: owner.into(), controller: true, ..Owner::default() }];
        pod
    }

    #[test]
    fn plugins_are_known_by_their_daemonsets() {
        assert_eq!(policy_enforcers(&[pod("podnet", "DaemonSet"), pod("cilium-shop", "StatefulSet")]), [""; 0]);
        let two = [pod("calico-node", "DaemonSet"), pod("calico-node", "DaemonSet"), pod("aws-node", "DaemonSet")];
        assert_eq!(policy_enforcers(&two), ["Calico"]);
    }
}
