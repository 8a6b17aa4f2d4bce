//! The API server of the simulated cluster: it turns a request into an answer and changes the state. It does not know
//! the wire (`service`) and does not act by itself (`controllers`). `tests/shared/conformance.rs` asks it and a real
//! API server the same questions. Read [`handle`] first.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

use bytes::Bytes;
use http::Method;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{
    admission,
    books::{self, Writer},
    eviction,
    fields::{self, number, text},
    list::{list, selector},
    patch,
    resources::{self, Resource},
    security,
    state::State,
    value::{Value, json},
    watch::Watch,
    wellformed,
};

/// The answer to a request.
pub(super) enum ApiAnswer {
    /// A document, or a text such as a log.
    Whole(u16, Vec<u8>),
    /// The lines of a watch, and whether it is stalled.
    Stream(UnboundedReceiver<Bytes>, Arc<AtomicBool>),
}

/// An error in the format of the API server.
pub(super) fn refuse(code: u16, reason: &str, message: impl Into<String>) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message.into(), "reason": reason, "code": code})
}

type Reply = Result<(u16, Value), Value>;

/// A parsed request.
pub(super) struct Call<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: BTreeMap<String, String>,
    pub content_type: &'a str,
    pub body: &'a [u8],
}

impl Call<'_> {
    fn json(&self) -> Result<Value, Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(self.body).map_err(|e| refuse(400, "BadRequest", e.to_string()))
    }

    pub(super) fn asks(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// Records a change in the managedFields of the object if the client names its field manager.
    fn enter(&self, state: &State, target: &Target, before: &Value, after: &mut Value) {
        if let Some(manager) = self.asks("fieldManager") {
            let subresource = target.sub.as_deref().unwrap_or("");
            let applies = self.content_type.starts_with("application/apply-patch");
            let now = fields::stamp(state.wall());
            books::enter(before, after, &Writer { manager, subresource, applies, now: &now });
        }
    }

    fn dry_run(&self, options: &Value) -> bool {
        self.asks("dryRun").is_some() || !fields::list(options, "/dryRun").is_empty()
    }
}

/// A parsed path.
pub(super) struct Target {
    pub resource: &'static Resource,
    pub namespace: Option<String>,
    name: Option<String>,
    sub: Option<String>,
}

fn target(path: &str) -> Option<Target> {
    let mut parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let group = match *parts.first()? {
        "api" => {
            parts.drain(..2.min(parts.len()));
            ""
        }
        "apis" if parts.len() > 3 => {
            let group = parts[1];
            parts.drain(..3);
            group
        }
        _ => return None,
    };
    let (namespace, rest) = match parts[..] {
        ["namespaces", namespace, plural, ..] if resources::find(group, plural).is_some_and(|r| r.namespaced) => {
            (Some(namespace.to_owned()), &parts[2..])
        }
        _ => (None, &parts[..]),
    };
    let resource = resources::find(group, rest.first()?)?;
    let part = |i: usize| rest.get(i).map(|p| (*p).to_owned());
    Some(Target { resource, namespace, name: part(1), sub: part(2) })
}

/// Answers a request.
pub(super) fn handle(state: &mut State, call: &Call<'_>) -> ApiAnswer {
    if let Some(document) = super::discovery::document(call.path) {
        return whole(Ok((200, document)));
    }
    if call.path.ends_with("/selfsubjectaccessreviews") {
        return whole(call.json().map(|mut review| {
            review["status"] = json!({"allowed": true, "reason": "everything is allowed in a simulated cluster"});
            (201, review)
        }));
    }
    let Some(target) = target(call.path) else {
        return whole(Err(refuse(404, "NotFound", "the server could not find the requested resource")));
    };
    if call.method == Method::GET && call.asks("watch").is_some_and(|w| w != "false") {
        return watch(state, call, &target);
    }
    if target.sub.as_deref() == Some("log") {
        let (namespace, name) = (target.namespace.as_deref().unwrap_or(""), target.name.as_deref().unwrap_or(""));
        return ApiAnswer::Whole(200, super::logs::of(state, namespace, name).into_bytes());
    }
    if call.method == Method::GET && target.name.is_none() {
        return match list(state, call, &target) {
            Ok(bytes) => ApiAnswer::Whole(200, bytes),
            Err(status) => whole(Err(status)),
        };
    }
    whole(dispatch(state, call, &target))
}

fn whole(reply: Reply) -> ApiAnswer {
    let (code, value) = match reply {
        Ok(reply) => reply,
        Err(status) => (u16::try_from(number(&status, "/code")).unwrap_or(500), status),
    };
    ApiAnswer::Whole(code, serde_json::to_vec(&value).unwrap_or_default())
}

