//! The proposal of a default-deny: the allow rules that the objects show, and a sentence for each caller whose place they
//! do not show. Nothing is guessed.

use drillmaster::{
    inventory::ReviewSource,
    model::{Change, Remedy, State},
    report,
};
use serde_json::{Value, json};

use crate::{checks::asked, remedies::tried};

const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: 'r.example/web:1'
        ports: [{containerPort: 8000}]
        readinessProbe: {httpGet: {port: 8000}}
        env: [{name: API, value: 'http://api/v1'}, {name: WORD, value: cache}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}, annotations: {prometheus.io/scrape: 'true', prometheus.io/port: '9102'}}
    spec:
      containers:
      - name: api
        image: 'r.example/api:1'
        ports: [{containerPort: 8080}, {name: metrics, containerPort: 9100}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: batch, namespace: jobs}
spec:
  replicas: 2
  selector: {matchLabels: {app: batch}}
  template:
    metadata: {labels: {app: batch}}
    spec:
      containers: [{name: batch, image: 'r.example/batch:1', args: ['--api=api.shop.svc.cluster.local:80']}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {selector: {app: api}, ports: [{name: http, port: 80, targetPort: 8080}, {name: metrics, port: 9100, targetPort: metrics}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: shop}
spec: {selector: {app: cache}, ports: [{port: 6379}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop}
spec: {rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks: [{name: a.shop.example, clientConfig: {service: {name: api, namespace: shop}}, rules: [], sideEffects: None, admissionReviewVersions: [v1]}]
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: api, namespace: shop, labels: {team: a}}
spec: {selector: {matchLabels: {app: api}}, endpoints: [{port: metrics}]}
---
";

const PROMETHEUS: &str = "apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: watch}
spec: {serviceMonitorSelector: {matchLabels: {team: a}}, serviceMonitorNamespaceSelector: {}}
---
";

/// The proposal for the namespace `shop`.
fn proposal(text: &str, id: &str) -> Remedy {
    let (found, _) = tried(text);
    let of_shop =
        found.results.iter().filter(|r| r.check == id && r.subject.namespace == "shop" && r.state == State::Fail);
    let mut all = of_shop.filter_map(|r| r.remedy.clone()).filter(|remedy| !remedy.unsettled.is_empty());
    let remedy = all.next().expect("a proposal");
    assert!(all.next().is_none(), "the same proposal is added to every finding of the namespace");
    assert!(remedy.is_held_back());
    remedy
}

fn named<'a>(remedy: &'a Remedy, name: &str) -> &'a Value {
    remedy.first.iter().find(|policy| policy["metadata"]["name"] == name).unwrap_or(&Value::Null)
}

fn tells(remedy: &Remedy, words: &str) -> bool {
    remedy.unsettled.iter().any(|text| text.contains(words))
}

#[test]
fn callers_that_the_objects_show_are_allowed() {
    let remedy = proposal(&format!("{SHOP}{PROMETHEUS}"), "NET-001");
    let ports = json!([{"protocol": "TCP", "port": 8080}, {"protocol": "TCP", "port": "metrics"}]);
    let spec = &named(&remedy, "allow-to-api")["spec"];
    assert_eq!(spec["podSelector"], json!({"matchLabels": {"app": "api"}}));
    assert_eq!(
        spec["ingress"],
        json!([
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "jobs"}},
                        "podSelector": {"matchLabels": {"app": "batch"}},
                    },
                    {"podSelector": {"matchLabels": {"app": "web"}}},
                ],
                "ports": ports,
            },
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}],
                "ports": [{"protocol": "TCP", "port": "metrics"}],
            },
        ])
    );
    // The variable WORD does not hold an address, so no call of the cache is known.
    assert_eq!(named(&remedy, "allow-to-cache"), &Value::Null);
    assert!(tells(&remedy, "no caller of Service cache (port 6379/TCP) shows in the input"));
}

#[test]
fn what_the_objects_do_not_show_is_said_and_not_guessed() {
    let remedy = proposal(SHOP, "NET-001");
    for words in [
        "Ingress front sends requests to Service web: allow the namespace of its controller",
        "the API server calls Service api for ValidatingWebhookConfiguration guard: allow the addresses of the control plane",
        "no Prometheus of the input selects ServiceMonitor api",
        "Deployment api asks to be scraped by an annotation, which names no Prometheus: allow the namespace of yours to port 9102",
        "admit the kubelet's probes",
    ] {
        assert!(tells(&remedy, words), "{words}: {:#?}", remedy.unsettled);
    }
    let rules = serde_json::to_string(&remedy.first).unwrap();
    assert!(!rules.contains("ingress-nginx") && !rules.contains("monitoring") && !rules.contains("ipBlock"), "{rules}");
    // With the Prometheus in the input, its namespace is known.
    let known = proposal(&format!("{SHOP}{PROMETHEUS}"), "NET-001");
    assert!(!tells(&known, "no Prometheus of the input selects"), "{:#?}", known.unsettled);
    // Without probes, nothing is said about them.
    let without = SHOP.replace("        readinessProbe: {httpGet: {port: 8000}}\n", "");
    assert!(!tells(&proposal(&without, "NET-001"), "probes"));
}

#[test]
fn egress_allows_dns_and_the_calls_that_show() {
    let remedy = proposal(SHOP, "NET-002");
    let Change::Create(policy) = &remedy.change else { panic!("not a new object") };
    assert_eq!(policy["spec"]["egress"][0]["ports"][0], json!({"protocol": "UDP", "port": 53}));
    assert_eq!(
        named(&remedy, "allow-from-web")["spec"]["egress"][0]["to"],
        json!([{"podSelector": {"matchLabels": {"app": "api"}}}])
    );
    assert!(tells(&remedy, "the rule for DNS is for DNS pods in kube-system"));
}

/// With its allow rules, the proposal cuts off only the Services whose callers the objects do not show.
#[test]
fn what_is_called_stays_reachable() {
    let remedy = proposal(SHOP, "NET-001");
    let Change::Create(deny) = &remedy.change else { panic!("not a new object") };
    let unreachable = |policies: &[&Value]| -> Vec<String> {
        let policies: String = policies.iter().map(|policy| format!("{policy}\n---\n")).collect();
        let found = asked(&format!("{SHOP}{policies}"), "", "NET-005", ReviewSource::Manifests);
        let failed = found.results.iter().filter(|r| r.state == State::Fail);
        let mut names: Vec<String> = failed.map(|r| r.subject.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(unreachable(&[deny]), ["api", "web"]);
    let all: Vec<&Value> = remedy.first.iter().chain([deny]).collect();
    assert_eq!(unreachable(&all), ["web"]);
    assert!(tells(&remedy, "no caller of Service web"));
}

#[test]
fn the_plan_shows_the_whole_proposal_as_comments() {
    let (found, more) = tried(SHOP);
    let plan = report::fix_plan(&found, &more);
    assert!(plan.contains("# NOT KNOWN: Ingress front sends requests"), "{plan}");
    let policy = plan.lines().filter(|line| line.contains("allow-to-api") || line.contains("default-deny"));
    assert!(policy.clone().count() >= 2 && policy.clone().all(|line| line.starts_with('#')), "{plan}");
}
