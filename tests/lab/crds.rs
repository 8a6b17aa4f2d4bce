//! Creates the examples of the checks on a real API server that knows the real CustomResourceDefinitions of the
//! projects in question. Their schemas refuse what those projects would refuse. The status of an example is written,
//! too.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use serde_json::Value;

use super::{
    drill::binary,
    hollow::{Hollow, scripts},
};

/// Modules of the Go proxy, and where their definitions are in them.
const DEFINITIONS: &[(&str, &[&str])] = &[
    ("istio.io/api@v1.32.0", &["kubernetes/customresourcedefinitions.gen.yaml"]),
    (
        "github.com/external-secrets/external-secrets@v0.20.4",
        &[
            "config/crds/bases/external-secrets.io_externalsecrets.yaml",
            "config/crds/bases/external-secrets.io_clusterexternalsecrets.yaml",
            "config/crds/bases/external-secrets.io_secretstores.yaml",
            "config/crds/bases/external-secrets.io_clustersecretstores.yaml",
        ],
    ),
    (
        "github.com/hashicorp/vault-secrets-operator@v0.10.0",
        &[
            "config/crd/bases/secrets.hashicorp.com_vaultstaticsecrets.yaml",
            "config/crd/bases/secrets.hashicorp.com_vaultdynamicsecrets.yaml",
            "config/crd/bases/secrets.hashicorp.com_vaultpkisecrets.yaml",
            "config/crd/bases/secrets.hashicorp.com_vaultconnections.yaml",
            "config/crd/bases/secrets.hashicorp.com_vaultauths.yaml",
        ],
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        &[
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheuses.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusagents.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_alertmanagers.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_alertmanagerconfigs.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_scrapeconfigs.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_thanosrulers.yaml",
        ],
    ),
    (
        "github.com/aquasecurity/trivy-operator@v0.27.0",
        &["deploy/helm/crds/aquasecurity.github.io_vulnerabilityreports.yaml"],
    ),
    ("github.com/argoproj/argo-cd/v3@v3.2.0", &["manifests/crds/application-crd.yaml"]),
    ("github.com/argoproj/argo-rollouts@v1.8.3", &["manifests/crds/rollout-crd.yaml"]),
    ("github.com/fluxcd/helm-controller@v1.4.0", &["config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml"]),
    ("github.com/cert-manager/cert-manager@v1.21.2", &["deploy/crds/cert-manager.io_certificates.yaml"]),
    ("github.com/kedacore/keda/v2@v2.21.0", &["config/crd/bases/keda.sh_scaledobjects.yaml"]),
    (
        "sigs.k8s.io/secrets-store-csi-driver@v1.4.8",
        &[
            "deploy/secrets-store.csi.x-k8s.io_secretproviderclasses.yaml",
            "deploy/secrets-store.csi.x-k8s.io_secretproviderclasspodstatuses.yaml",
        ],
    ),
    ("github.com/bitnami-labs/sealed-secrets@v0.40.0", &["helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml"]),
    ("github.com/cloudnative-pg/cloudnative-pg@v1.27.0", &["config/crd/bases/postgresql.cnpg.io_clusters.yaml"]),
    (
        "github.com/cilium/cilium@v1.20.2",
        &[
            "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml",
            "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumclusterwidenetworkpolicies.yaml",
        ],
    ),
    (
        "sigs.k8s.io/network-policy-api@v0.3.0",
        &["config/crd/standard/policy.networking.k8s.io_clusternetworkpolicies.yaml"],
    ),
    ("sigs.k8s.io/gateway-api@v1.4.0", &["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"]),
    (
        "github.com/elastic/cloud-on-k8s/v3@v3.5.0",
        &["config/crds/v1/resources/elasticsearch.k8s.elastic.co_elasticsearches.yaml"],
    ),
    (
        "github.com/kubernetes-csi/external-snapshotter/client/v8@v8.7.0",
        &["config/crd/snapshot.storage.k8s.io_volumesnapshotclasses.yaml"],
    ),
    ("github.com/kyverno/kyverno@v1.19.1", &["config/crds/kyverno/kyverno.io_clusterpolicies.yaml"]),
    (
        "github.com/grafana/grafana-operator/v5@v5.18.0",
        &[
            "config/crd/bases/grafana.integreatly.org_grafanadashboards.yaml",
            "config/crd/bases/grafana.integreatly.org_grafanaalertrulegroups.yaml",
        ],
    ),
    ("k8s.io/autoscaler/vertical-pod-autoscaler@v1.5.1", &["deploy/vpa-v1-crd-gen.yaml"]),
];

/// The directory of a module, after it was downloaded.
pub fn module(name: &str) -> Option<PathBuf> {
    let out = Command::new("go").args(["mod", "download", "-json", name]).current_dir("/").output().ok()?;
    let said: Value = serde_json::from_slice(&out.stdout).ok()?;
    Some(PathBuf::from(said["Dir"].as_str()?))
}

