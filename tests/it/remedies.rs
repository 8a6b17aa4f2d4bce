//! The changes that a review proposes. Each must fix the finding for which it is proposed. The script that prints them
//! must do nothing else, whatever the names of the objects are.

use std::{path::Path, process::Command};

use drillmaster::{
    inventory::{ReviewSource, documents},
    model::{Change, Review, Ruling, State},
    readiness::{ReviewSettings, review, try_changes},
    report,
};
use serde_json::Value;

use crate::checks::{asked, now, object_set, part};

/// The objects of an example after a change to one of them.
pub(crate) fn changed(text: &str, change: &Change) -> String {
    let mut objects: Vec<Value> =
        documents(text).into_iter().map(|(_, d)| serde_saphyr::from_str(d).unwrap()).collect();
    match change {
        Change::Create(object) => objects.push(object.clone()),
        Change::Patch { kind, namespace, name, body, strategic } => {
            let kind = kind.split('.').next().unwrap();
            let object = objects.iter_mut().find(|o| {
                o["kind"] == kind
                    && o.pointer("/metadata/name") == Some(&name.as_str().into())
                    && o.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("") == namespace
            });
            let object = object.expect("the patch must be for an existing object");
            let constraints = "/spec/template/spec/topologySpreadConstraints";
            let before = object.pointer(constraints).and_then(Value::as_array).cloned().unwrap_or_default();
            json_patch::merge(object, body);
            // The API server joins this list.
            if let Some(after) = object.pointer_mut(constraints).and_then(Value::as_array_mut).filter(|_| *strategic) {
                let kept = |old: &Value| after.iter().all(|new| new["topologyKey"] != old["topologyKey"]);
                let kept: Vec<Value> = before.into_iter().filter(kept).collect();
                after.extend(kept);
            }
        }
    }
    objects.iter().map(|o| format!("{o}\n---\n")).collect()
}

#[test]
fn each_remedy_mends_what_it_is_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut mended = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (drill, fails) = (part(&text, "drill"), part(&text, "fails"));
        let before = asked(fails, drill, &id, ReviewSource::Live);
        for ruling in before.results.iter().filter(|r| r.state == State::Fail) {
            let Some(remedy) = &ruling.remedy else { continue };
            let after = asked(&changed(fails, &remedy.change), drill, &id, ReviewSource::Live);
            let left = after.results.iter().find(|r| r.state == State::Fail && r.fingerprint == ruling.fingerprint);
            assert_eq!(left, None, "{id}: {remedy:?}");
            assert!(
                after.tally.fail < before.tally.fail,
                "{id}: the change causes other findings: {:#?}",
                after.results
            );
            mended.insert(id.clone());
        }
    }
    let all: Vec<&str> = mended.iter().map(String::as_str).collect();
    assert_eq!(
        all,
        ["AFF-001", "BCK-002", "NET-001", "NET-002", "PDB-001", "PDB-006", "RBAC-007", "WRK-001", "ZON-002", "ZON-005"]
    );
}

/// The names of the objects that a review proposes to create.
fn created(text: &str, only: &str) -> Vec<String> {
    let found = asked(text, "", only, ReviewSource::Live);
    let remedies = found.results.iter().filter_map(|r| r.remedy.as_ref());
    let name = |remedy: &drillmaster::model::Remedy| match &remedy.change {
        Change::Create(object) => Some(object["metadata"]["name"].as_str().unwrap().to_owned()),
        Change::Patch { .. } => None,
    };
    remedies.filter_map(name).collect()
}

fn work(kind: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: 3\n  \
         selector: {{matchLabels: {{app: {kind}}}}}\n  template:\n    metadata: {{labels: {{app: {kind}}}}}\n    \
         spec: {{containers: [{{name: web, image: 'i:1', ports: [{{containerPort: 80}}]}}]}}\n---\n"
    )
}

/// Found by running the script on a real API server.
#[test]
fn a_budget_gets_a_name_that_is_free() {
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\n\
                  spec: {maxUnavailable: 1, selector: {matchLabels: {app: other}}}\n---\n";
    assert_eq!(created(&work("Deployment"), "PDB-001"), ["web"]);
    assert_eq!(created(&(work("Deployment") + budget), "PDB-001"), ["web-deployment"]);
    assert_eq!(
        created(&(work("Deployment") + budget + &budget.replace("name: web", "name: web-deployment")), "PDB-001").len(),
        0
    );
    let mut both = created(&(work("Deployment") + &work("StatefulSet")), "PDB-001");
    both.sort();
    assert_eq!(both, ["web-deployment", "web-statefulset"]);
    // A third workload is named as the first budget would be.
    let third =
        work("Deployment").replace("{name: web, n", "{name: web-deployment, n").replace("app: Dep", "app: third");
    let mut all = created(&(work("Deployment") + &work("StatefulSet") + &third), "PDB-001");
    all.sort();
    assert_eq!(all, ["web-deployment", "web-statefulset"], "the first is of the third workload");
}

