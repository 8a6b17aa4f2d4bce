//! A drill that reads the audit log of the API server. It names who deleted a pod, counts the new records, and reports
//! no deletion that the watch did not see.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use drillmaster::{
    event::Kind,
    journal::RunState,
    model::OutsideChange,
    world::{ApiCall, HostError, Http, Machine, Simulated, WebAnswer, WebRequest, World},
};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{
    outside::{OUTAGE, shop},
    rehearsal::{Rehearsal, acted, on_paused_time, scenario_text},
};

/// An address that answers every request with all lines of the log.
#[derive(Clone, Debug, Default)]
pub struct AuditLog(Arc<Mutex<String>>);

impl AuditLog {
    /// Makes a drill in this world read the log.
    pub fn serve(&self, world: &mut World) {
        world.bindings.audit_log = Some("http://audit.test/log".into());
        world.http = Http::simulated(Arc::new(self.clone()), Duration::from_secs(10));
    }

    fn write(&self, user: &str, pod: &serde_json::Value, at: jiff::Timestamp) {
        let mut log = self.0.lock().unwrap();
        let number = log.lines().count();
        let line = json!({
            "kind": "Event", "auditID": format!("id-{number}"), "stage": "ResponseComplete", "verb": "delete",
            "user": {"username": user}, "userAgent": "kubectl/v1.37 (linux)", "responseStatus": {"code": 200},
            "objectRef": {"resource": "pods", "namespace": "shop", "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"]},
            "requestReceivedTimestamp": at.to_string()});
        *log += &format!("{line}\n");
    }
}

impl Simulated for AuditLog {
    fn web(&self, _: WebRequest) -> BoxFuture<'static, Result<WebAnswer, String>> {
        let body = self.0.lock().unwrap().clone().into_bytes();
        Box::pin(async { Ok(WebAnswer { status: 200, body }) })
    }

    fn connect(&self, _: &str) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn program(&self, _: &[String]) -> Result<String, String> {
        Err("this test has no programs".into())
    }

    fn machine(&self, node: &str) -> Result<Machine, HostError> {
        panic!("the drill must not ask for the machine of {node}")
    }

    fn inside(&self, node: &str, _: &[String]) -> BoxFuture<'static, Result<String, HostError>> {
        panic!("the drill must not run programs in node {node}")
    }

    fn power(&self, act: &str, node: &str) -> BoxFuture<'static, Result<(), HostError>> {
        panic!("the drill must not {act} node {node}")
    }
}

#[test]
fn the_audit_log_names_who_deleted_a_pod_and_counts_what_is_new() {
    let shop = shop(&[]);
    let loaded = scenario_text(OUTAGE, &shop);
    let events = on_paused_time(async {
        let mut stage = Rehearsal::set(&shop, 1).await;
        let log = AuditLog::default();
        stage.audit_log = Some(log.clone());
        let world = stage.simulation.world();
        let web = async || {
            let pods = world.kube.list("/api/v1/namespaces/shop/pods").await.unwrap().0;
            let stays = |pod: &serde_json::Value| {
                pod["metadata"]["name"].as_str().unwrap().starts_with("web-") && pod["spec"]["nodeName"] != "node-a-0"
            };
            pods.into_iter().filter(stays).collect::<Vec<_>>()
        };
        // The log contains this record before the drill begins.
        log.write("carol", &web().await[0], world.clock.wall() - jiff::SignedDuration::from_hours(1));
        let ended = stage
            .drill_when(&loaded, acted, async |_| {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let pods = web().await;
                let path = format!("/api/v1/namespaces/shop/pods/{}", pods[0]["metadata"]["name"].as_str().unwrap());
                world.kube.send(&ApiCall::delete(path, "", Some(0))).await.unwrap();
                log.write("alice", &pods[0], world.clock.wall());
                // The log claims that this pod was deleted, although it exists all the time.
                log.write("bob", &pods[1], world.clock.wall());
            })
            .await;
        ended.events
    });
    let told: Vec<String> = RunState::of(&events).unwrap().outside.iter().map(OutsideChange::sentence).collect();
    assert!(told.len() == 1 && told[0].starts_with("alice (kubectl/v1.37) deleted pod/web-"), "{told:?}");
    let read = events.iter().find_map(|e| match &e.event {
        Kind::AuditRead { records, damaged, error } => Some((*records, *damaged, error.to_string())),
        _ => None,
    });
    assert_eq!(read, Some((2, 0, String::new())));
}
