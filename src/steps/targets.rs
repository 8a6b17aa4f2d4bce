//! What a test pod tries to reach: some pods and services of production, and the API server. Also the script that
//! tries it, the parser for its log, and a check that the targets still exist.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::Value;

use crate::kubernetes::{Selector, objects::Pod};

/// The largest number of production pods, and of production services, to try.
const MOST: usize = 2;
/// The word for the API server in the script, which replaces it by the address that every pod gets.
const API: &str = "api";

/// Something that a test pod tries to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    host: String,
    port: u16,
    /// The name for people.
    pub what: String,
    /// The UID of the pod or service; empty for the API server.
    uid: String,
    /// UIDs of the ready pods that answer. If the last of them disappeared, the result would look like isolation.
    pods: BTreeSet<String>,
}

impl Target {
    /// The API server.
    pub(super) fn api() -> Self {
        let (uid, pods) = (String::new(), BTreeSet::new());
        Self { host: API.into(), port: 0, what: "the API server".into(), uid, pods }
    }

    /// Whether it belongs to production.
    pub(super) fn is_production(&self) -> bool {
        self.host != API
    }

    /// Whether it can still answer: the object is the same, and so is one of its pods.
    fn is_in(&self, now: &[Self]) -> bool {
        let same = |t: &&Self| (&t.uid, &t.host, t.port) == (&self.uid, &self.host, self.port);
        !self.is_production() || now.iter().find(same).is_some_and(|t| !t.pods.is_disjoint(&self.pods))
    }
}

/// Everything that could be tried: ready pods with a port, then services with an address and a ready pod.
pub(super) fn all(pods: &[Value], services: &[Value]) -> (Vec<Target>, Vec<Target>) {
    let ready: Vec<Pod> =
        pods.iter().filter_map(|p| serde_json::from_value(p.clone()).ok()).filter(Pod::counts).collect();
    (pods.iter().filter_map(pod).collect(), services.iter().filter_map(|s| service(s, &ready)).collect())
}

/// The targets that are tried.
pub(super) fn some((pods, services): (Vec<Target>, Vec<Target>)) -> Vec<Target> {
    pods.into_iter().take(MOST).chain(services.into_iter().take(MOST)).collect()
}

/// Those of `tried` that cannot answer any more, whatever a policy says. `now` is everything that exists now.
pub(super) fn ended<'a>(tried: &[&'a Target], (pods, services): (Vec<Target>, Vec<Target>)) -> Vec<&'a str> {
    let now: Vec<Target> = pods.into_iter().chain(services).collect();
    tried.iter().filter(|t| !t.is_in(&now)).map(|t| t.what.as_str()).collect()
}

fn pod(object: &Value) -> Option<Target> {
    let slim: Pod = serde_json::from_value(object.clone()).ok()?;
    let containers = object.pointer("/spec/containers")?.as_array()?;
    let port = containers.iter().flat_map(|c| c["ports"].as_array().into_iter().flatten());
    let tcp = |p: &&Value| matches!(p["protocol"].as_str(), None | Some("TCP"));
    let port = port.into_iter().find(tcp)?["containerPort"].as_u64()?;
    let what = format!("pod {}/{}", slim.metadata.namespace, slim.metadata.name);
    let pods = BTreeSet::from([slim.metadata.uid.clone()]);
    let found = target(object.pointer("/status/podIP")?.as_str()?, port, what, &slim.metadata.uid, pods)?;
    slim.counts().then_some(found)
}

fn service(object: &Value, ready: &[Pod]) -> Option<Target> {
    let port = object
        .pointer("/spec/ports")?
        .as_array()?
        .iter()
        .find(|p| matches!(p["protocol"].as_str(), None | Some("TCP")))?;
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    // For a service without a selector, nothing shows who answers, or whether anybody does.
    let labels = serde_json::from_value(object.pointer("/spec/selector")?.clone()).ok()?;
    let selector = Selector { match_labels: labels, ..Selector::default() };
    let pods: BTreeSet<String> =
        ready.iter().filter(|p| selector.matches(&p.metadata.labels)).map(|p| p.metadata.uid.clone()).collect();
    let what = format!("service {}/{}", text("/metadata/namespace")?, text("/metadata/name")?);
    let uid = text("/metadata/uid").unwrap_or_default();
    let found = target(text("/spec/clusterIP")?, port["port"].as_u64()?, what, uid, pods)?;
    (!found.pods.is_empty() && !selector.match_labels.is_empty()).then_some(found)
}

/// Only an address and a port become arguments of a command.
fn target(host: &str, port: u64, what: String, uid: &str, pods: BTreeSet<String>) -> Option<Target> {
    let host = host.parse::<IpAddr>().ok()?.to_string();
    Some(Target { host, port: u16::try_from(port).ok().filter(|p| *p > 0)?, what, uid: uid.to_owned(), pods })
}

/// `nc` exits with 1 if nothing answers or the connection is refused. A connection that stays open is ended by
/// `timeout`. 126 and 127 mean that the shell cannot run the program.
pub(super) fn command(targets: &[Target]) -> Vec<String> {
    let script = r#"echo begin
while [ $# -gt 1 ]; do
  host=$1 port=$2
  [ "$host" = api ] && host=$KUBERNETES_SERVICE_HOST port=$KUBERNETES_SERVICE_PORT
  timeout 6 nc -w 3 "$host" "$port" </dev/null >/dev/null 2>&1
  case $? in 1) said=shut ;; 126|127) said=untried ;; *) said=open ;; esac
  echo "$said $1 $2"
  shift 2