/// Makes all kinds known to the API server. Returns the modules that were not available.
pub fn define(lab: &Hollow) -> Vec<&'static str> {
    let mut missing = vec![];
    lab.kubectl(&["apply", "--server-side", "-f", "kind-configs/stack/velero-crds.yaml"]);
    for (name, files) in DEFINITIONS {
        let Some(dir) = module(name) else {
            missing.push(*name);
            continue;
        };
        for file in *files {
            lab.kubectl(&["apply", "--server-side", "-f", dir.join(file).to_str().unwrap()]);
        }
    }
    lab.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    missing
}

struct Bed {
    lab: Hollow,
    namespaces: Vec<String>,
}

impl Bed {
    /// A control plane that knows all kinds, and the modules that were not available.
    fn new() -> (Self, Vec<&'static str>) {
        let lab = Hollow::bare();
        let missing = define(&lab);
        (Self { lab, namespaces: vec![] }, missing)
    }

    fn try_kubectl(&self, args: &[&str], input: &str) -> Result<(), String> {
        use std::{io::Write, process::Stdio};
        let mut command = Command::new(&self.lab.env["KUBECTL"]);
        command.arg("--kubeconfig").arg(&self.lab.env["KUBECONFIG"]).args(args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()) }
    }

    /// An example with storage classes is only about these, so all others are removed.
    fn storage(&self, objects: &[Value]) {
        self.lab.kubectl(&["delete", "storageclass", "--all"]);
        if !objects.iter().any(|o| o["kind"] == "StorageClass") {
            self.lab.kubectl(&["apply", "-f", scripts().join("hollow/storage.yaml").to_str().unwrap()]);
        }
    }

    /// Creates the objects of an example, with their status.
    fn make(&mut self, objects: &[Value]) -> Result<(), String> {
        for object in objects {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or("");
            if !namespace.is_empty() && !self.namespaces.iter().any(|n| n == namespace) {
                let _ = self.try_kubectl(&["create", "namespace", namespace], "");
                self.namespaces.push(namespace.to_owned());
            }
        }
        let mut specs = objects.to_vec();
        specs.iter_mut().for_each(|o| drop(o.as_object_mut().and_then(|o| o.remove("status"))));
        let all = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": specs}).to_string();
        self.try_kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &all)?;
        for object in objects {
            if let Some(status) = object.get("status") {
                let patch = serde_json::json!({ "status": status }).to_string();
                let kind = object["kind"].as_str().unwrap();
                let api = object["apiVersion"].as_str().unwrap();
                let kind =
                    api.split_once('/').map_or(kind.to_owned(), |(group, version)| format!("{kind}.{version}.{group}"));
                let name = object["metadata"]["name"].as_str().unwrap();
                let mut args = vec!["patch", &kind, name, "--type=merge", "-p", &patch];
                if let Some(namespace) = object["metadata"]["namespace"].as_str() {
                    args.extend(["-n", namespace]);
                }
                // The kinds of Velero have no status subresource.
                let own = [&args[..], &["--subresource=status"]].concat();
                self.try_kubectl(&own, "").or_else(|_| self.try_kubectl(&args, ""))?;
            }
        }
        Ok(())
    }

    fn unmake(&mut self, objects: &[Value]) {
        let all = objects.iter().map(|o| o.to_string() + "\n---\n").collect::<String>();
        let _ = self.try_kubectl(
            &["delete", "--ignore-not-found", "--grace-period=0", "--force", "--timeout=20s", "-f", "-"],
            &all,
        );
        // A namespace of an example is deleted with the example.
        let gone = |n: &String| objects.iter().any(|o| o["kind"] == "Namespace" && o["metadata"]["name"] == n.as_str());
        self.namespaces.retain(|n| !gone(n));
    }

    /// How many objects fail a check, pass it, or cannot be judged, and the text of the last result.
    fn asked(&self, check: &str, drill: &str) -> (u64, u64, u64, String) {
        let mut command = binary();
        command.args(["check", "--context", "hollow", "--kubeconfig", &self.lab.env["KUBECONFIG"]]);
        command.args(["--only", check, "--output", "json"]);
        if !drill.is_empty() {
            let file = self.lab.dir.path().join("drill.yaml");
            std::fs::write(&file, format!("apiVersion: drillmaster.dev/v1\nkind: Readiness\n{drill}")).unwrap();
            command.arg("--readiness").arg(file);
        }
        let out = command.output().unwrap();
        let review: Value = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|e| panic!("{check}: {e}: {}", String::from_utf8_lossy(&out.stderr)));
        let count = |state: &str| review["tally"][state].as_u64().unwrap_or(0);
        let odd = review["results"].as_array().into_iter().flatten().rfind(|r| r["state"] != "skip");
        let odd = odd.map(|r| r["observed"].to_string()).unwrap_or_default();
        (count("fail"), count("pass"), count("unknown") + count("error"), odd)
    }
}

