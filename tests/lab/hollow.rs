//! A hollow lab for one test: it is started with the shop in it, and removed afterwards.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::responder::Responder;

pub struct Hollow {
    pub dir: tempfile::TempDir,
    pub env: BTreeMap<String, String>,
    pub responder: Responder,
}

/// The directory of the lab's scripts: beside the checkout, or in $DRILL_LAB.
pub fn scripts() -> PathBuf {
    let told = std::env::var_os("DRILL_LAB").map(PathBuf::from);
    told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/lab"))
}

impl Hollow {
    /// Starts a lab with the shop ready. `flags` are those of `hollow/up`.
    pub fn up(flags: &[&str]) -> Self {
        Self::start(flags, |_| String::new()).furnish()
    }

    /// Starts the same lab, but with an audit log. Its API server starts a new file after a megabyte, as it does after
    /// 100 MB by default.
    pub fn audited(flags: &[&str]) -> Self {
        let words = |dir: &Path| {
            let policy = dir.join("audit-policy.yaml");
            let rules = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n";
            std::fs::write(&policy, rules).unwrap();
            let (policy, log) = (policy.display(), Self::audit_log(dir));
            format!("--audit-policy-file={policy} --audit-log-path={} --audit-log-maxsize=1", log.display())
        };
        Self::start(flags, words).furnish()
    }

    /// The path of this log.
    pub fn audit_log(dir: &Path) -> PathBuf {
        dir.join("audit.log")
    }

    /// Starts only a control plane with its nodes, with the default clocks.
    pub fn bare() -> Self {
        Self::start(&["--control-plane-only"], |_| String::new())
    }

    /// `more` returns arguments for the API server. It gets the directory of the lab.
    fn start(flags: &[&str], more: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::Builder::new().prefix("hollow").tempdir().unwrap();
        let up = Command::new(scripts().join("hollow/up"))
            .arg(dir.path())
            .args(["--nodes", "6"])
            .args(flags)
            .env("LAB_APISERVER_FLAGS", more(dir.path()))
            .output()
            .unwrap();
        assert!(up.status.success(), "the lab does not come up: {}", String::from_utf8_lossy(&up.stderr));
        let mut env = read_env(&dir.path().join("env"));
        let responder = Responder::start(&env["KUBECTL"], &env["KUBECONFIG"]);
        env.insert("STOREFRONT".into(), responder.storefront.clone());
        env.insert("ANNOUNCE".into(), responder.webhook.clone());
        Self { dir, env, responder }
    }

