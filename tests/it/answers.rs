//! What single checks report, branch by branch: the cases that the two examples of each check in tests/checks leave
//! out.

use drillmaster::{
    inventory::{Gap, ReviewSource},
    model::{Severity, State, Unseen},
    readiness::review,
};

use super::checks::{asked, now, object_set, settings};

/// The worst result of a check over some objects: its state, its severity and its text. The text is empty if the check
/// only passes.
fn worst(id: &str, text: &str, drill: &str, source: ReviewSource) -> (State, Severity, String) {
    let review = asked(text, drill, id, source);
    assert_eq!(review.tally.error, 0, "{:#?}", review.results);
    let found = review.results.iter().filter(|r| r.check == id && r.state != State::Skip);
    let worst = found.min_by_key(|r| (r.state, r.severity));
    let passed = if review.tally.pass > 0 { State::Pass } else { State::Skip };
    worst.map_or((passed, Severity::Low, String::new()), |r| (r.state, r.severity, r.observed.clone()))
}

#[track_caller]
fn fails(id: &str, text: &str, severity: Severity, word: &str) {
    let found = worst(id, text, "", ReviewSource::Live);
    assert!(found.0 == State::Fail && found.1 == severity && found.2.contains(word), "{id}: {found:?}");
}

#[track_caller]
fn passes(id: &str, text: &str) {
    let found = worst(id, text, "", ReviewSource::Live);
    assert_eq!(found.0, State::Pass, "{id}: {found:?}");
}

#[track_caller]
fn unknown(id: &str, text: &str, word: &str) {
    let found = worst(id, text, "", ReviewSource::Live);
    assert!(found.0 == State::Unknown && found.2.contains(word), "{id}: {found:?}");
}

fn object(api: &str, kind: &str, name: &str, rest: &str) -> String {
    format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\n{rest}\n---\n")
}

/// A Deployment with three replicas and these fields in the spec of its pods.
fn web(spec: &str) -> String {
    let comma = if spec.is_empty() { "" } else { ", " };
    object(
        "apps/v1",
        "Deployment",
        "web",
        &format!(
            "spec: {{replicas: 3, selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, \
             spec: {{containers: [{{name: web, image: 'r.example/web:1', ports: [{{name: http, containerPort: 8080}}]}}]{comma}{spec}}}}}}}"
        ),
    )
}

fn service(spec: &str) -> String {
    object(
        "v1",
        "Service",
        "web",
        &format!("spec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: http}}]{spec}}}"),
    )
}

#[test]
fn policies_of_others_isolate_too() {
    let calico = |selector: &str| {
        web("")
            + &object(
                "projectcalico.org/v3",
                "NetworkPolicy",
                "p",
                &format!("spec: {{selector: \"{selector}\", types: [Ingress]}}"),
            )
    };
    passes("NET-001", &calico("app == 'web'"));
    fails("NET-001", &calico("app == 'api'"), Severity::High, "no policy isolates");
    unknown("NET-001", &calico("app ~ web"), "cannot be read");
    let cilium = |deny: &str| {
        web("")
            + &object(
                "cilium.io/v2",
                "CiliumNetworkPolicy",
                "p",
                &format!("spec: {{endpointSelector: {{matchLabels: {{'k8s:app': web}}}}, ingress: [{{}}]{deny}}}"),
            )
    };
    passes("NET-001", &cilium(""));
    fails("NET-001", &cilium(", enableDefaultDeny: {ingress: false}"), Severity::High, "no policy");
    let wide = |action: &str| {
        web("")
            + &object(
                "policy.networking.k8s.io/v1alpha2",
                "ClusterNetworkPolicy",
                "p",
                &format!(
                    "spec: {{subject: {{namespaces: {{}}}}, ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]}}"
                ),
            )
    };
    passes("NET-001", &wide("Deny"));
    fails("NET-001", &wide("Pass"), Severity::High, "no policy");
    // A selector that the API server would refuse must not count as one that selects everything.
    let broken =
        web("") + &object("networking.k8s.io/v1", "NetworkPolicy", "p", "spec: {podSelector: {matchLabels: [a]}}");
    fails("NET-001", &broken, Severity::High, "no policy");
}

