//! Objects that are changed outside the drill, and controllers that other people run.

use drillmaster::world::ApiCall;
use serde_json::json;

use super::{
    Case, case,
    looks::{SHOP, WEB},
};

pub const CASES: &[Case] = &[
    case!(
        "{at: 0s, what: {patch: {object: configmap/settings, namespace: shop, patch: {data: {currency: USD}}, by: kubectl-edit}}}",
        |look| {
            let path = format!("{SHOP}/configmaps/settings");
            let named = look.writers(&path).await.iter().any(|w| w["manager"] == "kubectl-edit");
            look.object(&path).await["data"]["currency"] == "USD" && named
        }
    ),
    // A change that lasts for a while is reverted.
    case!(
        "{at: 5s, for: 20s, what: {scale: {workload: deployment/web, namespace: shop, replicas: 5, by: kubectl-scale}}}",
        |look| {
            look.wait(15).await;
            let (more, pods) = (look.replicas().await, look.ready().await);
            look.wait(30).await;
            assert_eq!(look.replicas().await, 3);
            more == 5 && pods == 5 && look.writers(WEB).await[0]["fieldsV1"]["f:spec"]["f:replicas"].is_object()
        }
    ),
    case!("{at: 1s, what: {delete: {object: service/web, namespace: shop}}}", |look| {
        look.wait(2).await;
        look.object(&format!("{SHOP}/services/web")).await.is_null()
    }),
    // Without a grace period, a pod is gone at once and is created again.
    case!("{at: 1s, what: {delete: {object: pod/orders-0, namespace: shop, grace: 0}}}", |look| {
        let path = format!("{SHOP}/pods/orders-0");
        let before = look.object(&path).await["metadata"]["uid"].clone();
        look.wait(2).await;
        look.object(&path).await["metadata"]["uid"] != before
    }),
    case!(
        "{at: 1s, what: {label: {object: deployment/web, namespace: shop, labels: {team: other, app: null}, by: intern}}}",
        |look| {
            look.wait(2).await;
            let labels = look.object(WEB).await["metadata"]["labels"].clone();
            labels == json!({"team": "other"}) && look.writers(WEB).await[0]["manager"] == "intern"
        }
    ),
    case!(
        "{at: 1s, what: {autoscaler: {workload: deployment/web, namespace: shop, min: 2, max: 4, every: 10s}}}",
        |look| {
            let mut counts = vec![];
            for _ in 0..5 {
                look.wait(10).await;
                counts.push(look.replicas().await);
            }
            let by = look.writers(WEB).await.pop().unwrap_or_default();
            counts == [4, 2, 3, 4, 2] && by["subresource"] == "scale" && by["manager"] == "kube-controller-manager"
        }
    ),
    case!(
        "{at: 1s, what: {gitOps: {objects: [deployment/web, service/web, configmap/settings], namespace: shop, every: 5s, by: flux}}}",
        |look| {
            look.wait(2).await;
            let (service, settings) = (format!("{SHOP}/services/web"), format!("{SHOP}/configmaps/settings"));
            look.merge(WEB, json!({"spec": {"replicas": 1, "paused": true}})).await;
            look.merge(&settings, json!({"data": {"currency": "USD"}})).await;
            look.send(ApiCall::delete(&service, "", None)).await;
            look.wait(6).await;
            let web = look.object(WEB).await;
            let back = look.object(&service).await["spec"]["selector"]["app"] == "web"
                && look.object(&settings).await["data"]["currency"] == "EUR";
            back && web["spec"]["replicas"] == 3
                && web["spec"]["paused"].is_null()
                && look.writers(&service).await[0]["manager"] == "flux"
        }
    ),
];
