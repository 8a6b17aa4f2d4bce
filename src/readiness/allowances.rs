//! What a default-deny policy would stop, as far as the objects show it: the allow rules that belong to the proposal, and
//! what only a person knows. Nothing is guessed: a caller whose place is unknown becomes a sentence. Start with
//! [`propose_allowances`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    areas::monitors::{POD_MONITOR, SERVICE_MONITOR, pickers, takes},
    callers::{Call, calls},
    picture::{Picture, Work},
    values::{selector, text},
};
use crate::{
    inventory::Object,
    model::{Change, Ruling},
};

const NAME: &str = "kubernetes.io/metadata.name";

/// Adds the allow rules to the proposals of a default-deny. Each is added once, because a plan shows a change once.
pub(super) fn propose_allowances(picture: &Picture<'_>, results: &mut [Ruling]) {
    let mut seen = BTreeSet::new();
    let mut found: Option<(Vec<Call<'_, '_>>, Served<'_>)> = None;
    for ruling in results.iter_mut().filter(|r| matches!(&*r.check, "NET-001" | "NET-002")) {
        let Some(remedy) = &mut ruling.remedy else { continue };
        let Change::Create(policy) = &remedy.change else { continue };
        let namespace = remedy.change.namespace().to_owned();
        let is_ingress = policy.pointer("/spec/policyTypes/0").is_some_and(|direction| direction == "Ingress");
        if !seen.insert((namespace.clone(), is_ingress)) {
            continue;
        }
        let (calls, served) = found.get_or_insert_with(|| (calls(picture), served(picture)));
        let mut rules = Rules { picture, served, namespace: &namespace, policies: BTreeMap::new(), unsettled: vec![] };
        if is_ingress {
            rules.ingress(calls)
        } else {
            rules.egress(calls)
        }
        (remedy.first, remedy.unsettled) = (rules.policies.into_values().collect(), rules.unsettled);
    }
}

/// The rules of one namespace, in one direction.
struct Rules<'r, 'a> {
    picture: &'r Picture<'a>,
    served: &'r Served<'a>,
    namespace: &'r str,
    policies: BTreeMap<String, Value>,
    unsettled: Vec<String>,
}

impl Rules<'_, '_> {
    fn ingress(&mut self, calls: &[Call<'_, '_>]) {
        let (picture, namespace) = (self.picture, self.namespace);
        for (service, _) in picture.selecting_services().filter(|(s, _)| s.metadata.namespace == namespace) {
            let ports = target_ports(service);
            let from: Vec<Value> =
                calls.iter().filter(|call| call.is_to(service)).map(|call| self.peer_of(call.from)).collect();
            let from = distinct(from);
            if from.is_empty() {
                let (name, ports) = (&service.metadata.name, shown(&ports));
                self.unsettled
                    .push(format!("no caller of Service {name} ({ports}) shows in the input: allow its callers"));
            } else {
                let pods = service.at("/spec/selector").clone();
                self.allow(&service.metadata.name, &pods, "Ingress", json!({"from": from, "ports": ports}));
            }
            self.outside_of(service, &shown(&ports));
        }
        self.monitors();
        self.annotated();
        if picture.in_namespace(self.namespace).iter().any(|work| has_probes(work)) {
            self.unsettled.push(
                "most network plug-ins always admit the kubelet's probes, so they have no rule here: check it for yours".to_owned(),
            );
        }
    }

    /// Callers whose addresses no object holds.
    fn outside_of(&mut self, service: &Object, ports: &str) {
        let (picture, name) = (self.picture, &service.metadata.name);
        let open = service.text("/spec/type");
        if matches!(open, "LoadBalancer" | "NodePort") {
            self.unsettled
                .push(format!("Service {name} has the type {open}: allow the addresses of its clients to {ports}"));
        }
        let of_kind = |key: &str| picture.object_set.any(key).iter().filter(|o| o.metadata.namespace == self.namespace);
        let routes = ROUTES.iter().flat_map(|key| of_kind(key)).filter(|route| mentions(&route.body, name));
        for route in routes.collect::<Vec<_>>() {
            let (kind, route) = (&route.kind, &route.metadata.name);
            self.unsettled.push(format!(
                "{kind} {route} sends requests to Service {name}: allow the namespace of its controller, which the input does not show, to {ports}"
            ));
        }
        for what in self.served.get(&(self.namespace, name.as_str())).into_iter().flatten() {
            self.unsettled.push(format!(
                "the API server calls Service {name} for {what}: allow the addresses of the control plane to {ports}"
            ));
        }
    }

    /// Prometheus reaches the pods of a monitor from its own namespace.
    fn monitors(&mut self) {
        let picture = self.picture;
        for (key, kind, field) in [
            (SERVICE_MONITOR, "serviceMonitor", "/spec/endpoints"),
            (POD_MONITOR, "podMonitor", "/spec/podMetricsEndpoints"),
        ] {
            for monitor in picture.object_set.any(key).iter().filter(|monitor| takes(monitor, self.namespace)) {
                for (name, pods, ports) in self.monitored(monitor, monitor.list(field)) {
                    let from = pickers(picture, monitor, kind);
                    let from = distinct(from.iter().map(|p| in_namespace(&p.metadata.namespace)).collect());
                    if from.is_empty() {
                        self.unsettled.push(format!(
                            "no Prometheus of the input selects {} {}: allow the namespace of the one that does to {}",
                            monitor.kind,
                            monitor.metadata.name,
                            shown(&ports)
                        ));
                    } else {
                        self.allow(&name, &pods, "Ingress", json!({"from": from, "ports": ports}));
                    }
                }
            }
        }
    }

    /// What a monitor scrapes in this namespace: a name, the labels of the pods, and the ports.
    fn monitored(&self, monitor: &Object, endpoints: &[Value]) -> Vec<(String, Value, Vec<Value>)> {
        let chosen = selector(&monitor.body, "/spec/selector").unwrap_or_default();
        let names: Vec<&str> = endpoints.iter().map(|endpoint| text(endpoint, "/port")).collect();
        if *monitor.kind == *"PodMonitor" {
            let ports =
                names.iter().filter(|name| !name.is_empty()).map(|name| json!({"protocol": "TCP", "port": name}));
            let labels = monitor.at("/spec/selector/matchLabels").clone();
            // A rule without ports would open all of them, and one without labels all pods.
            let ports: Vec<Value> = ports.collect();
            let is_exact = labels.is_object() && !ports.is_empty();
            return is_exact.then(|| (monitor.metadata.name.clone(), labels, ports)).into_iter().collect();
        }
        let services = self.picture.selecting_services().filter(|(service, _)| {
            service.metadata.namespace == self.namespace && chosen.matches(&service.metadata.labels)
        });
        services
            .filter_map(|(service, _)| {
                let scraped = service.list("/spec/ports").iter().filter(|port| names.contains(&text(port, "/name")));
                let ports: Vec<Value> = scraped.map(target_port).collect();
                let pods = service.at("/spec/selector").clone();
                (!ports.is_empty()).then(|| (service.metadata.name.clone(), pods, ports))
            })
            .collect()
    }

    fn annotated(&mut self) {
        for work in self.picture.in_namespace(self.namespace) {
            if work.pod_annotation("prometheus.io/scrape") == Some("true") {
                let port = work
                    .pod_annotation("prometheus.io/port")
                    .map_or_else(String::new, |port| format!(" to port {port}"));
                self.unsettled.push(format!(
                    "{} {} asks to be scraped by an annotation, which names no Prometheus: allow the namespace of yours{port}",
                    work.kind,
                    work.name()
                ));
            }
        }
    }

    fn egress(&mut self, calls: &[Call<'_, '_>]) {
        let namespace = self.namespace;
        for call in calls.iter().filter(|call| call.from.namespace() == namespace) {
            let Some(pods) = labels(call.from) else { continue };
            let to = peer(namespace, &call.to.metadata.namespace, call.to.at("/spec/selector").clone());
            let rule = json!({"to": [to], "ports": target_ports(call.to)});
            self.allow(call.from.name(), &pods, "Egress", rule);
        }
        self.unsettled.extend([
            "the rule for DNS is for DNS pods in kube-system: change it if yours run elsewhere".to_owned(),
            "calls to addresses outside of the cluster, to the API server, and those that no manifest names are in no rule: allow them"
                .to_owned(),
        ]);
    }

    /// Adds a rule to the policy for some pods.
    fn allow(&mut self, name: &str, pods: &Value, direction: &str, rule: Value) {
        let short = if direction == "Ingress" { "to" } else { "from" };
        let name = format!("allow-{short}-{name}");
        if self.picture.object_set.find("NetworkPolicy.networking.k8s.io", self.namespace, &name).is_some() {
            let text = format!("NetworkPolicy {name} exists: compare it with {rule}");
            return self.unsettled.push(text);
        }
        let mut metadata = json!({"name": name});
        if !self.namespace.is_empty() {
            metadata["namespace"] = self.namespace.into();
        }
        let field = direction.to_lowercase();
        let policy = self.policies.entry(name).or_insert_with(|| {
            json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata,
                "spec": {"podSelector": {"matchLabels": pods}, "policyTypes": [direction], field.as_str(): []},
            })
        });
        if let Some(rules) = policy["spec"][field.as_str()].as_array_mut()
            && !rules.contains(&rule)
        {
            rules.push(rule);
        }
    }

    /// A workload as a peer of this namespace.
    fn peer_of(&self, work: &Work<'_>) -> Value {
        peer(self.namespace, work.namespace(), labels(work).unwrap_or_else(|| json!({})))
    }
}