#[test]
fn what_policies_let_through() {
    let policy = |spec: &str| {
        web("") + &object("networking.k8s.io/v1", "NetworkPolicy", "p", &format!("spec: {{podSelector: {{}}, {spec}}}"))
    };
    fails(
        "NET-004",
        &policy("egress: [{ports: [{port: 53, protocol: UDP}]}]"),
        Severity::Low,
        "traffic to everywhere is allowed",
    );
    fails(
        "NET-004",
        &policy("egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]"),
        Severity::High,
        "except for 1 address ranges",
    );
    let peer = |labels: &str| policy(&format!("ingress: [{{from: [{{podSelector: {{matchLabels: {{{labels}}}}}}}]}}]"));
    fails("NET-005", &peer("app: gone"), Severity::Low, "selects no existing pod");
    passes("NET-005", &peer("app: web"));
    let dns = |peers: &str| {
        policy(&format!(
            "policyTypes: [Egress], egress: [{{{peers}ports: [{{port: 53, protocol: UDP}}, {{port: 53, protocol: TCP}}]}}]"
        ))
    };
    passes("NET-006", &dns(""));
    passes(
        "NET-006",
        &dns(
            "to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ",
        ),
    );
    fails("NET-006", &dns("to: [{podSelector: {}}], "), Severity::High, "no DNS");
}

#[test]
fn the_mesh() {
    let space =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n---\n";
    let peer = |namespace: &str, spec: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n---\n"
        )
    };
    let mesh = |text: &str| format!("{}{space}{text}", web(""));
    fails("NET-008", &mesh(&peer("shop", "{mtls: {mode: DISABLE}}")), Severity::High, "cannot be disabled");
    let port = |with: &str| {
        mesh(
            &(peer(
                "shop",
                "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {'8080': {mode: PERMISSIVE}}}",
            ) + with),
        )
    };
    fails("NET-008", &port(&service("")), Severity::High, "port 8080");
    passes("NET-008", &port(""));
    // A selector in the root namespace makes a PeerAuthentication ineffective. It lets an AuthorizationPolicy apply to
    // the whole mesh.
    fails(
        "NET-008",
        &mesh(&peer("istio-system", "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}")),
        Severity::High,
        "PERMISSIVE",
    );
    let strict = peer("istio-system", "{mtls: {mode: STRICT}}");
    let allow = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\nspec: {selector: {matchLabels: {app: web}}}\n---\n";
    passes("NET-009", &mesh(&(strict.clone() + allow)));
    fails("NET-009", &mesh(&strict), Severity::High, "everything is allowed");
}

#[test]
fn rights_and_tokens() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: [{apiGroups: [''], resources: [pods], verbs: [create]}]\n---\n\
        apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {kind: ClusterRole, name: r}\nsubjects: [{kind: ServiceAccount, name: maker, namespace: shop}]\n---\n";
    fails(
        "RBAC-004",
        &(role.to_owned() + &web("serviceAccountName: maker")),
        Severity::Critical,
        "Deployment web runs as it",
    );
    let token = |account: &str, label: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: t, namespace: shop, annotations: {{kubernetes.io/service-account.name: {account}}}, labels: {{{label}}}}}\ntype: kubernetes.io/service-account-token\n---\n"
        )
    };
    fails("RBAC-008", &token("other", ""), Severity::High, "without an expiry");
    fails("RBAC-008", &(role.to_owned() + &token("maker", "")), Severity::Critical, "can give them to itself");
    fails(
        "RBAC-008",
        &token("other", "kubernetes.io/legacy-token-last-used: '2026-01-01'"),
        Severity::High,
        "delete it",
    );
    let applied = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"data\": {\"a\": \"Yg==\"}}'}}\n---\n";
    fails("SEC-002", applied, Severity::Medium, "repeats its values");
}

