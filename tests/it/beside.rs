//! Restores into a scratch namespace of the simulated cluster: what is left out or changed, whether the isolation is
//! proven, and when the namespace is kept.

use drillmaster::{
    event::{Event, Kind},
    journal::read,
    model::{Exit, Isolation, Judgement, Outcome, Restored, StepResult},
    report,
    sim::{Description, NetworkPolicies},
    verdict::ReadRun,
    world::ApiCall,
};
use serde_json::{Value, json};

use super::{
    rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario, scenario_text},
    sweep::is_load_bearing,
};

/// A shop with many objects that have an effect outside their namespace.
fn busy_shop() -> Description {
    let mut shop = cluster("small-shop");
    let of = |kind: &str, name: &str, rest: Value| {
        let mut object = json!({"kind": kind, "metadata": {"name": name, "namespace": "shop"}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let ports = json!([{"name": "http", "port": 80, "nodePort": 30080}]);
    shop.objects.extend([
        of(
            "Service",
            "public",
            json!({"spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": ports,
            "loadBalancerSourceRanges": ["192.0.2.0/24"], "healthCheckNodePort": 31000}}),
        ),
        of("Service", "port", json!({"spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": ports}})),
        of(
            "NetworkPolicy",
            "allow-all",
            json!({"spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}}),
        ),
        of("Ingress", "web", json!({"spec": {"rules": []}})),
        of("CronJob", "report", json!({"spec": {"schedule": "* * * * *"}})),
        of(
            "Job",
            "import",
            json!({"spec": {"completions": 1, "template": {"metadata": {"labels": {"app": "import"}},
            "spec": {"containers": [{"name": "import", "image": "none"}]}}}}),
        ),
        of(
            "Job",
            "imported",
            json!({"spec": {"completions": 1, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "import", "image": "none"}]}}}}),
        ),
    ]);
    shop
}

fn restored(events: &[Event]) -> Restored {
    let found = events.iter().find_map(|e| match &e.event {
        Kind::StepResult { result, .. } => match &**result {
            StepResult::Restore(restored) => Some(restored.clone()),
            _ => None,
        },
        _ => None,
    });
    found.expect("no restore ran to its end")
}

fn judgement(events: &[Event], word: &str) -> Judgement {
    let all = events.iter().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements.clone()),
        _ => None,
    });
    all.unwrap().into_iter().find(|j| j.expectation.contains(word)).unwrap()
}

/// Runs the drill and returns the stage, too.
fn drill(shop: &Description, text: Option<&str>) -> (Ended, Rehearsal) {
    let loaded = match text {
        Some(text) => scenario_text(text, shop),
        None => scenario("restore-to-scratch", shop),
    };
    on_paused_time(async {
        let stage = Rehearsal::set(shop, 1).await;
        let ended = stage.drill(&loaded, None).await;
        (ended, stage)
    })
}

#[test]
fn what_reaches_out_of_the_namespace_is_changed_or_left_out_and_told() {
    let (ended, _) = drill(&busy_shop(), None);
    let done = restored(&ended.events);
    assert_eq!(done.differences, [], "the isolation must not count as a difference");
    let told = done.left_out.join("\n");
    for word in ["NetworkPolicy/allow-all", "Ingress/web", "Job/imported"] {
        assert!(told.contains(word), "{told}");
    }
    assert!(!told.contains("Job/import ("), "an unfinished Job is restored, suspended: {told}");
    let said = judgement(&ended.events, "objects complete");
    assert_eq!(said.outcome, Outcome::Pass, "{}", said.because);
    assert!(said.because.to_string().contains("left out on purpose"), "{}", said.because);
    assert_eq!(ended.exit, Some(Exit::Passed), "{:?}", ended.events.last());
}