fn dispatch(state: &mut State, call: &Call<'_>, target: &Target) -> Reply {
    match (call.method.as_str(), &target.name) {
        ("GET", Some(name)) => find(state, target, name).map(|o| (200, (*o).clone())),
        ("POST", None) => create(state, call, target),
        ("POST", Some(name)) if target.sub.as_deref() == Some("eviction") => {
            let options = call.json()?;
            let dry = call.dry_run(&options["deleteOptions"]);
            eviction::evict(state, target.namespace.as_deref().unwrap_or(""), name, &options["deleteOptions"], dry)
        }
        ("PUT", Some(name)) => replace(state, call, target, name),
        ("PATCH", Some(name)) => patched(state, call, target, name),
        ("DELETE", Some(name)) => delete(state, call, target, name),
        _ => Err(refuse(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")),
    }
}

fn missing(resource: &Resource, name: &str) -> Value {
    let mut status = refuse(404, "NotFound", format!("{} \"{name}\" not found", resource.full()));
    status["details"] = json!({"name": name, "kind": resource.plural});
    status
}

fn find(state: &State, target: &Target, name: &str) -> Result<Arc<Value>, Value> {
    let namespace = target.namespace.as_deref().unwrap_or("");
    if target.resource.plural == "leases" && namespace == "kube-node-lease" {
        return lease(state, name).map(Arc::new).ok_or_else(|| missing(target.resource, name));
    }
    state.store.get(target.resource.plural, namespace, name).cloned().ok_or_else(|| missing(target.resource, name))
}

/// Builds the lease of a node, as its kubelet renewed it last. It is built on request: hundreds of nodes would
/// otherwise write their leases every ten seconds, and nobody would read most of them.
fn lease(state: &State, node: &str) -> Option<Value> {
    let machine_is_there = state.machines.by_node.contains_key(node) && state.store.get("nodes", "", node).is_some();
    let renewed_us = state.machines.renewed_us(node, state.now_us, state.settings.clocks.renew);
    let renewed = state.by_clock_of(node, renewed_us);
    machine_is_there.then(|| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": node, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": node, "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()}})
    })
}

fn watch(state: &mut State, call: &Call<'_>, target: &Target) -> ApiAnswer {
    let selector = match selector(call) {
        Ok(selector) => selector,
        Err(status) => return whole(Err(status)),
    };
    if state.refuses_watch(target.resource) {
        return whole(Err(refuse(503, "ServiceUnavailable", "the server is currently unable to handle the request")));
    }
    let (sink, stream) = unbounded_channel();
    let name = call.asks("fieldSelector").and_then(|f| f.strip_prefix("metadata.name=")).map(str::to_owned);
    let stalled = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stalled);
    let (namespace, held) = (target.namespace.clone(), vec![]);
    let watch = Watch { resource: target.resource, namespace, selector, name, sink, stalled, held };
    let from = call.asks("resourceVersion").and_then(|v| v.parse().ok()).unwrap_or_else(|| state.store.version());
    state.store.watch(watch, from);
    ApiAnswer::Stream(stream, told)
}

fn create(state: &mut State, call: &Call<'_>, target: &Target) -> Reply {
    let mut object = call.json()?;
    let resource = target.resource;
    if !object.is_object() {
        return Err(refuse(400, "BadRequest", "the body is not an object"));
    }
    if object["metadata"].is_null() {
        object["metadata"] = json!({});
    }
    if let Some(namespace) = &target.namespace {
        object["metadata"]["namespace"] = namespace.clone().into();
        let Some(home) = state.store.get("namespaces", "", namespace) else {
            return Err(missing(resources::known("namespaces"), namespace));
        };
        if fields::is_terminating(home) {
            let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
            return Err(refuse(403, "Forbidden", why));
        }
    }
    if text(&object, "/metadata/name").is_empty() {
        let prefix = text(&object, "/metadata/generateName").to_owned();
        if prefix.is_empty() {
            return Err(refuse(422, "Invalid", "metadata.name: Required value: name or generateName is required"));
        }
        object["metadata"]["name"] = format!("{prefix}{}", state.suffix()).into();
    }
    let name = text(&object, "/metadata/name").to_owned();
    if state.store.get(resource.plural, target.namespace.as_deref().unwrap_or(""), &name).is_some() {
        let mut status = refuse(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.plural));
        status["details"] = json!({"name": name, "kind": resource.plural});
        return Err(status);
    }
    wellformed::check(resource, &object).map_err(|why| refuse(400, "BadRequest", why))?;
    admission::defaults(resource, &mut object, state);
    refused(state, resource, &object)?;
    if call.dry_run(&Value::Null) {
        return Ok((201, object));
    }
    call.enter(state, target, &Value::Null, &mut object);
    let now = state.wall();
    let made = state.store.create(resource, object, now);
    Ok((201, (*made).clone()))
}

/// Applies the checks of admission and validation that can reject an object.
fn refused(state: &State, resource: &Resource, object: &Value) -> Result<(), Value> {
    let home = state.store.get("namespaces", "", fields::namespace(object));
    if resource.plural == "pods"
        && let Some(why) = home.and_then(|home| security::pod_refused(home, object))
    {
        return Err(refuse(403, "Forbidden", why));
    }
    if resource.plural == "services"
        && let Some(why) = security::service_refused(object)
    {
        return Err(refuse(422, "Invalid", why));
    }
    Ok(())
}