#[test]
fn stores_and_certificates() {
    let node =
        "apiVersion: v1\nkind: Node\nmetadata: {name: node, labels: {topology.kubernetes.io/region: eu-1}}\n---\n";
    let store = |name: &str, region: &str| {
        object(
            "external-secrets.io/v1",
            "SecretStore",
            name,
            &format!("spec: {{provider: {{aws: {{region: {region}}}}}}}"),
        )
    };
    fails("SEC-007", &(node.to_owned() + &store("a", "eu-1")), Severity::Medium, "no store is in another region");
    passes("SEC-007", &(node.to_owned() + &store("a", "eu-1") + &store("b", "us-1")));
    let vault = object(
        "secrets.hashicorp.com/v1beta1",
        "VaultConnection",
        "v",
        "spec: {address: 'https://vault.vault.svc.cluster.local.:8200'}",
    );
    fails("SEC-007", &vault, Severity::Critical, "runs in this cluster");
    let hook = |bundle: &str| {
        format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {{name: w}}\nwebhooks: [{{name: w.example, clientConfig: {{caBundle: {bundle}}}}}]\n---\n"
        )
    };
    fails("SEC-008", &hook("bm8gY2VydGlmaWNhdGU="), Severity::Medium, "no certificate");
    fails("SEC-008", &hook(&ended()), Severity::Critical, "it expired");
}

#[test]
fn what_the_vault_operator_says_of_itself() {
    let said = |kind: &str, status: &str| {
        format!(
            "apiVersion: secrets.hashicorp.com/v1beta1\nkind: {kind}\n\
             metadata: {{name: x, namespace: shop, generation: 2}}\nspec: {{}}\nstatus: {status}\n---\n"
        )
    };
    // While Vault is away, the status stays as it was, so the absence of failures is not a pass.
    unknown("SEC-006", &said("VaultStaticSecret", "{lastGeneration: 2, secretMAC: abc}"), "neither failures nor times");
    unknown("SEC-006", &said("VaultStaticSecret", "{}"), "no status");
    for (conditions, state) in [
        ("[{type: Ready, status: 'True'}]", State::Pass),
        ("[{type: Ready, status: 'True'}, {type: Healthy, status: 'False'}]", State::Fail),
        ("[{type: Ready, status: 'True'}, {type: Healthy, status: Unknown}]", State::Unknown),
    ] {
        let text = said("VaultStaticSecret", &format!("{{lastGeneration: 2, conditions: {conditions}}}"));
        assert_eq!(worst("SEC-006", &text, "", ReviewSource::Live).0, state, "{text}");
    }
    let old = said("VaultDynamicSecret", "{lastGeneration: 1, secretLease: {duration: 60}}");
    fails("SEC-006", &old, Severity::High, "generation 2 was not synced");
    let leased = |lease: u64, renewed: u64| {
        said(
            "VaultDynamicSecret",
            &format!("{{lastGeneration: 2, lastRenewalTime: {renewed}, secretLease: {{duration: {lease}}}}}"),
        )
    };
    passes("SEC-006", &leased(3600, NOW - 3500));
    fails("SEC-006", &leased(3600, NOW - 3601), Severity::High, "it has ended");
    unknown("SEC-006", &leased(0, NOW), "neither failures nor times");
    let rotated = |at: u64| {
        let data = format!("staticCredsMetaData: {{lastVaultRotation: {at}, rotationPeriod: 60}}");
        said("VaultDynamicSecret", &format!("{{lastGeneration: 2, secretLease: {{duration: 0}}, {data}}}"))
    };
    passes("SEC-006", &rotated(NOW - 100));
    fails("SEC-006", &rotated(NOW - 200), Severity::High, "rotated every 60 s");
    let issued = |valid: &str, end: u64| {
        said("VaultPKISecret", &format!("{{lastGeneration: 2, valid: {valid}, error: why, expiration: {end}}}"))
    };
    passes("SEC-006", &issued("true", NOW + 60));
    fails("SEC-006", &issued("true", NOW - 60), Severity::High, "expired 60 s ago");
    fails("SEC-006", &issued("false", NOW + 60), Severity::High, "not valid: why");
    unknown("SEC-006", &issued("null", NOW + 60), "no controller has reported");
    fails("SEC-006", &said("VaultConnection", "{valid: false}"), Severity::High, "not valid");
    passes("SEC-006", &said("VaultAuth", "{valid: true}"));
    unknown("SEC-006", &said("VaultAuth", "{}"), "no controller has reported");
}

