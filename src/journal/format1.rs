//! Converts lines of format 1 (version 0.1.0) to the current shape: what was text or JSON then is a type now. Only the
//! shape changes; nothing is judged or left out.

use serde_json::{Map, Value, json};

/// Converts an event of format 1.
pub(super) fn upgrade(event: &mut Value) {
    match event.get("kind").and_then(Value::as_str) {
        Some("PlanFrozen") => plan(&mut event["plan"]),
        Some("RunStarted") => reach(event),
        Some("StepFinished") => {
            let ok = event["ok"] == true;
            event["end"] = if ok { "done" } else { "failed" }.into();
            remove(event, "ok");
        }
        Some("StepResult") => event["result"] = result(event["result"].take()),
        _ => {}
    }
}

/// Converts the names of files. The rest of what the undo needs was not recorded.
fn reach(event: &mut Value) {
    let reach = event["reach"].take();
    let files: Vec<Value> = reach.get("kubeconfig").cloned().into_iter().collect();
    let empty = || Value::String(String::new());
    event["way_back"] = json!({
        "context": reach.get("context").cloned().unwrap_or_else(empty),
        "recovery": reach.get("recovery"), "inCluster": reach.get("inCluster").is_some(),
        "kubeconfigs": files, "bindings": reach.get("bindings"),
        "scenario": reach.get("scenario").cloned().unwrap_or_else(empty),
    });
    remove(event, "reach");
}

/// Format 1 contained a step twice: its verb, and the whole step as in the scenario.
fn plan(plan: &mut Value) {
    for step in plan["steps"].as_array_mut().into_iter().flatten() {
        let verb = step["verb"].as_str().unwrap_or_default().to_owned();
        let spec = step["spec"].get_mut(&verb).map(Value::take).unwrap_or_default();
        step["step"] = json!({ verb: spec });
        remove(step, "verb");
        remove(step, "spec");
    }
    for prediction in plan["predictions"].as_array_mut().into_iter().flatten() {
        // Format 1 marks such a prediction only by this text.
        if prediction["because"].as_str().is_some_and(|text| text.contains("clocks of the bindings")) {
            prediction["basis"] = "bindings".into();
        }
    }
}

/// Results in format 1 have no type name. Their fields show which step they come from.
fn result(mut old: Value) -> Value {
    if old.get("restore").is_some() {
        return restore(old);
    }
    old["of"] = if old.get("capture").is_some() { "backup" } else { "deletion" }.into();
    remove(&mut old, "phase");
    old
}

fn restore(mut old: Value) -> Value {
    let mut volumes = old["volumes"].take();
    for difference in old["differences"].as_array_mut().into_iter().flatten() {
        let object = object(difference["object"].as_str().unwrap_or_default());
        let what = differs(difference["what"].as_str().unwrap_or_default());
        *difference = json!({"object": object, "what": what});
    }
    old["of"] = "restore".into();
    old["velero"] = volumes["velero"].take();
    old["files"] = files(&volumes);
    remove(&mut old, "volumes");
    remove(&mut old, "phase");
    old
}

/// `namespace/Kind/name`.
fn object(text: &str) -> Value {
    let mut parts = text.splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default();
    json!({"namespace": next(), "kind": next(), "name": next()})
}

fn differs(text: &str) -> Value {
    match text.strip_prefix("changed at ") {
        Some(fields) => json!({"changedAt": fields.split(", ").collect::<Vec<_>>()}),
        None => "missing".into(),
    }
}

fn files(volumes: &Value) -> Value {
    if let Some(why) = volumes.get("unreadable") {
        return json!({"read": "unreadable", "why": why});
    }
    let Some(compared) = volumes.get("compared") else {
        return json!({"read": "nothingBefore", "volumes": volumes["read"], "files": volumes["files"]});
    };
    let wrong: Vec<Value> =
        volumes["wrong"].as_array().into_iter().flatten().filter_map(Value::as_str).map(file).collect();
    json!({"read": "compared", "volumes": compared, "files": volumes["files"], "wrong": wrong})
}

