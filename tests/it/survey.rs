//! A review reads an API server that answers badly. What could not be read is reported with the reason, nothing is
//! counted twice, and nothing is written.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use drillmaster::{
    inventory::{ObjectSet, survey},
    model::{ClusterIdentity, Readiness, State, Unseen},
    readiness::{ReviewSettings, review},
    world::Kube,
};
use http::{Method, Request, Response};
use kube::client::Body;

use super::{checks::now, rehearsal::on_paused_time};

/// The requests that the server received.
#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<String>>,
    writes: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

fn list(kind: &str, names: &[&str], next: &str) -> (u16, String) {
    let items: Vec<String> = names
        .iter()
        .map(|n| format!(r#"{{"metadata":{{"name":"{n}","namespace":"shop"}},"spec":{{"replicas":3}}}}"#))
        .collect();
    let meta = format!(r#"{{"continue":"{next}"}}"#);
    (200, format!(r#"{{"kind":"{kind}List","metadata":{meta},"items":[{}]}}"#, items.join(",")))
}

fn status(code: u16) -> (u16, String) {
    (code, format!(r#"{{"kind":"Status","status":"Failure","code":{code},"message":"no","reason":"no"}}"#))
}

/// The answer, and how many seconds it takes.
fn answer(path: &str, query: &str, earlier: usize) -> ((u16, String), u64) {
    let groups = r#"{"kind":"APIGroupList","groups":[
        {"name":"apps","versions":[{"version":"v1"}]},{"name":"batch","versions":[{"version":"v1"}]},
        {"name":"policy","versions":[{"version":"v1"}]},{"name":"autoscaling","versions":[{"version":"v9"}]},
        {"name":"keda.sh","versions":[{"version":"v9"}]}]}"#;
    match path.rsplit('/').next().unwrap_or("") {
        "apis" => ((200, groups.into()), 0),
        "v9" if path.contains("keda") => ((200, r#"{"resources":[{"name":"others"}]}"#.into()), 0),
        // The list expires once after its first page.
        "services" if query.contains("continue") && earlier < 2 => (status(410), 0),
        "services" if query.contains("continue") => (list("Service", &["c"], ""), 0),
        "services" => (list("Service", &["a", "b"], "more"), 0),
        // The list always expires after its first page.
        "configmaps" if query.contains("continue") => (status(410), 0),
        "configmaps" => (list("ConfigMap", &["a"], "more"), 0),
        "deployments" => ((200, "<html>502 from a proxy</html>".into()), 0),
        "statefulsets" if earlier < 2 => (status(429), 0),
        "statefulsets" => (list("StatefulSet", &["db"], ""), 20),
        "daemonsets" => (status(403), 0),
        "nodes" => (status(500), 0),
        "poddisruptionbudgets" => (list("PodDisruptionBudget", &[], ""), 600),
        "jobs" => (
            (
                200,
                r#"{"kind":"JobList","items":[null,{"metadata":null},{"metadata":{"name":"j","labels":null}}]}"#.into(),
            ),
            0,
        ),
        "cronjobs" => ((200, "[]".into()), 0),
        _ => (list("X", &[], ""), 0),
    }
}

fn server(seen: &Arc<Seen>) -> Kube {
    let seen = Arc::clone(seen);
    let service = tower::service_fn(move |request: Request<Body>| {
        let seen = Arc::clone(&seen);
        async move {
            let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or("").to_owned());
            if request.method() != Method::GET {
                seen.writes.fetch_add(1, SeqCst);
            }
            let earlier = {
                let mut calls = seen.calls.lock().unwrap();
                calls.push(path.clone());
                calls.iter().filter(|c| **c == path).count() - 1
            };
            seen.most.fetch_max(seen.now.fetch_add(1, SeqCst) + 1, SeqCst);
            let ((code, body), seconds) = answer(&path, &query, earlier);
            tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
            seen.now.fetch_sub(1, SeqCst);
            Ok::<_, std::convert::Infallible>(
                Response::builder().status(code).body(Body::from(body.into_bytes())).unwrap(),
            )
        }
    });
    Kube::new(kube::Client::new(service, "default"))
}

fn why(object_set: &ObjectSet, key: &str) -> Option<Unseen> {
    object_set.gaps.get(key).map(|gap| gap.why)
}

#[test]
fn what_a_bad_api_server_does_not_tell_is_unknown() {
    let seen = Arc::new(Seen::default());
    let identity = ClusterIdentity {
        name: "cluster".into(),
        context: "bad".into(),
        uid: "u".into(),
        server: "https://bad".into(),
        version: "v1.37.2".into(),
        flavour: "other".into(),
    };
    let object_set = on_paused_time(async { survey(&server(&seen), &identity, now(), &[]).await });
    assert_eq!(seen.writes.load(SeqCst), 0);
    assert!(seen.most.load(SeqCst) <= 8, "{} lists at once", seen.most.load(SeqCst));
    // The list was started again, and nothing was counted twice.
    let names: Vec<&str> = object_set.any("Service").iter().map(|o| o.metadata.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(object_set.any("StatefulSet.apps").len(), 1, "a 429 must be retried, and a slow answer must be awaited");
    assert_eq!(why(&object_set, "ConfigMap"), Some(Unseen::NoData));
    assert_eq!(why(&object_set, "Deployment.apps"), Some(Unseen::NoData));
    assert_eq!(why(&object_set, "DaemonSet.apps"), Some(Unseen::Forbidden));
    assert_eq!(why(&object_set, "Node"), Some(Unseen::NoData));
    assert_eq!(why(&object_set, "PodDisruptionBudget.policy"), Some(Unseen::Timeout));
    assert_eq!(why(&object_set, "CronJob.batch"), Some(Unseen::NoData));
    assert_eq!(
        why(&object_set, "HorizontalPodAutoscaler.autoscaling"),
        Some(Unseen::NoData),
        "drillmaster does not read version v9"
    );
    assert_eq!(why(&object_set, "Backup.velero.io"), Some(Unseen::NotInstalled));
    assert_eq!(why(&object_set, "ScaledObject.keda.sh"), Some(Unseen::NotInstalled), "v9 has other resources");
    // Items that are not objects are reported, and the other items are kept.
    assert_eq!(object_set.any("Job.batch").len(), 1);
    assert!(object_set.notes.iter().any(|n| n.starts_with("jobs: ")), "{:?}", object_set.notes);
    let review = review(&object_set, &ReviewSettings::default(), "bad", "full", now());
    assert_eq!(review.tally.error, 0);
    assert_ne!(review.verdict, Readiness::Ready);
    let budgets = review.results.iter().find(|r| r.check == "PDB-003").unwrap();
    assert_eq!((budgets.state, budgets.unseen), (State::Unknown, Some(Unseen::Timeout)));
}
