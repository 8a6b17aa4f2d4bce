//! API versions: whether the cluster that the objects are meant for serves them.

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say},
        fields::unknown_fields,
        picture::Picture,
        versions::{Known, Life, known, target},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "API-001",
        name: "api-version-served",
        title: "Kubernetes serves the API version of every object",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE, REGION],
        needs: Needs::Manifests,
        rule: "Kubernetes serves the apiVersion and kind of each object, in the version of --kubernetes-version, else of the second cluster, else of the cluster, else in the newest version that drillmaster knows (1.37). One that is removed, that does not exist in this group, or that is misspelt fails. One that is deprecated is low. Custom resources are not examined. All other checks judge an object of a removed version like one of the current version.",
        fix: "Write the object in the version that the finding names (kubectl convert), and take a new backup of it",
        why: "The API server refuses such an object, and a restore into a newer cluster loses it.",
        run: served,
    },
    Check {
        id: "API-002",
        name: "fields-known",
        title: "Every field exists in the API",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Each object of Kubernetes itself has only fields that its kind has in Kubernetes 1.37, outside its metadata. Custom resources and objects of removed versions (see API-001) are not examined. Only files are examined: the API server keeps only fields that it knows, and a capture only some of them.",
        fix: "Correct the name of the field, mostly its capital letters or its place; remove it otherwise",
        why: "kubectl refuses such an object; other tools apply it without the field, for example without a probe.",
        run: fields,
    },
];

fn served(p: &Picture<'_>, say: &mut Say) {
    let minor = target(p);
    let mut pods = false;
    for object in p.object_set.objects.values().flatten() {
        let namespace = &object.metadata.namespace;
        if !namespace.is_empty() && !p.in_scope(namespace) {
            continue;
        }
        pods |= *object.kind == *"Pod";
        judge(object, minor, say);
    }
    if !pods && p.object_set.pods.iter().any(|pod| p.in_scope(&pod.metadata.namespace)) {
        say.pass(Subject::named("Pod", "", "of controllers"));
    }
}

/// The most fields that a finding names.
const NAMED: usize = 5;

fn fields(p: &Picture<'_>, say: &mut Say) {
    if p.is_cluster() {
        return say.skip(Subject::default(), "the API server keeps only fields that it knows: check the files");
    }
    for object in p.object_set.objects.values().flatten() {
        let meta = &object.metadata;
        let ours = meta.namespace.is_empty() || p.in_scope(&meta.namespace);
        let found = unknown_fields(&object.group, &object.version, &object.kind, &object.body);
        let Some(found) = found.filter(|_| ours) else { continue };
        let Some(first) = found.first() else {
            say.pass(object);
            continue;
        };
        let told = found.iter().take(NAMED).map(|field| match field.meant {
            "" => field.pointer.clone(),
            meant => format!("{} (the field is {meant})", field.pointer),
        });
        let told: Vec<String> = told.collect();
        let more = if found.len() > NAMED { format!(" and {} more", found.len() - NAMED) } else { String::new() };
        let text = format!("Kubernetes has no such field: {}{more}", told.join(", "));
        say.fail(object, first.pointer.clone(), text);
    }
}

fn judge(object: &Object, minor: u32, say: &mut Say) {
    let api = written(object);
    let kind = &object.kind;
    let wrong = match known(&object.group, &object.version, kind) {
        Known::Foreign => return,
        Known::Version(life) if life.is_served(minor) && life.deprecated.is_some_and(|at| at <= minor) => {
            let end = life.removed.map_or(String::new(), |at| format!(", and 1.{at} does not serve it"));
            let text =
                format!("{api} {kind} is deprecated since 1.{}{end}{}", life.deprecated.unwrap_or(0), instead(&life));
            return say.fail_as(Severity::Low, object, "/apiVersion", text);
        }
        Known::Version(life) if life.is_served(minor) && life.since <= minor => return say.pass(object),
        Known::Version(life) if life.is_served(minor) => {
            format!("{api} {kind} exists since 1.{}: 1.{minor} does not serve it", life.since)
        }
        Known::Version(life) => {
            let since = life.removed.unwrap_or(minor);
            format!("{api} {kind} was removed in 1.{since}: 1.{minor} does not serve it{}", instead(&life))
        }
        Known::OtherVersion(version) => {
            let api = if object.group.is_empty() { version.to_owned() } else { format!("{}/{version}", object.group) };
            format!("no version of Kubernetes serves {} {kind}: use {api}", written(object))
        }
        Known::OtherGroup(to) => format!("no version of Kubernetes serves {api} {kind}: use {to}"),
        Known::OtherSpelling(name) => format!("no version of Kubernetes serves {api} {kind}: the kind is {name}"),
        Known::NoSuchKind => format!("no version of Kubernetes serves {api} {kind}"),
    };
    say.fail(object, "/apiVersion", wrong);
}

fn written(object: &Object) -> String {
    if object.group.is_empty() { object.version.to_string() } else { format!("{}/{}", object.group, object.version) }
}

fn instead(life: &Life) -> String {
    if life.instead.is_empty() { String::new() } else { format!("; use {}", life.instead) }
}