/// The time at which the tests take place: 2026-11-24T00:00:00Z.
const NOW: u64 = 1795478400;

/// A certificate that expired in 2020, encoded as in the API.
fn ended() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ended.pem.b64")).unwrap().trim().to_owned()
}

#[test]
fn backups_that_are_late_or_hold_too_little() {
    let schedule = |spec: &str, status: &str| {
        format!(
            "apiVersion: velero.io/v1\nkind: Schedule\nmetadata: {{name: s, namespace: velero, creationTimestamp: '2026-01-01T00:00:00Z'}}\nspec: {{{spec}}}\nstatus: {{phase: Enabled{status}}}\n---\n"
        )
    };
    passes("BCK-002", &schedule("schedule: '0 1 * * *'", ", lastBackup: '2026-11-23T01:00:00Z'"));
    fails(
        "BCK-002",
        &schedule("schedule: '0 1 * * *'", ", lastBackup: '2026-11-20T01:00:00Z'"),
        Severity::Critical,
        "runs every 24 h",
    );
    fails("BCK-002", &schedule("schedule: '0 1 * * *'", ""), Severity::Critical, "never made");
    fails("BCK-002", &schedule("schedule: '0 1 * *'", ""), Severity::Critical, "five fields");
    let held = |filter: &str| schedule(&format!("schedule: '@daily', template: {{{filter}}}"), "") + &web("");
    passes("BCK-003", &held(""));
    fails("BCK-003", &held("excludedResources: [deployments.apps]"), Severity::Critical, "leave out deployments");
    fails("BCK-003", &held("includedNamespaceScopedResources: [pods]"), Severity::Critical, "leave out deployments");
    let location = |validated: &str, replicas: u32| {
        format!(
            "apiVersion: velero.io/v1\nkind: BackupStorageLocation\nmetadata: {{name: default, namespace: velero}}\nspec: {{default: true}}\nstatus: {{phase: Available, lastValidationTime: '{validated}'}}\n---\n\
            apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: velero, namespace: velero}}\nspec: {{replicas: {replicas}}}\nstatus: {{availableReplicas: {replicas}}}\n---\n"
        )
    };
    passes("BCK-001", &location("2026-11-23T23:59:30Z", 0));
    unknown("BCK-001", &location("2026-11-23T23:57:30Z", 0), "scaled to 0");
    passes("BCK-001", &location("2026-11-23T23:57:30Z", 1));
    let copies = schedule("schedule: '@daily', template: {defaultVolumesToFsBackup: true}", "");
    fails("BCK-001", &(location("2026-11-23T23:59:30Z", 1) + &copies), Severity::Critical, "no DaemonSet node-agent");
}

#[test]
fn webhooks_by_who_answers() {
    let hook = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: w}\nwebhooks: [{name: w.example, clientConfig: {service: {namespace: shop, name: web}}}]\n---\n";
    let slice = |endpoints: &str| {
        format!(
            "{hook}{}{}apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}\nendpoints: [{endpoints}]\n---\n",
            web(""),
            service("")
        )
    };
    passes("DRP-004", &slice("{nodeName: a}, {nodeName: b}"));
    fails(
        "DRP-004",
        &slice("{nodeName: a}, {nodeName: b, conditions: {ready: false}}"),
        Severity::Critical,
        "one endpoint",
    );
    fails("DRP-004", &slice("{nodeName: a}, {nodeName: a}"), Severity::Critical, "on one node");
    fails("DRP-004", &slice(""), Severity::Critical, "no ready endpoint");
}