    fn furnish(mut self) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab");
        self.kubectl(&["apply", "-f", here.join("shop.yaml").to_str().unwrap()]);
        if let Some(rules) = self.env.get("PROMETHEUS_RULES") {
            std::fs::copy(here.join("rules.yml"), Path::new(rules).join("drill.yml")).unwrap();
            self.script("reload", &[]);
        }
        let uid = self.kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]);
        self.env.insert("CLUSTER_UID".into(), uid);
        self.settle();
        self
    }

    /// Waits until the shop is complete, every node is Ready and nothing hangs.
    pub fn settle(&self) {
        self.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=120s"]);
        self.kubectl(&["-n", "shop", "rollout", "status", "statefulset/orders", "--timeout=120s"]);
        self.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"]);
        wait_for("Watchdog to fire and NodeNotReady to be silent", 60, || {
            let Some(base) = self.env.get("PROMETHEUS_URL") else { return true };
            let alerts = Command::new("curl").args(["-fsS", &format!("{base}/api/v1/alerts")]).output().unwrap();
            let text = String::from_utf8_lossy(&alerts.stdout).into_owned();
            text.contains("Watchdog") && text.contains("firing") && !text.contains("NodeNotReady")
        });
    }

    /// Spreads the shop over all zones again, because nothing else does so after a drill.
    pub fn spread(&self) {
        // All pods at once, because a rollout would replace one after another.
        self.kubectl(&["-n", "shop", "delete", "pods", "-l", "app in (web,orders)", "--wait=false"]);
        wait_for("the old pods to be gone", 60, || {
            !self
                .kubectl(&[
                    "-n",
                    "shop",
                    "get",
                    "pods",
                    "-l",
                    "app in (web,orders)",
                    "-o",
                    "jsonpath={.items[*].metadata.deletionTimestamp}",
                ])
                .contains('T')
        });
        self.settle();
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        let out = Command::new(&self.env["KUBECTL"]).envs(&self.env).args(args).output().unwrap();
        assert!(out.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Edits the ConfigMap of the shop, as a person would.
    pub fn set_currency(&self, currency: &str) {
        let patch = format!(r#"{{"data":{{"currency":"{currency}"}}}}"#);
        self.kubectl(&["-n", "shop", "patch", "configmap", "settings", "--type=merge", "-p", &patch]);
    }

    pub fn currency(&self) -> String {
        self.kubectl(&["-n", "shop", "get", "configmap", "settings", "-o", "jsonpath={.data.currency}"])
    }

    /// Runs one of the lab's scripts.
    pub fn script(&self, name: &str, args: &[&str]) {
        let out = Command::new(scripts().join("hollow").join(name)).envs(&self.env).args(args).output().unwrap();
        assert!(out.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// What must be the same before and after a drill: the nodes, and the shop by the rules of the product for "as
    /// before".
    pub fn picture(&self) -> Picture {
        let list = |args: &[&str]| -> Vec<Value> {
            let value: Value = serde_json::from_str(&self.kubectl(args)).unwrap();
            value["items"].as_array().cloned().unwrap_or_default()
        };
        Picture {
            nodes: list(&["get", "nodes", "-o", "json"])
                .iter()
                .map(|n| {
                    let ready =
                        n["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
                    format!(
                        "{} ready={} unschedulable={} taints={}",
                        n["metadata"]["name"], ready["status"], n["spec"]["unschedulable"], n["spec"]["taints"]
                    )
                })
                .collect(),
            objects: list(&[
                "-n",
                "shop",
                "get",
                "deployments,statefulsets,services,configmaps,poddisruptionbudgets,pods",
                "-o",
                "json",
            ]),
            namespaces: list(&["get", "namespaces", "-o", "json"])
                .iter()
                .map(|n| n["metadata"]["name"].to_string())
                .filter(|n| !n.contains("drillmaster"))
                .collect(),
        }
    }
}

impl Drop for Hollow {
    fn drop(&mut self) {
        let _ = Command::new(scripts().join("hollow/down")).arg(self.dir.path()).arg("--delete").output();
    }
}

pub struct Picture {
    nodes: Vec<String>,
    objects: Vec<Value>,
    namespaces: Vec<String>,
}

impl Picture {
    /// Waits until the cluster is as in this picture. Otherwise, says what differs.
    pub fn same(&self, lab: &Hollow) {
        let mut said = String::new();
        for _ in 0..60 {
            let now = lab.picture();
            let differences = drillmaster::kubernetes::compare(&self.objects, &now.objects, str::to_owned);
            if self.nodes == now.nodes && self.namespaces == now.namespaces && differences.is_empty() {
                return;
            }
            said = format!(
                "{:?}\n{:?}\n{:?} {:?}\n{differences:?}",
                self.nodes, now.nodes, self.namespaces, now.namespaces
            );
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        panic!("the cluster is not as before: {said}");
    }
}

pub fn wait_for(what: &str, seconds: u64, mut look: impl FnMut() -> bool) {
    for _ in 0..seconds * 5 {
        if look() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("gave up after {seconds} s waiting for {what}");
}

fn read_env(path: &Path) -> BTreeMap<String, String> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter_map(|l| l.strip_prefix("export ")?.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.split('#').next().unwrap_or(v).trim().trim_matches('\'').to_owned()))
        .collect()
}
