//! What NetworkPolicies allow to leave a pod. If several policies select a pod, it may do what any of them allows.
//! Policies for incoming traffic are ignored. Read [`lets_out`] first.

use std::{net::IpAddr, sync::Arc};

use super::{
    fields::{self, list, text},
    state::State,
    value::{Value, json},
};

/// A destination of traffic. An address that belongs to nothing in the cluster has no pod.
struct Destination {
    address: Option<IpAddr>,
    port: u64,
    pod: Option<Arc<Value>>,
}

/// Whether a pod can reach an address. The API server is written as `api`, without an address.
pub(super) fn lets_out(state: &State, namespace: &str, pod: &Value, (host, port): (&str, &str)) -> bool {
    if !state.settings.policies {
        return true;
    }
    let policies: Vec<&Value> = state.store.within("networkpolicies", namespace).map(|p| &**p).collect();
    let home = |name: &str| state.store.get("namespaces", "", name).map(|n| (**n).clone()).unwrap_or_default();
    destinations(state, host, port).iter().any(|to| adds_up(policies.iter().copied(), (namespace, pod), to, &home))
}

/// Whether the policies for a pod allow traffic to a destination. Without any policy, everything is allowed. `home`
/// returns a namespace by its name.
fn adds_up<'p>(
    policies: impl Iterator<Item = &'p Value>,
    (namespace, pod): (&str, &Value),
    to: &Destination,
    home: &dyn Fn(&str) -> Value,
) -> bool {
    let mut mine = policies.filter(|policy| holds(policy, pod)).peekable();
    mine.peek().is_none() || mine.any(|p| list(p, "/spec/egress").iter().any(|rule| allows(namespace, rule, to, home)))
}

/// Whether a policy selects this pod and is about outgoing traffic.
fn holds(policy: &Value, pod: &Value) -> bool {
    let selected =
        fields::selector(policy.pointer("/spec/podSelector")).is_some_and(|s| s.matches(&fields::labels(pod)));
    let types = list(policy, "/spec/policyTypes");
    let egress =
        if types.is_empty() { policy.pointer("/spec/egress").is_some() } else { types.contains(&json!("Egress")) };
    selected && egress
}

/// The pods behind an address. Policies apply to the pods to which a Service sends traffic, not to the address of the
/// Service.
fn destinations(state: &State, host: &str, port: &str) -> Vec<Destination> {
    let address: Option<IpAddr> = host.parse().ok();
    let port = port.parse().ok().filter(|p| *p > 0).unwrap_or(443);
    let of = |pod: &Arc<Value>, port: u64| Destination {
        address: text(pod, "/status/podIP").parse().ok(),
        port,
        pod: Some(Arc::clone(pod)),
    };
    let with = |field: &str, object: &Value| text(object, field) == host;
    if let Some(pod) = state.store.all("pods").find(|p| with("/status/podIP", p)) {
        return vec![of(pod, port)];
    }
    if let Some(service) = state.store.all("services").find(|s| with("/spec/clusterIP", s)) {
        let labels = json!({"matchLabels": service["spec"]["selector"]});
        let selector = fields::selector(Some(&labels)).filter(|_| service["spec"]["selector"].is_object());
        let its_port = list(service, "/spec/ports").iter().find(|p| p["port"] == port);
        let mine = state.store.within("pods", text(service, "/metadata/namespace"));
        let behind = mine.filter(|p| selector.as_ref().is_some_and(|s| fields::selects(s, p)));
        let found: Vec<Destination> =
            behind.map(|p| of(p, its_port.map_or(port, |written| target_port(written, p)))).collect();
        if !found.is_empty() {
            return found;
        }
    }
    vec![Destination { address, port, pod: None }]
}

/// The port of the pod behind a port of a Service. Without `targetPort` it is the same port.
fn target_port(written: &Value, pod: &Value) -> u64 {
    let same = || written["port"].as_u64().unwrap_or_default();
    match &written["targetPort"] {
        Value::String(name) => named_port(pod, name).unwrap_or_else(same),
        other => other.as_u64().unwrap_or_else(same),
    }
}

fn named_port(pod: &Value, name: &str) -> Option<u64> {
    let containers = list(pod, "/spec/containers").iter();
    let mut ports = containers.flat_map(|c| list(c, "/ports"));
    ports.find(|p| p["name"] == name)?["containerPort"].as_u64()
}

fn allows(namespace: &str, rule: &Value, to: &Destination, home: &dyn Fn(&str) -> Value) -> bool {
    let (ports, peers) = (list(rule, "/ports"), list(rule, "/to"));
    (ports.is_empty() || ports.iter().any(|port| is_port(port, to)))
        && (peers.is_empty() || peers.iter().any(|peer| is_peer(namespace, peer, to, home)))
}

