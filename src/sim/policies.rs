//! What NetworkPolicies let out of a pod. Policies that select one pod add up: what one of
//! them allows is allowed. Policies for what comes in are not asked.

use std::{net::IpAddr, sync::Arc};

use serde_json::{Value, json};

use super::{
    fields::{self, list, text},
    state::State,
};

/// Where something is sent: an address outside of everything that is known has no pods.
struct Destination {
    address: Option<IpAddr>,
    port: u64,
    pod: Option<Arc<Value>>,
}

/// Whether a pod reaches an address; of the API server (`api`) no address is known.
pub(super) fn lets_out(state: &State, namespace: &str, pod: &Value, (host, port): (&str, &str)) -> bool {
    if !state.settings.policies {
        return true;
    }
    let policies: Vec<&Arc<Value>> =
        state.store.within("networkpolicies", namespace).filter(|p| holds(p, pod)).collect();
    let rules: Vec<&Value> = policies.iter().flat_map(|p| list(p, "/spec/egress")).collect();
    let to = destinations(state, host, port);
    policies.is_empty() || to.iter().any(|d| rules.iter().any(|rule| allows(state, namespace, rule, d)))
}

/// Whether a policy is for this pod, and for what leaves it.
fn holds(policy: &Value, pod: &Value) -> bool {
    let selected =
        fields::selector(policy.pointer("/spec/podSelector")).is_some_and(|s| s.matches(&fields::labels(pod)));
    let types = list(policy, "/spec/policyTypes");
    let egress =
        if types.is_empty() { policy.pointer("/spec/egress").is_some() } else { types.contains(&json!("Egress")) };
    selected && egress
}

/// Policies see where a Service sends its traffic, and not its own address.
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

/// The port of a pod to which a port of a Service leads: the same one, unless it says another.
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

fn allows(state: &State, namespace: &str, rule: &Value, to: &Destination) -> bool {
    let (ports, peers) = (list(rule, "/ports"), list(rule, "/to"));
    (ports.is_empty() || ports.iter().any(|port| is_port(port, to)))
        && (peers.is_empty() || peers.iter().any(|peer| is_peer(state, namespace, peer, to)))
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

fn is_peer(state: &State, namespace: &str, peer: &Value, to: &Destination) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        let inside = |range: &str| to.address.is_some_and(|address| contains(range, address));
        let except = list(block, "/except").iter().filter_map(Value::as_str).any(inside);
        return inside(text(block, "/cidr")) && !except;
    }
    let Some(pod) = &to.pod else { return false };
    let home = text(pod, "/metadata/namespace");
    let near = match fields::selector(peer.get("namespaceSelector")) {
        None => home == namespace,
        Some(selector) => {
            state.store.get("namespaces", "", home).is_some_and(|namespace| fields::selects(&selector, namespace))
        }
    };
    near && fields::selector(peer.get("podSelector")).is_none_or(|selector| fields::selects(&selector, pod))
}

/// Whether an address lies in a range such as `10.0.0.0/8`.
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
}