/// `claim: file differs` or `claim: file is missing`.
fn file(text: &str) -> Value {
    let (claim, rest) = text.split_once(": ").unwrap_or(("", text));
    let (file, missing) = match rest.strip_suffix(" is missing") {
        Some(file) => (file, true),
        None => (rest.strip_suffix(" differs").unwrap_or(rest), false),
    };
    json!({"claim": claim, "file": file, "missing": missing})
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().map(|map: &mut Map<String, Value>| map.remove(key));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Kind, StepEnd},
        model::{Differs, FilesRead, StepResult, Verb},
    };

    fn read(mut old: Value) -> Kind {
        upgrade(&mut old);
        serde_json::from_value(old).expect("it is of today's shape")
    }

    #[test]
    fn a_restore_of_format_1_says_the_same_in_types() {
        let kind = read(json!({"kind": "StepResult", "step": "brought back", "result": {
            "restore": "r", "backup": "b", "namespace": "shop", "phase": "Completed",
            "sentUs": 1, "completedUs": 2, "readyUs": 3, "warnings": null, "errors": 0, "objects": 22,
            "differences": [{"object": "shop/Service/web", "what": "missing"},
                            {"object": "/Namespace/shop", "what": "changed at /metadata/labels/a, /metadata/labels/b"}],
            "volumes": {"velero": {"held": ["data-0"], "restores": 1, "completed": 1}, "compared": 1, "files": 2,
                        "wrong": ["data-0: ./a b: c is missing", "data-0: ./d differs"]},
            "ready": "ready pods: deployment/web 3/3"}}));
        let Kind::StepResult { result, .. } = kind else { panic!("{kind:?}") };
        let StepResult::Restore(restored) = *result else { panic!("{result:?}") };
        assert_eq!(restored.missing().map(ToString::to_string).collect::<Vec<_>>(), ["shop/Service/web missing"]);
        assert_eq!(restored.differences[1].object.to_string(), "/Namespace/shop");
        let fields = ["/metadata/labels/a", "/metadata/labels/b"].map(str::to_owned).to_vec();
        assert_eq!(restored.differences[1].what, Differs::ChangedAt(fields));
        let said: Vec<String> = restored.files.wrong().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["data-0: ./a b: c is missing", "data-0: ./d differs"]);
        assert!(matches!(restored.files, FilesRead::Compared { volumes: 1, files: 2, .. }));
    }

    #[test]
    fn a_backup_and_a_deletion_are_told_apart() {
        let backup = read(json!({"kind": "StepResult", "step": "s", "result": {
            "backup": "b", "phase": "Completed", "namespaces": ["shop"], "started": "2026-11-23T10:00:00Z",
            "completed": null, "expires": null, "items": 7, "volumes": [], "capture": "fileSystem", "checksums": {},
            "unreadable": null}}));
        let deletion = read(json!({"kind": "StepResult", "step": "s", "result": {
            "namespace": "shop", "backup": "b", "volumes": ["pvc-1 deleted"]}}));
        let of = |kind| match kind {
            Kind::StepResult { result, .. } => *result,
            other => panic!("{other:?}"),
        };
        assert!(matches!(of(backup), StepResult::Backup(b) if b.items == Some(7) && b.started.is_some()));
        assert!(matches!(of(deletion), StepResult::Deletion(d) if d.volumes == ["pvc-1 deleted"]));
    }

    #[test]
    fn a_step_of_a_plan_is_its_verb() {
        let mut old = json!({"kind": "PlanFrozen", "plan": {
            "steps": [{"name": "outage", "verb": "killZone", "class": "fault", "acts": [], "on_stop": "",
                       "spec": {"name": "outage", "killZone": {"zone": "a", "how": "kill"}}}]}});
        upgrade(&mut old);
        let step: crate::model::PlannedStep =
            serde_json::from_value(old["plan"]["steps"][0].take()).expect("a step of today");
        assert!(matches!(step.verb(), Some(Verb::KillZone(spec)) if spec.zone == "a"));
        let ended = read(json!({"kind": "StepFinished", "step": "outage", "ok": true, "detail": ""}));
        assert!(matches!(ended, Kind::StepFinished { end: StepEnd::Done, .. }));
    }
}