fn is_port(written: &Value, to: &Destination) -> bool {
    let tcp = matches!(written["protocol"].as_str(), None | Some("TCP"));
    let last = written["endPort"].as_u64();
    let same = match &written["port"] {
        Value::Null => true,
        Value::String(name) => to.pod.as_ref().and_then(|pod| named_port(pod, name)) == Some(to.port),
        number => number.as_u64().is_some_and(|first| (first..=last.unwrap_or(first)).contains(&to.port)),
    };
    tcp && same
}

fn is_peer(namespace: &str, peer: &Value, to: &Destination, home: &dyn Fn(&str) -> Value) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        let inside = |range: &str| to.address.is_some_and(|address| contains(range, address));
        let except = list(block, "/except").iter().filter_map(Value::as_str).any(inside);
        return inside(text(block, "/cidr")) && !except;
    }
    let Some(pod) = &to.pod else { return false };
    let its = text(pod, "/metadata/namespace");
    let near = match fields::selector(peer.get("namespaceSelector")) {
        None => its == namespace,
        Some(selector) => fields::selects(&selector, &home(its)),
    };
    near && fields::selector(peer.get("podSelector")).is_none_or(|selector| fields::selects(&selector, pod))
}

/// Whether an address is in a range such as `10.0.0.0/8`.
fn contains(range: &str, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let Some((network, length)) = range.split_once('/') else { return false };
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let ((of, family), (it, its)) = (bits(network), bits(address));
    let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
    family == its && length <= family && of & mask == it & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_the_ranges_that_hold_it() {
        let is = |range: &str, address: &str| contains(range, address.parse().unwrap());
        assert!(is("10.96.0.0/12", "10.111.255.1") && is("0.0.0.0/0", "192.0.2.1") && is("10.0.0.1/32", "10.0.0.1"));
        assert!(is("fd00::/8", "fd12::1") && is("::/0", "::1"));
        for (range, address) in [("10.96.0.0/12", "10.112.0.1"), ("0.0.0.0/0", "::1"), ("10.0.0.0/33", "10.0.0.0")] {
            assert!(!is(range, address), "{range} {address}");
        }
        assert!(!is("10.0.0.0", "10.0.0.0") && !is("anything/8", "10.0.0.0"));
    }

    #[test]
    fn policies_for_one_pod_add_up() {
        let policy = |pods: Value, egress: Value| json!({"spec": {"podSelector": pods, "policyTypes": ["Egress"], "egress": egress}});
        let (web, other) = (json!({"matchLabels": {"app": "web"}}), json!({"matchLabels": {"app": "other"}}));
        let deny = policy(json!({}), json!([]));
        let net = policy(web.clone(), json!([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]}]));
        let shops = json!([{"to": [{"namespaceSelector": {"matchLabels": {"kind": "shop"}}, "podSelector": web}]}]);
        let shops = policy(json!({}), shops);
        let all = policy(other, json!([{}]));
        let incoming = json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}});
        let pod = json!({"metadata": {"name": "p", "namespace": "here", "labels": {"app": "web"}}});
        let home = |name: &str| json!({"metadata": {"labels": {"kind": if name == "shop" { "shop" } else { "none" }}}});
        let reaches =
            |policies: &[&Value], to: Destination| adds_up(policies.iter().copied(), ("here", &pod), &to, &home);
        let to = |address: &str, port| Destination { address: address.parse().ok(), port, pod: None };
        let in_shop = |name: &str| {
            let pod = json!({"metadata": {"namespace": name, "labels": {"app": "web"}}});
            Destination { address: "10.1.1.1".parse().ok(), port: 81, pod: Some(Arc::new(pod)) }
        };
        assert!(reaches(&[&incoming], to("10.1.2.3", 80)), "an ingress policy does not limit outgoing traffic");
        assert!(!reaches(&[&deny, &all], to("10.1.2.3", 80)), "a policy for another pod allows this pod nothing");
        assert!(reaches(&[&deny, &net], to("10.1.2.3", 80)) && reaches(&[&net, &deny], to("10.1.2.3", 80)));
        assert!(!reaches(&[&deny, &net], to("10.1.2.3", 81)) && !reaches(&[&deny, &net], to("192.0.2.1", 80)));
        assert!(reaches(&[&net, &shops], in_shop("shop")) && !reaches(&[&net, &shops], in_shop("elsewhere")));
    }
}
