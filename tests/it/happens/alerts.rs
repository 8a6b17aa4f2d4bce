//! Alerting and its sources.

use serde_json::json;

use super::{Case, case};

const SILENCES: &str = "http://alertmanager.sim/api/v2/silences";
const STATUS: &str = "/api/v2/status";

pub const CASES: &[Case] = &[
    // The silence begins during the test, in one of two Alertmanagers.
    case!(
        "{at: 100s, for: 1m, what: {silence: {matchers: {alertname: NodeNotReady}, alertmanager: second}}}",
        |look| {
            look.kill("node-a-0").await;
            look.wait(90).await;
            let before = look.alert("second", "NodeNotReady").await["status"]["state"].clone();
            look.wait(15).await;
            let (first, second) =
                (look.alert("alertmanager", "NodeNotReady").await, look.alert("second", "NodeNotReady").await);
            look.wait(60).await;
            let after = look.alert("second", "NodeNotReady").await["status"]["state"].clone();
            assert_eq!(
                (&before, &first["status"]["state"], &after),
                (&json!("active"), &json!("active"), &json!("active"))
            );
            second["status"]["state"] == "suppressed" && second["status"]["silencedBy"][0] == "happens-0"
        }
    ),
    case!("{at: 0s, what: {silence: {matchers: {alertname: NodeNotReady}, by: alice, comment: on it}}}", |look| {
        let silences = look.json(SILENCES).await;

        silences.as_array().unwrap().iter().any(|s| s["createdBy"] == "alice" && s["comment"] == "on it")
    }),
    case!("{at: 0s, what: {silence: {matchers: {alertname: ReplicasMissing}, ends: true}}}", |look| {
        look.json(SILENCES).await == json!([])
    }),
    case!(
        "{at: 0s, what: {inhibition: {source: {alertname: Watchdog}, target: {severity: critical}, equal: [region], alertmanager: second}}}",
        |look| {
            look.kill("node-a-0").await;
            look.wait(90).await;
            let told = look.alert("second", "NodeNotReady").await;
            told["status"]["state"] == "suppressed" && told["status"]["inhibitedBy"] != json!([])
        }
    ),
    case!(
        "{at: 0s, what: {inhibition: {source: {alertname: Watchdog}, target: {alertname: ReplicasMissing}, ends: true}}}",
        |look| !look.json(&format!("http://alertmanager.sim{STATUS}")).await.to_string().contains("Watchdog")
    ),
    case!("{at: 0s, what: {rule: {alert: NodeNotReady, does: fails}}}", |look| {
        look.kill("node-a-0").await;
        look.wait(90).await;
        let rule = look.rule("NodeNotReady").await;
        rule["health"] == "err" && rule["lastError"] != "" && look.alert("alertmanager", "NodeNotReady").await.is_null()
    }),
    case!("{at: 0s, what: {rule: {alert: Watchdog, does: stalls}}}", |look| {
        look.wait(60).await;
        let (stalled, other) = (look.rule("Watchdog").await, look.rule("NodeNotReady").await);
        let same = stalled["lastEvaluation"] == other["lastEvaluation"];
        !same && stalled["health"] == "ok" && look.alert("alertmanager", "Watchdog").await.is_object()
    }),
    // Alerts that were sent before stay for four minutes.
    case!("{at: 0s, what: {delivery: {alertmanager: second}}}", |look| {
        look.kill("node-a-0").await;
        look.wait(90).await;
        assert!(look.alert("alertmanager", "NodeNotReady").await.is_object());
        let held = look.alert("second", "Watchdog").await.is_object();
        let missing = look.alert("second", "NodeNotReady").await.is_null();
        look.wait(200).await;
        held && missing && look.alert("second", "Watchdog").await.is_null()
    }),
    case!("{at: 0s, for: 1m, what: {source: {source: prometheus, does: gone}}}", |look| {
        let gone = look.refusal("http://prometheus.sim/api/v1/alerts").await.contains("no connection");
        look.wait(61).await;
        assert_eq!(look.refusal("http://prometheus.sim/api/v1/alerts").await, "");
        gone
    }),
    case!("{at: 0s, what: {source: {source: second, does: hangs}}}", |look| {
        assert_eq!(look.refusal(SILENCES).await, "");
        !look.refusal("http://second.sim/api/v2/silences").await.is_empty()
    }),
    case!("{at: 0s, what: {source: {source: alertmanager, does: emptyObject}}}", |look| {
        // An empty object must not be read as an empty list.
        let monitoring = &look.world.monitoring;
        look.json(SILENCES).await == json!({})
            && monitoring.silences("http://alertmanager.sim").await.is_err()
            && monitoring.received("http://alertmanager.sim").await.is_err()
    }),
    case!("{at: 0s, what: {source: {source: prometheus, does: emptyObject}}}", |look| {
        let monitoring = &look.world.monitoring;
        monitoring.firing().await.unwrap().is_err()
            && monitoring.rules().await.unwrap().is_err()
            && monitoring.time().await.unwrap().is_err()
    }),
    case!("{at: 0s, what: {source: {source: prometheus, does: html}}}", |look| {
        look.text("http://prometheus.sim/api/v1/rules").await.contains("<html>")
    }),
    case!("{at: 0s, what: {source: {source: api, does: status500}}}", |look| {
        look.world.kube.list("/api/v1/nodes").await.err().and_then(|e| e.code()) == Some(500)
    }),
    case!("{at: 0s, what: {source: {source: api, does: gone}}}", |look| {
        look.world.kube.list("/api/v1/nodes").await.is_err_and(|e| e.to_string().contains("refused"))
    }),
    case!("{at: 0s, what: {skew: {source: prometheus, ahead: 90s}}}", |look| {
        let prometheus = look.world.monitoring.time().await.unwrap().unwrap();
        let now = look.world.clock.wall().as_millisecond() as f64 / 1000.0;
        (89.0..91.0).contains(&(prometheus - now))
    }),
    case!("{at: 0s, what: {skew: {source: api, behind: 1h}}}", |look| {
        let made = look.merge("/api/v1/nodes/node-a-0", json!({})).await;
        let date = look.world.kube.date().await;
        let behind = date.map(|d| look.world.clock.wall().duration_since(d).as_secs());
        behind.is_some_and(|s| (3595..3605).contains(&s)) && made.is_object()
    }),
    case!("{at: 0s, what: {skew: {source: node-a-0, behind: 5m}}}", |look| {
        let lease = look.object("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-a-0").await;
        let renewed: jiff::Timestamp = lease["spec"]["renewTime"].as_str().unwrap().parse().unwrap();
        look.world.clock.wall().duration_since(renewed).as_secs() > 280
    }),
    case!("{at: 0s, what: {skew: {source: velero, ahead: 1h}}}", |look| {
        look.backup("early").await;
        let backup = look.world.velero.find("backups", "early").await.unwrap().unwrap();
        let begun: jiff::Timestamp = backup["status"]["startTimestamp"].as_str().unwrap().parse().unwrap();
        begun.duration_since(look.world.clock.wall()).as_secs() > 3500
    }),
];