done
echo end"#;
    let fixed = ["sh", "-c", script, "reach"].map(str::to_owned);
    fixed.into_iter().chain(targets.iter().flat_map(|t| [t.host.clone(), t.port.to_string()])).collect()
}

/// For each target whether it is open; none if the log does not show it.
pub(super) fn heard(log: &str, targets: &[Target]) -> Vec<Option<bool>> {
    let said = |target: &Target| {
        let tail = format!(" {} {}", target.host, target.port);
        log.lines().find_map(|line| line.strip_suffix(tail.as_str()))
    };
    targets
        .iter()
        .map(|target| match said(target) {
            Some("open") => Some(true),
            Some("shut") => Some(false),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bare(host: &str, port: u16) -> Target {
        Target { host: host.into(), port, what: String::new(), uid: String::new(), pods: BTreeSet::new() }
    }

    fn web(name: &str, uid: &str) -> Value {
        json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "labels": {"app": "web"}},
            "spec": {"containers": [{"ports": [{"containerPort": 8080}]}]},
            "status": {"podIP": "10.1.2.3", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
    }

    fn ready(name: &str, uid: &str) -> Pod {
        serde_json::from_value(web(name, uid)).expect("a pod")
    }

    /// A target may be anywhere in the list now, and a service counts as gone when its pods are gone.
    #[test]
    fn what_does_not_answer_any_more_is_named_whole() {
        let service = |uid: &str| {
            json!({"metadata": {"name": "web", "namespace": "shop", "uid": uid},
                "spec": {"clusterIP": "10.96.0.7", "selector": {"app": "web"}, "ports": [{"port": 80}]}})
        };
        let tried = some(all(&[web("web-1", "a"), web("web-2", "b"), web("web-3", "c")], &[service("s")]));
        assert_eq!(
            tried.iter().map(|t| t.what.as_str()).collect::<Vec<_>>(),
            ["pod shop/web-1", "pod shop/web-2", "service shop/web"]
        );
        let tried: Vec<&Target> = tried.iter().collect();
        let more = [web("new-1", "n"), web("new-2", "m"), web("web-1", "a"), web("web-2", "b")];
        assert!(ended(&tried, all(&more, &[service("s")])).is_empty(), "they are behind two new pods");
        assert_eq!(ended(&tried, all(&more, &[])), ["service shop/web"]);
        assert_eq!(ended(&tried, all(&more, &[service("another")])), ["service shop/web"]);
        let replaced = [web("new-1", "n"), web("web-2", "b")];
        assert_eq!(ended(&tried, all(&replaced, &[service("s")])), ["pod shop/web-1"], "one of its pods still answers");
        let all_new = ended(&tried, all(&more[..2], &[service("s")]));
        assert_eq!(all_new, ["pod shop/web-1", "pod shop/web-2", "service shop/web"]);
        assert!(ended(&[&Target::api()], all(&[], &[])).is_empty());
    }

    #[test]
    fn a_service_that_nobody_answers_for_is_not_tried() {
        let mut service = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "s"},
            "spec": {"clusterIP": "10.96.0.7", "selector": {"app": "db"}, "ports": [{"port": 80}]}});
        assert!(all(&[web("web-1", "a")], &[service.clone()]).1.is_empty(), "no ready pod");
        service["spec"]["selector"] = json!({});
        assert!(all(&[web("web-1", "a")], &[service]).1.is_empty(), "no selector");
    }

    #[test]
    fn what_was_not_said_is_not_known() {
        let of = bare;
        let all = [of("10.0.0.1", 80), of("10.0.0.1", 8080), Target::api(), of("10.0.0.2", 80), of("10.0.0.3", 1)];
        let log = "begin\nopen 10.0.0.1 80\nshut 10.0.0.1 8080\nopen api 0\nuntried 10.0.0.2 80\nend\n";
        assert_eq!(heard(log, &all), [Some(true), Some(false), Some(true), None, None]);
    }

    #[test]
    fn only_addresses_and_ports_become_words_of_a_command() {
        let of = |ip: &str, port: u64| {
            pod(&json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "u"},
                "spec": {"containers": [{"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": port}]}]},
                "status": {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}))
        };
        assert_eq!(of("10.1.2.3", 8080).unwrap().what, "pod shop/web-1");
        assert!(
            of("10.1.2.3; reboot", 8080).is_none() && of("10.1.2.3", 0).is_none() && of("10.1.2.3", 70000).is_none()
        );
        let headless = json!({"metadata": {"name": "db", "namespace": "shop"},
            "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 1}]}});
        assert_eq!(service(&headless, &[ready("web-1", "u")]), None);
        assert_eq!(command(&[of("10.1.2.3", 8080).unwrap()])[3..], ["reach", "10.1.2.3", "8080"].map(str::to_owned));
    }

    /// The results of the script for an open port, and for a closed one.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the script is for a shell")]
    fn the_script_says_what_is_open() {
        let found = std::process::Command::new("sh").args(["-c", "command -v nc timeout"]).output();
        if !found.is_ok_and(|out| out.status.success()) {
            return;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let of = |port| bare("127.0.0.1", port);
        let closed =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        let all = [of(port), of(closed)];
        let command = command(&all);
        let said = std::process::Command::new(&command[0]).args(&command[1..]).output().expect("a shell");
        assert_eq!(heard(&String::from_utf8_lossy(&said.stdout), &all), [Some(true), Some(false)]);
    }
}