/// Moves the times of an example to now, because examples are written for one point in time.
fn moved(text: &str) -> String {
    let then: jiff::Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let by = jiff::Timestamp::now().duration_since(then);
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    let text = times.replace_all(text, |found: &regex::Captures<'_>| {
        let at: jiff::Timestamp = found[0].parse().unwrap();
        (at + by).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    });
    let days = regex::Regex::new(r"\b\d{4}-\d\d-\d\d\b([^T])").unwrap();
    days.replace_all(&text, |found: &regex::Captures<'_>| {
        let at: jiff::Timestamp = format!("{}T00:00:00Z", &found[0][..10]).parse().unwrap();
        format!("{}{}", (at + by).strftime("%Y-%m-%d"), &found[1])
    })
    .into_owned()
}

/// Whether an example contains only objects of one cluster: no second cluster, no encrypted files, and no
/// managedFields.
fn is_of_one_cluster(text: &str) -> bool {
    !["# target\n", "\nsops:", "managedFields"].iter().any(|word| text.contains(word))
}

/// The objects of a part of an example. None if it contains something that an API server cannot hold.
pub fn objects(text: &str) -> Option<Vec<Value>> {
    let mut all = vec![];
    for document in text.split("\n---\n").filter(|d| !d.trim().is_empty()) {
        let value: Value = serde_saphyr::from_str(document).ok()?;
        let kind = value["kind"].as_str()?;
        // The lab has its own nodes and pods, and readings are not objects.
        if matches!(kind, "Node" | "Pod" | "Lease" | "Policy") || value["apiVersion"].is_null() {
            return None;
        }
        all.push(value);
    }
    Some(all)
}

pub fn part<'a>(text: &'a str, head: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(&format!("# {head}\n")) else { return "" };
    let ends = ["# target\n", "# fails\n", "# passes\n"];
    ends.iter().map(|next| rest.split_once(next).map_or(rest, |(own, _)| own)).min_by_key(|s| s.len()).unwrap()
}

#[test]
#[ignore = "needs the hollow lab and Go's module proxy"]
fn the_examples_on_a_real_api_server() {
    let (mut bed, missing) = Bed::new();
    for name in &missing {
        eprintln!("NOT AVAILABLE: {name}: the examples of its kinds are not created");
    }
    let listed = binary().args(["list", "checks", "--output", "json"]).output().unwrap();
    let catalogue: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let mut said = BTreeMap::new();
    for check in catalogue["checks"].as_array().unwrap() {
        let id = check["id"].as_str().unwrap();
        let Ok(text) = std::fs::read_to_string(format!("tests/checks/{id}.yaml")) else { continue };
        if !is_of_one_cluster(&text) {
            continue;
        }
        let text = moved(&text);
        let (Some(fails), Some(passes)) = (objects(part(&text, "fails")), objects(part(&text, "passes"))) else {
            continue;
        };
        let drill = part(&text, "drill");
        let mut told = vec![];
        for (objects, wanted) in [(fails, "fails"), (passes, "passes")] {
            bed.storage(&objects);
            let made = bed.make(&objects);
            let (fail, pass, unknown, last) = bed.asked(id, drill);
            bed.unmake(&objects);
            if let Err(why) = made {
                told.push(format!("{wanted}: cannot be created: {}", why.lines().next().unwrap_or("")));
            } else if wanted == "fails" && fail == 0 || wanted == "passes" && (fail + unknown > 0 || pass == 0) {
                told.push(format!("{wanted}: {fail} fail, {pass} pass, {unknown} unknown: {last}"));
            }
        }
        eprintln!("{id}: {}", if told.is_empty() { "both".to_owned() } else { told.join("; ") });
        said.insert(id.to_owned(), (told, check["proven"].as_str().unwrap_or("").to_owned()));
    }
    // A module that is not available excuses the examples of its kinds, and nothing else.
    let excused = |told: &[String]| !missing.is_empty() && told.iter().all(|t| t.contains("no matches for kind"));
    let wrong: Vec<String> = said
        .iter()
        .filter(|(_, (told, proof))| {
            // Checks that were tried with the real operators have such examples, too.
            let made = proof == "by its examples on a real API server" || proof.starts_with("with the real operators");
            !told.is_empty() && !excused(told) && made
        })
        .map(|(id, (told, _))| format!("{id}: {}", told.join("; ")))
        .collect();
    let more: Vec<&String> = said
        .iter()
        .filter(|(_, (told, proof))| told.is_empty() && !proof.contains("real API server"))
        .map(|(id, _)| id)
        .collect();
    eprintln!("these checks are proven, too, but the catalogue does not say so: {more:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