#[test]
fn drift_and_the_rest() {
    let release = |version: u32, status: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: sh.helm.release.v1.web.v{version}, namespace: shop, labels: {{owner: helm, name: web, version: '{version}', status: {status}}}}}\n---\n"
        )
    };
    passes("DRF-001", &(release(9, "superseded") + &release(10, "deployed")));
    fails("DRF-001", &(release(9, "deployed") + &release(10, "pending-upgrade")), Severity::High, "revision 10");
    let database = web("").replace("r.example/web:1", "postgres:17");
    fails("STO-003", &database, Severity::High, "a database without a volume");
    let profiles = web("") + &service(", type: LoadBalancer").replace("name: http, port", "name: pprof, port");
    fails("PRF-001", &profiles, Severity::High, "from outside");
    let anti = |scope: &str| {
        web(&format!(
            "affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: web}}}}{scope}}}]}}}}"
        ))
    };
    passes("AFF-001", &anti(", namespaceSelector: {}"));
    fails("AFF-001", &anti(", namespaces: [other]"), Severity::High, "does nothing");
    let route = |port: u32| {
        web("")
            + &service("")
            + &object(
                "gateway.networking.k8s.io/v1",
                "HTTPRoute",
                "r",
                &format!("spec: {{rules: [{{backendRefs: [{{name: web, port: {port}}}]}}]}}"),
            )
    };
    passes("WRK-008", &route(80));
    fails("WRK-008", &route(81), Severity::High, "has no port 81");
    // Numbers are quantities, too. If YAML reads a quantity as a number, the whole spec must still be read.
    let numbers = web("nodeSelector: {kubernetes.io/hostname: a}")
        .replace("ports: [", "resources: {requests: {cpu: 1, memory: 64Mi}}, ports: [");
    fails("AFF-003", &numbers, Severity::High, "pinned");
}

#[test]
fn alerts_by_objects_of_the_operator() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let manager = object("monitoring.coreos.com/v1", "Alertmanager", "main", "spec: {replicas: 3}");
    unknown("ALR-004", &manager, "--read-secrets shop/alertmanager-main");
    let secret = |receiver: &str| {
        let config = format!("route: {{receiver: r}}\nreceivers: [{{name: r, {receiver}}}]\n");
        manager.clone()
            + &object(
                "v1",
                "Secret",
                "alertmanager-main",
                &format!("data: {{alertmanager.yaml: {}}}", STANDARD.encode(config)),
            )
    };
    passes("ALR-004", &secret("slack_configs: [{channel: c}]"));
    fails("ALR-004", &secret("slack_configs: []"), Severity::Critical, "has no integration");
    let config = |selector: &str| {
        secret("slack_configs: [{channel: c}]")
            .replace("replicas: 3", &format!("alertmanagerConfigSelector: {selector}"))
            + &object(
                "monitoring.coreos.com/v1alpha1",
                "AlertmanagerConfig",
                "team",
                "spec: {route: {receiver: t}, receivers: [{name: t, webhookConfigs: [{url: x}]}]}",
            )
    };
    passes("ALR-004", &config("{}"));
    fails("ALR-004", &config("{matchLabels: {a: b}}"), Severity::Critical, "silently ignored");
}

/// A check that is only advice by itself gates the drills that it names, and no others.
#[test]
fn advice_gates_the_drills_that_it_names() {
    let of = |drills: &str| {
        let drill = format!("environment: production\ndrills: [{drills}]\n");
        let review = asked(&web(""), &drill, "NET-001", ReviewSource::Live);
        review.results.iter().any(|r| r.state == State::Fail && r.blocking)
    };
    assert!(of("netpart") && !of("drain") && !of(""));
}

#[test]
fn what_the_prometheus_operator_did_not_accept() {
    let api = "monitoring.coreos.com/v1";
    let status = "status: {bindings: [{name: p, namespace: shop, conditions: \
                  [{type: Accepted, status: 'False', message: no good}]}]}";
    let rule = object(api, "PrometheusRule", "r", &format!("spec: {{groups: []}}\n{status}"));
    let by = |kind: &str, name: &str| object(api, kind, name, "spec: {ruleSelector: {}}");
    fails("ALR-002", &(rule.clone() + &by("Prometheus", "p")), Severity::High, "did not accept it (no good)");
    // It is enough if another instance accepts the rule.
    passes("ALR-002", &(rule.clone() + &by("Prometheus", "p") + &by("Prometheus", "q")));
    passes("ALR-002", &(rule + &by("Prometheus", "p") + &by("ThanosRuler", "t")));
}