/// Found by a review of what the script leaves: nobody could reach the Services any more.
#[test]
fn what_serves_is_not_isolated_without_its_callers() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                   spec: {selector: {app: Deployment}, ports: [{port: 80}]}\n---\n";
    assert_eq!(created(&work("Deployment"), "NET-001"), ["default-deny-ingress"]);
    let served = asked(&(work("Deployment") + service), "", "*", ReviewSource::Manifests);
    let mut isolating = served.results.iter().filter(|r| r.check == "NET-001").filter_map(|r| r.remedy.as_ref());
    assert!(isolating.next().is_some_and(|remedy| remedy.held_back.contains("first allow their callers")));
    let narrow = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                  metadata: {name: default-deny-ingress, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress]}\n---\n";
    assert_eq!(created(&(work("Deployment") + narrow), "NET-001").len(), 0);
}

#[test]
fn the_script_runs_as_it_is_and_no_name_becomes_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let bad = "a'; touch \\\"$HERE/harm\\\"; $(touch $HERE/harm) `touch $HERE/harm`\\nEOF\\ntouch $HERE/harm\\n";
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: \"{bad}\", namespace: \"-{bad}\"}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{\"{bad}\": \"{bad}\"}}}}\n  template: {{metadata: {{labels: {{\"{bad}\": \"{bad}\"}}}}, \
         spec: {{containers: [{{name: c, image: i}}]}}}}\n"
    );
    let script = report::fix_plan(&asked(&text, "", "*", ReviewSource::Manifests), &[]);
    let stub = folder.path().join("kubectl");
    std::fs::write(&stub, "#!/bin/sh\necho \"$1 $2 $3\" >> \"$HERE/calls\"\ncat > /dev/null\n").unwrap();
    let runs = |context: &[(&str, &str)]| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("chmod +x \"$HERE/kubectl\"; PATH=\"$HERE:$PATH\"\n{script}"));
        command.env("HERE", folder.path()).env_remove("CONTEXT").envs(context.iter().copied());
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    let unnamed = runs(&[]);
    assert!(!unnamed.status.success(), "without a context, the script must change nothing");
    assert!(!folder.path().join("calls").exists());
    let output = runs(&[("CONTEXT", "kind-x")]);
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("harm").exists(), "{script}");
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert!(calls.lines().count() >= 4, "{calls}");
    assert!(calls.lines().all(|l| l == "--context kind-x create" || l == "--context kind-x patch"), "{calls}");
}

/// The review of some files after its changes were tried, and the findings that the plan adds.
pub(crate) fn tried(text: &str) -> (Review, Vec<Ruling>) {
    let object_set = object_set(text, ReviewSource::Manifests);
    let settings = ReviewSettings::default();
    let mut found = review(&object_set, &settings, "shop", "full", now());
    let more = try_changes(&object_set, &settings, now(), &mut found);
    (found, more)
}

fn app(name: &str, pod: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  replicas: 1\n  selector: \
         {{matchLabels: {{app: {name}}}}}\n  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {pod}}}\n---\n"
    )
}

#[test]
fn a_plan_causes_no_finding_that_it_does_not_mend() {
    let text = app("web", "{containers: [{name: web, image: 'i:1', ports: [{containerPort: 8080}]}]}")
        + "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80, \
           targetPort: 8080}]}\n";
    let (before, more) = tried(&text);
    // A second replica needs a budget and a spread, which one replica does not.
    let added: Vec<&str> = more.iter().map(|r| r.check.as_ref()).collect();
    assert!(["PDB-001", "AFF-001", "ZON-002"].iter().all(|id| added.contains(id)), "{added:?}");
    let live = before.results.iter().chain(&more).filter(|r| r.state == State::Fail);
    let live: Vec<&Change> =
        live.filter_map(|r| r.remedy.as_ref()).filter(|m| !m.is_held_back()).map(|m| &m.change).collect();
    let mut applied: Vec<&Change> = vec![];
    let mut after = text.clone();
    for change in live {
        if !applied.contains(&change) {
            after = changed(&after, change);
            applied.push(change);
        }
    }
    let after = asked(&after, "", "*", ReviewSource::Manifests);
    let known = |r: &Ruling| before.results.iter().any(|b| b.fingerprint == r.fingerprint && b.state == r.state);
    let worse: Vec<&Ruling> =
        after.results.iter().filter(|r| matches!(r.state, State::Fail | State::Unknown) && !known(r)).collect();
    assert!(worse.is_empty(), "{worse:#?}");
    assert!(after.tally.fail < before.tally.fail);
}