/// Fails if the writer names a version that is not the current one.
fn current(now: &Value, version: &Value, resource: &Resource) -> Result<(), Value> {
    match version.as_str() {
        Some(version) if !version.is_empty() && version != text(now, "/metadata/resourceVersion") => {
            let name = fields::name(now);
            let why = format!(
                "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
                resource.plural
            );
            Err(refuse(409, "Conflict", why))
        }
        _ => Ok(()),
    }
}

fn replace(state: &mut State, call: &Call<'_>, target: &Target, name: &str) -> Reply {
    let now = find(state, target, name)?;
    let object = call.json()?;
    wellformed::check(target.resource, &object).map_err(|why| refuse(400, "BadRequest", why))?;
    current(&now, &object["metadata"]["resourceVersion"], target.resource)?;
    Ok((200, store(state, call, target, &now, object)))
}

fn patched(state: &mut State, call: &Call<'_>, target: &Target, name: &str) -> Reply {
    let body = call.json()?;
    let apply = call.content_type.starts_with("application/apply-patch");
    let now = match find(state, target, name) {
        Err(status) if apply && status["code"] == 404 => {
            let mut body = body;
            if !body.is_object() || !(body["metadata"].is_object() || body["metadata"].is_null()) {
                return Err(refuse(400, "BadRequest", "the body is not an object with metadata"));
            }
            body["metadata"]["name"] = name.into();
            let bytes = body.to_string().into_bytes();
            let call = Call { body: &bytes, query: call.query.clone(), ..*call };
            return create(
                state,
                &call,
                &Target { name: None, namespace: target.namespace.clone(), sub: None, ..*target },
            );
        }
        other => other?,
    };
    current(&now, &body["metadata"]["resourceVersion"], target.resource)?;
    same_uid(&now, &body["metadata"]["uid"], target, name)?;
    let object = patch::apply(&now, &body, call.content_type)?;
    wellformed::check(target.resource, &object).map_err(|why| refuse(422, "Invalid", why))?;
    Ok((200, store(state, call, target, &now, object)))
}

/// Fails if the patch contains a UID other than that of the object.
fn same_uid(now: &Value, sent: &Value, target: &Target, name: &str) -> Result<(), Value> {
    match sent.as_str() {
        Some(sent) if sent != fields::uid(now) => {
            let why = format!(
                "{} \"{name}\" is invalid: metadata.uid: Invalid value: \"{sent}\": field is immutable",
                target.resource.kind
            );
            Err(refuse(422, "Invalid", why))
        }
        _ => Ok(()),
    }
}

/// Writes an object, except for the fields that only the server may set.
fn store(state: &mut State, call: &Call<'_>, target: &Target, now: &Value, mut object: Value) -> Value {
    for field in ["uid", "creationTimestamp", "generation", "deletionTimestamp", "name", "namespace"] {
        match now["metadata"].get(field) {
            Some(value) => object["metadata"][field] = value.clone(),
            None => {
                if let Some(meta) = object["metadata"].as_object_mut() {
                    meta.remove(field);
                }
            }
        }
    }
    if target.sub.as_deref() == Some("status") {
        let status = object["status"].take();
        object = now.clone();
        object["status"] = status;
    }
    if call.dry_run(&Value::Null) {
        return object;
    }
    if target.sub.as_deref() != Some("status") {
        call.enter(state, target, now, &mut object);
    }
    if fields::is_terminating(&object)
        && fields::list(&object, "/metadata/finalizers").is_empty()
        && target.resource.plural != "pods"
        && target.resource.plural != "namespaces"
    {
        state.store.remove(target.resource.plural, fields::namespace(&object), fields::name(&object));
        return object;
    }
    (*state.store.update(target.resource.plural, object)).clone()
}

fn delete(state: &mut State, call: &Call<'_>, target: &Target, name: &str) -> Reply {
    let now = find(state, target, name)?;
    let options = call.json()?;
    let wanted = text(&options, "/preconditions/uid");
    if !wanted.is_empty() && wanted != fields::uid(&now) {
        let why =
            format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {}", fields::uid(&now));
        return Err(refuse(409, "Conflict", why));
    }
    let (wanted, found) = (text(&options, "/preconditions/resourceVersion"), text(&now, "/metadata/resourceVersion"));
    if !wanted.is_empty() && wanted != found {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {found}"
        );
        return Err(refuse(409, "Conflict", why));
    }
    if !call.dry_run(&options) {
        let grace = options["gracePeriodSeconds"].as_i64().or_else(|| call.asks("gracePeriodSeconds")?.parse().ok());
        let orphan = options["propagationPolicy"] == "Orphan";
        state.delete(target.resource, &now, grace, orphan);
    }
    Ok((
        200,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": name, "kind": target.resource.plural, "uid": fields::uid(&now)}}),
    ))
}