#[test]
fn pods_that_no_controller_makes_again() {
    let node = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}\n\
             status: {{allocatable: {{cpu: '4', memory: 8Gi, pods: '110'}}, conditions: [{{type: Ready, status: 'True'}}]}}\n---\n"
        )
    };
    let pod = |name: &str, on: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, {more}}}\n\
             spec: {{nodeName: {on}, containers: [{{name: c, image: 'i:1', resources: {{requests: {{cpu: '3'}}}}}}]}}\n\
             status: {{phase: Running, conditions: [{{type: Ready, status: 'True'}}]}}\n---\n"
        )
    };
    let owned = "labels: {app: web}, ownerReferences: [{kind: StatefulSet, name: web, uid: w, controller: true}]";
    let mirror = "annotations: {kubernetes.io/config.mirror: x}, \
                  ownerReferences: [{apiVersion: v1, kind: Node, name: b, uid: b, controller: true}]";
    let alone = node("a") + &node("b") + &pod("web-0", "a", owned);
    passes("RES-006", &alone);
    // These pods are not moved to another node, but they use capacity where they are.
    fails(
        "RES-006",
        &(alone.clone() + &pod("bare", "b", "")),
        Severity::Critical,
        "1 of its 1 pods fit on no other node",
    );
    fails(
        "RES-006",
        &(alone.clone() + &pod("own", "b", mirror)),
        Severity::Critical,
        "1 of its 1 pods fit on no other node",
    );
    fails("WRK-002", &(alone.clone() + &pod("bare", "b", "")), Severity::High, "no controller creates it again");
    passes("WRK-002", &(alone + &pod("own", "b", mirror)));
    // The flags of an API server are taken from its mirror pod.
    let server = "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver-b, namespace: kube-system, ";
    let server =
        server.to_owned() + mirror + "}\nspec: {nodeName: b, containers: [{name: s, image: i, command: [s]}]}\n";
    for check in ["RBAC-009", "SEC-009", "NET-AUDIT"] {
        let found = worst(check, &server, "", ReviewSource::Live);
        assert!(found.0 == State::Fail && found.2.contains("no --"), "{check}: {found:?}");
    }
}

#[test]
fn what_was_not_read_is_neither_there_nor_missing() {
    let scaler = |status: &str| {
        format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: h, namespace: shop}}\n\
             spec: {{minReplicas: 2, maxReplicas: 4, scaleTargetRef: {{apiVersion: example.com/v1, kind: Web, name: web}}}}\n\
             status: {status}\n"
        )
    };
    unknown("WRK-008", &scaler("{}"), "objects of the kind Web were not read");
    passes("WRK-008", &scaler("{conditions: [{type: AbleToScale, status: 'True'}]}"));
    // A volume may be on one node: only its class says so.
    let work = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web, namespace: shop}\n\
                spec: {replicas: 2, selector: {matchLabels: {app: web}}, volumeClaimTemplates: [{metadata: {name: d}, spec: {storageClassName: fast}}], \
                template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}\n";
    let database = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg, namespace: shop}\n\
                    spec: {instances: 3, storage: {size: 1Gi, storageClass: fast}}\n";
    for (id, text) in [("STO-003", work), ("OPS-002", database)] {
        let unknowns = |gap: Option<Gap>| {
            let mut own = object_set(text, ReviewSource::Live);
            own.gaps.extend(gap.map(|gap| ("StorageClass.storage.k8s.io".to_owned(), gap)));
            review(&own, &settings("", id), "example", "full", now()).tally.unknown
        };
        let gap = Gap { why: Unseen::Forbidden, text: "it may not list storageclasses".into() };
        assert_eq!((unknowns(None), unknowns(Some(gap))), (0, 1), "{id}");
    }
}