#[test]
fn a_change_that_would_cause_a_finding_is_held_back() {
    let held_back = |text: &str, id: &str| {
        let (found, _) = tried(text);
        let of_web = |r: &&Ruling| r.check == id && r.subject.name == "web";
        found.results.iter().find(of_web).unwrap().remedy.clone().unwrap().held_back
    };
    let two = |name: &str| app(name, "{containers: [{name: c, image: 'i:1'}]}").replace("replicas: 1", "replicas: 2");
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {maxUnavailable: 1, \
                  unhealthyPodEvictionPolicy: AlwaysAllow, selector: {matchLabels: {app: api}}}\n---\n";
    assert_eq!(held_back(&(two("web") + &two("api") + budget), "PDB-001"), "", "the new budget gets another name");
    // Two replicas need a spread, and no patch can add one to a Rollout, whose lists are replaced as a whole.
    let rollout = app("web", "{containers: [{name: c, image: 'i:1'}]}")
        .replace("apps/v1", "argoproj.io/v1alpha1")
        .replace("kind: Deployment", "kind: Rollout");
    let why = held_back(&rollout, "WRK-001");
    assert!(why.starts_with("it would cause AFF-001 for Rollout shop/web"), "{why}");
}

#[test]
fn nothing_that_keeps_data_is_scaled() {
    let mount = |path: &str| {
        format!(
            "{{containers: [{{name: c, image: 'i:1', volumeMounts: [{{name: v, mountPath: {path}}}]}}], volumes: [{{name: v, emptyDir: {{}}}}]}}"
        )
    };
    let claim =
        "{containers: [{name: c, image: 'i:1'}], volumes: [{name: v, persistentVolumeClaim: {claimName: one}}]}";
    let scaled = |pod: &str, kind: &str| {
        let text = app("web", pod).replace("kind: Deployment", &format!("kind: {kind}"));
        let found = asked(&text, "", "WRK-001", ReviewSource::Manifests);
        assert_eq!(found.tally.fail, 1);
        found.results.iter().any(|r| r.state == State::Fail && r.remedy.is_some())
    };
    for pod in [
        &mount("/data"),
        claim,
        "{containers: [{name: c, image: 'redis:7'}]}",
        "{containers: [{name: c, image: 'postgres:16'}]}",
    ] {
        assert!(!scaled(pod, "Deployment"), "{pod}");
    }
    assert!(!scaled("{containers: [{name: c, image: 'i:1'}]}", "StatefulSet"));
    assert!(scaled(&mount("/tmp/work"), "Deployment"));
}

#[test]
fn the_plan_comments_what_needs_a_person_and_names_a_namespace() {
    let text = app("web", "{containers: [{name: web, image: 'i:1'}]}").replace(", namespace: shop", "");
    let (found, more) = tried(&text);
    let plan = report::fix_plan(&found, &more);
    crate::golden::check("fix-plan.txt", &plan);
    let live: Vec<&str> = plan.lines().filter(|l| !l.starts_with('#')).collect();
    assert!(
        live.iter().filter(|l| l.starts_with("kubectl")).all(|l| l.contains("--namespace \"$NAMESPACE\"")),
        "{plan}"
    );
    assert!(plan.contains("default-deny") && !live.iter().any(|l| l.contains("default-deny")), "{plan}");
    let run = Command::new("/bin/sh")
        .args(["-c", &plan])
        .env("CONTEXT", "x")
        .env("PATH", "/nowhere")
        .env_remove("NAMESPACE")
        .output();
    let said = run.map(|out| String::from_utf8_lossy(&out.stderr).into_owned());
    assert!(said.as_ref().is_ok_and(|said| said.contains("set NAMESPACE")), "{said:?}");
}
