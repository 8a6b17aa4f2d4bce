//! The Services and ports to which Ingresses and routes of the Gateway API lead.

use serde_json::Value;

use super::references::{Answer, Names, Resolution};
use crate::{
    inventory::Object,
    readiness::{
        check::Say,
        picture::Picture,
        values::{list, text},
    },
};

/// A backend: the namespace and name of a Service, and its port.
struct Backend<'a> {
    namespace: &'a str,
    name: &'a str,
    port: Port<'a>,
}

/// How a backend names a port.
enum Port<'a> {
    Number(&'a Value),
    Name(&'a Value),
    /// It names none.
    None,
}

pub(super) fn ingresses(p: &Picture<'_>, names: &Names<'_, '_>, say: &mut Say) {
    for ingress in p.each("Ingress.networking.k8s.io", say) {
        let of_rules = ingress.list("/spec/rules").iter().flat_map(|r| list(r, "/http/paths")).map(|p| &p["backend"]);
        let mut answer = Answer::default();
        for backend in of_rules.chain([ingress.at("/spec/defaultBackend"), ingress.at("/spec/backend")]) {
            let old = text(backend, "/serviceName");
            if !old.is_empty() && &*ingress.version == "v1" {
                answer.wrong.push(format!(
                    "the backend {old} uses serviceName and servicePort, which networking.k8s.io/v1 does not have"
                ));
                continue;
            }
            let name = if old.is_empty() { text(backend, "/service/name") } else { old };
            if !name.is_empty() {
                let port = port_of(backend, !old.is_empty());
                look_up(p, names, &Backend { namespace: &ingress.metadata.namespace, name, port }, &mut answer);
            }
        }
        certificates(names, ingress, &mut answer);
        answer.tell(say, ingress, "/spec");
    }
}

/// The Secrets with the certificates of an Ingress. Without one, its controller answers with a certificate of its own.
fn certificates(names: &Names<'_, '_>, ingress: &Object, answer: &mut Answer) {
    let creates = |key: &str| key.contains("cert-manager.io/") || key == "kubernetes.io/tls-acme";
    if ingress.metadata.annotations.keys().any(|key| creates(key)) {
        return;
    }
    for name in ingress.list("/spec/tls").iter().map(|entry| text(entry, "/secretName")) {
        match names.find("Secret", &ingress.metadata.namespace, name) {
            Resolution::Missing => answer.lesser.push(format!("its certificate (Secret {name}) is missing")),
            found => answer.add(found, format!("Secret {name}")),
        }
    }
}

fn port_of(backend: &Value, old: bool) -> Port<'_> {
    let (port, before) = (&backend["service"]["port"], &backend["servicePort"]);
    match (old, port["number"].is_null(), port["name"].is_null()) {
        (true, ..) if before.is_string() => Port::Name(before),
        (true, ..) => Port::Number(before),
        (_, false, _) => Port::Number(&port["number"]),
        (_, _, false) => Port::Name(&port["name"]),
        _ => Port::None,
    }
}

/// The routes of the Gateway API.
const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

/// Routes: backends that are Services.
pub(super) fn routes(p: &Picture<'_>, names: &Names<'_, '_>, say: &mut Say) {
    for kind in ROUTES {
        for route in p.each(&format!("{kind}.gateway.networking.k8s.io"), say) {
            let mut answer = Answer::default();
            for backend in backends(route) {
                let space = text(backend, "/namespace");
                let namespace = if space.is_empty() { route.metadata.namespace.as_str() } else { space };
                let port = if backend["port"].is_null() { Port::None } else { Port::Number(&backend["port"]) };
                look_up(p, names, &Backend { namespace, name: text(backend, "/name"), port }, &mut answer);
            }
            answer.tell(say, route, "/spec");
        }
    }
}

/// The backends of a route that are Services, with those of its filters.
fn backends(route: &Object) -> impl Iterator<Item = &Value> {
    let rules = route.list("/spec/rules").iter();
    let own = rules.clone().flat_map(|r| list(r, "/backendRefs"));
    let mirrors = rules.flat_map(|r| list(r, "/filters")).filter_map(|f| f.pointer("/requestMirror/backendRef"));
    let service = |b: &&Value| matches!(text(b, "/kind"), "" | "Service") && text(b, "/group").is_empty();
    own.chain(mirrors).filter(service)
}

fn look_up(p: &Picture<'_>, names: &Names<'_, '_>, backend: &Backend<'_>, answer: &mut Answer) {
    let Backend { namespace, name, port } = backend;
    let Some(service) = p.object_set.find("Service", namespace, name) else {
        let found = names.find("Service", namespace, name);
        return answer.add(found, format!("Service {name}"));
    };
    let ports = service.list("/spec/ports");
    let has = match port {
        Port::Number(number) => ports.iter().any(|q| q["port"] == **number),
        Port::Name(name) => ports.iter().any(|q| q["name"] == **name),
        Port::None => true,
    };
    // The ports of a Service that leads outside the cluster need not be listed.
    if !has && service.text("/spec/type") != "ExternalName" {
        let said = match port {
            Port::Number(port) | Port::Name(port) => port.to_string(),
            Port::None => String::new(),
        };
        answer.wrong.push(format!("Service {name} has no port {said}"));
    }
}