#[test]
fn isolation_is_proven_where_policies_hold_and_told_where_not() {
    let mut shop = busy_shop();
    let (ended, _) = drill(&shop, None);
    let proven = restored(&ended.events).isolation.unwrap();
    assert!(matches!(&proven, Isolation::Proven { tried } if tried.contains("the API server")), "{proven}");
    shop.network_policies = NetworkPolicies::Ignored;
    let (ended, _) = drill(&shop, None);
    let unproven = restored(&ended.events).isolation.unwrap();
    assert!(matches!(&unproven, Isolation::Unproven { why } if why.contains("in spite of the policy")), "{unproven}");
    let said = judgement(&ended.events, "objects complete").because.to_string();
    assert!(said.contains("isolation unproven"), "{said}");
    assert_eq!(ended.exit, Some(Exit::Passed), "unproven isolation is reported, but fails nothing");
}

#[test]
fn a_plan_says_beforehand_what_it_cannot_know() {
    let notes = |events: &[Event]| {
        let plan = events.iter().find_map(|e| match &e.event {
            Kind::PlanFrozen { plan } => Some(plan.clone()),
            _ => None,
        });
        plan.unwrap().steps.iter().flat_map(|s| s.notes.clone()).collect::<Vec<_>>().join("\n")
    };
    let mut shop = busy_shop();
    shop.objects.push(json!({"kind": "Namespace", "metadata": {"name": "drill-scratch-0123456789",
        "labels": {"drillmaster.dev/run": "20260101t000000000-old"}}}));
    let (ended, stage) = drill(&shop, None);
    let said = notes(&ended.events);
    assert!(said.contains("nothing in this cluster is known to enforce NetworkPolicies"), "{said}");
    assert!(said.contains("drill-scratch-0123456789 of run 20260101t000000000-old"), "{said}");
    let left = stage.simulation.picture();
    assert!(
        left.iter().any(|o| o["metadata"]["name"] == "drill-scratch-0123456789"),
        "the scratch namespace of another run must stay"
    );
}

fn kept(volumes: &str) -> String {
    format!(
        "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {{name: kept, title: A scratch namespace that is kept}}
hypothesis: What is not as it should be can be looked at afterwards.
scope: {{namespaces: [shop], critical: [deployment/web]}}
steps:
  - name: beside
    restore: {{schedule: nightly, newestWithin: 26h, namespace: shop, into: scratch, cleanUp: onSuccess}}
expect:
  - restore: {{of: beside, objects: complete, volumes: {volumes}}}
limits: {{duration: 30m}}
"
    )
}

fn scratch_there(stage: &Rehearsal) -> bool {
    let ours = |o: &Value| o["kind"] == "Namespace" && o["metadata"]["name"].to_string().contains("drill-scratch");
    stage.simulation.picture().iter().any(ours)
}

#[test]
fn a_namespace_is_kept_where_the_restore_is_not_as_expected_and_only_there() {
    let shop = cluster("small-shop");
    let (ended, stage) = drill(&shop, Some(&kept("restored")));
    assert_eq!((ended.exit, scratch_there(&stage)), (Some(Exit::Passed), false), "{:?}", ended.events.last());
    let (ended, stage) = drill(&shop, Some(&kept("none")));
    assert_eq!(ended.exit, Some(Exit::Failed));
    assert!(scratch_there(&stage), "the scratch namespace must be kept");
    let kept = ended.events.iter().find_map(|e| match &e.event {
        Kind::FaultKept { commands, .. } => Some(commands.join("\n")),
        _ => None,
    });
    assert!(kept.unwrap().contains("kubectl delete namespace drill-scratch-"));
    let Some(Kind::RunEnded { detail, .. }) = ended.events.last().map(|e| &e.event) else { panic!("no end") };
    let detail = detail.to_string();
    assert!(
        !detail.contains("the cluster is as before") && detail.contains("kept namespace drill-scratch-"),
        "{detail}"
    );
    // The namespace is kept on purpose, so no report asks anybody to remove it.
    let story = report::story_of_events(&ended.events);
    let document = report::document(&story, &ReadRun::of(&ended.events), &report::Beside::default());
    let told = [report::summary(&story, false), report::markdown(&document), report::html(&document)];
    for wrong in ["OPEN ", "By hand, for", "Not put back"] {
        assert!(told.iter().all(|text| !text.contains(wrong)), "{wrong}: {told:?}");
    }
    assert!(told.iter().all(|text| text.contains("kubectl delete namespace drill-scratch-")), "{told:?}");
}