/// Kinds whose objects send requests from outside to Services.
const ROUTES: [&str; 6] = [
    "Ingress.networking.k8s.io",
    "HTTPRoute.gateway.networking.k8s.io",
    "GRPCRoute.gateway.networking.k8s.io",
    "TCPRoute.gateway.networking.k8s.io",
    "TLSRoute.gateway.networking.k8s.io",
    "UDPRoute.gateway.networking.k8s.io",
];

/// Kinds for whose objects the API server calls Services: the list of their webhooks, if they have one, and the place of
/// the Service.
const WEBHOOKS: [(&str, &str, &str); 4] = [
    ("ValidatingWebhookConfiguration.admissionregistration.k8s.io", "/webhooks", "/clientConfig/service"),
    ("MutatingWebhookConfiguration.admissionregistration.k8s.io", "/webhooks", "/clientConfig/service"),
    ("APIService.apiregistration.k8s.io", "", "/spec/service"),
    ("CustomResourceDefinition.apiextensions.k8s.io", "", "/spec/conversion/webhook/clientConfig/service"),
];

/// Whether a route names a Service of its namespace as a backend.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| match key.as_str() {
            "serviceName" => inner == name,
            "service" | "backendRefs" | "backendRef" if names(inner, name) => true,
            _ => mentions(inner, name),
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        _ => false,
    }
}