/// A drill dies at any line and is recovered. Its namespace is kept only if the restore into it was begun, the report
/// lists it once, and no test pod stays.
#[test]
fn a_drill_that_died_keeps_only_a_namespace_with_a_restore_in_it() {
    let shop = cluster("small-shop");
    let loaded = scenario_text(&kept("none"), &shop);
    let whole = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    let (mut with, mut without, mut pods) = (0, 0, 0);
    // Progress lines are written while a pod is running.
    let tried = |e: &Event| is_load_bearing(e) || matches!(e.event, Kind::StepProgress { .. });
    for event in whole.events.iter().filter(|e| tried(e)) {
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            let ended = stage.drill(&loaded, Some(event.seq)).await;
            let at = format!("killed after line {} ({})", event.seq, event.event.name());
            pods += test_pods(&stage);
            // Requests that were sent are processed, even if their sender is dead.
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            let begun = stage.simulation.picture().iter().any(|o| o["kind"] == "Restore");
            if ended.exit.is_none() {
                let exit = stage.recover().await;
                assert!(matches!(exit, Exit::Passed | Exit::Failed | Exit::Aborted), "{at}: {exit:?}");
            }
            assert_eq!(scratch_there(&stage), begun, "{at}: kept {begun}?");
            with += u32::from(begun);
            without += u32::from(!begun);
            assert_eq!(test_pods(&stage), 0, "{at}");
            let told = left_behind(&read(&stage.run_dir()).unwrap().events);
            assert_eq!(
                told.iter().filter(|what| what.starts_with("namespace ")).count(),
                usize::from(begun),
                "{at}: {told:?}"
            );
        });
    }
    assert!(
        with > 3 && without > 3 && pods > 0,
        "{with} kept, {without} not, {pods} test pods: the sweep no longer reaches all cases"
    );
}

fn test_pods(stage: &Rehearsal) -> usize {
    let of_it = |o: &&Value| o["metadata"]["labels"]["drillmaster.dev/role"] == "reach";
    stage.simulation.picture().iter().filter(of_it).count()
}

fn left_behind(events: &[Event]) -> Vec<String> {
    let what = |e: &Event| match &e.event {
        Kind::LeftBehind { what, .. } => Some(what.clone()),
        _ => None,
    };
    events.iter().filter_map(what).collect()
}

/// The backup does not show that the restored pods use the network of their node.
#[test]
fn isolation_is_not_proven_for_pods_in_the_network_of_their_node() {
    let shop = busy_shop();
    let loaded = scenario("restore-to-scratch", &shop);
    let done = on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let world = stage.simulation.world();
        let applied = |e: &Event| matches!(&e.event, Kind::FaultApplied { fault, .. } if fault.0.contains("drill-scratch-") && !fault.0.contains(" in "));
        let ended = stage
            .drill_when(&loaded, applied, async |_| {
                let scratch = stage.simulation.picture().into_iter().find(|o| o["kind"] == "Namespace" && o["metadata"]["name"].to_string().contains("drill-scratch"));
                let scratch = scratch.unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
                let agent = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent", "namespace": scratch},
                    "spec": {"hostNetwork": true, "containers": [{"name": "agent", "image": "none"}]}});
                world.kube.send(&ApiCall::create(format!("/api/v1/namespaces/{scratch}/pods"), agent)).await.unwrap();
            })
            .await;
        restored(&ended.events)
    });
    let said = done.isolation.unwrap().to_string();
    assert!(said.contains("isolation unproven") && said.contains("Pod/agent: in the network of the node"), "{said}");
}