fn names(value: &Value, name: &str) -> bool {
    value["name"] == name || value.as_array().is_some_and(|all| all.iter().any(|item| item["name"] == name))
}

/// The Services that the API server calls, by namespace and name, and for which objects.
type Served<'a> = BTreeMap<(&'a str, &'a str), Vec<String>>;

fn served<'a>(picture: &Picture<'a>) -> Served<'a> {
    let mut all = Served::new();
    for (key, each, at) in WEBHOOKS {
        for object in picture.object_set.any(key) {
            let whole = std::slice::from_ref(&object.body);
            for value in if each.is_empty() { whole } else { object.list(each) } {
                let (namespace, name) = (text(value, &format!("{at}/namespace")), text(value, &format!("{at}/name")));
                let told = all.entry((namespace, name)).or_default();
                let what = format!("{} {}", object.kind, object.metadata.name);
                if !told.contains(&what) {
                    told.push(what);
                }
            }
        }
    }
    all
}

/// The labels by which a workload finds its pods.
fn labels(work: &Work<'_>) -> Option<Value> {
    let own = work.object.at("/spec/selector/matchLabels");
    if own.is_object() {
        return Some(own.clone());
    }
    (!work.labels.is_empty()).then(|| json!(work.labels))
}

fn peer(here: &str, namespace: &str, pods: Value) -> Value {
    let mut peer = json!({"podSelector": {"matchLabels": pods}});
    if namespace != here {
        peer["namespaceSelector"] = json!({"matchLabels": {NAME: namespace}});
    }
    peer
}

fn in_namespace(name: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {NAME: name}}})
}

fn distinct(all: Vec<Value>) -> Vec<Value> {
    let by_text: BTreeMap<String, Value> = all.into_iter().map(|value| (value.to_string(), value)).collect();
    by_text.into_values().collect()
}

/// The ports of the pods behind a Service. Policies see these, not those of the Service.
fn target_ports(service: &Object) -> Vec<Value> {
    service.list("/spec/ports").iter().map(target_port).collect()
}

fn target_port(port: &Value) -> Value {
    let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
    json!({"protocol": port["protocol"].as_str().unwrap_or("TCP"), "port": target})
}

fn shown(ports: &[Value]) -> String {
    let one = |port: &Value| {
        let number = &port["port"];
        let number = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        format!("{number}/{}", text(port, "/protocol"))
    };
    let all: Vec<String> = ports.iter().map(one).collect();
    format!("{} {}", if all.len() == 1 { "port" } else { "ports" }, all.join(", "))
}

fn has_probes(work: &Work<'_>) -> bool {
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"];
    work.containers().any(|container| probes.iter().any(|probe| !container.value[*probe].is_null()))
}
