//! Secrets of a real Vault, delivered by the real External Secrets and Vault operators: what a review says about them
//! while Vault answers, when it is sealed, and when the operator no longer runs. `tests/lab/operators` builds the
//! programs, which takes too long for CI. What they wrote is kept in tests/recorded/vault (DRILL_RECORD=1 writes it
//! again).

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    crds::{define, module},
    drill::binary,
    hollow::{Hollow, wait_for},
};

const KINDS: &str = "externalsecrets.external-secrets.io,secretstores.external-secrets.io,\
clustersecretstores.external-secrets.io,vaultconnections.secrets.hashicorp.com,vaultauths.secrets.hashicorp.com,\
vaultstaticsecrets.secrets.hashicorp.com,vaultdynamicsecrets.secrets.hashicorp.com,\
vaultpkisecrets.secrets.hashicorp.com";

pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts one of the programs. Its output goes into the directory of the lab.
pub fn start(lab: &Hollow, name: &str, args: &[&str]) -> Running {
    let told = std::env::var_os("DRILL_OPERATORS").map(PathBuf::from);
    let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let program = told.unwrap_or_else(|| caches.unwrap().join("drillmaster/operators")).join(name);
    assert!(program.exists(), "{} is missing: run tests/lab/operators", program.display());
    let log = std::fs::File::create(lab.dir.path().join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(program);
    command.args(args).env("KUBECONFIG", &lab.env["KUBECONFIG"]).env("VAULT_LOG_LEVEL", "warn");
    Running(command.stdout(Stdio::from(log.try_clone().unwrap())).stderr(log).spawn().unwrap())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Bed {
    lab: Hollow,
    vault: String,
    _server: Running,
}

impl Bed {
    /// A control plane that knows the kinds, and a Vault with a password, a certificate authority and a role.
    fn new() -> Self {
        let lab = Hollow::bare();
        let missing = define(&lab);
        assert!(missing.iter().all(|m| !m.contains("external-secrets") && !m.contains("vault")), "{missing:?}");
        let more = module("github.com/hashicorp/vault-secrets-operator@v0.10.0").unwrap().join("config/crd/bases");
        lab.kubectl(&["apply", "--server-side", "-f", more.to_str().unwrap()]);
        let address = format!("127.0.0.1:{}", free_port());
        let listens = format!("-dev-listen-address={address}");
        let server =
            start(&lab, "vault", &["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token", &listens]);
        let bed = Self { lab, vault: format!("http://{address}"), _server: server };
        wait_for("Vault to answer", 30, || bed.ask("GET", "sys/health", &Value::Null).is_some());
        bed.furnish();
        bed
    }

    fn furnish(&self) {
        let put = |path: &str, body: Value| self.ask("POST", path, &body).unwrap_or_else(|| panic!("{path} {body}"));
        put("secret/data/database", json!({"data": {"password": "made-up"}}));
        put("sys/mounts/pki", json!({"type": "pki"}));
        put("pki/root/generate/internal", json!({"common_name": "shop.example", "ttl": "24h"}));
        for (role, leased) in [("leased", true), ("issued", false)] {
            let body = json!({"allow_any_name": true, "ttl": "60s", "max_ttl": "60s", "generate_lease": leased});
            put(&format!("pki/roles/{role}"), body);
        }
        put("sys/auth/approle", json!({"type": "approle"}));
        let policy = "path \"secret/*\" { capabilities = [\"read\"] }\npath \"pki/*\" { capabilities = [\"update\"] }";
        put("sys/policies/acl/shop", json!({"policy": policy}));
        put("auth/approle/role/shop", json!({"token_policies": ["shop"]}));
        let role = self.ask("GET", "auth/approle/role/shop/role-id", &Value::Null).unwrap();
        let secret = put("auth/approle/role/shop/secret-id", json!({}));
        let objects = include_str!("operators.yaml")
            .replace("VAULT_ADDR", &format!("'{}'", self.vault))
            .replace("ROLE_ID", role["data"]["role_id"].as_str().unwrap())
            .replace("SECRET_ID", secret["data"]["secret_id"].as_str().unwrap());
        let file = self.lab.dir.path().join("operators.yaml");
        std::fs::write(&file, objects).unwrap();
        self.lab.kubectl(&["create", "namespace", "shop"]);
        self.lab.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    }

    /// The answer of Vault. None if there is no answer, or an error.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let mut command = Command::new("curl");
        command.args(["-fsS", "-X", method, "-H", "X-Vault-Token: root", &format!("{}/v1/{path}", self.vault)]);
        if !body.is_null() {
            command.args(["-d", &body.to_string()]);
        }
        let out = command.output().unwrap();
        let answer = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
        out.status.success().then_some(answer)
    }

    /// The results of a review for the objects that do not pass, and the number of objects that pass.
    fn said(&self) -> (BTreeMap<String, (String, String)>, u64) {
        let review = review(&self.lab, &["SEC-006"]);
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let results = review["results"].as_array().unwrap().iter();
        let said = results.map(|r| (subject(&r["subject"]), (text(&r["state"]), text(&r["observed"])))).collect();
        (said, review["tally"]["pass"].as_u64().unwrap())
    }

    /// Waits until a review gives exactly these results.
    fn says(&self, wanted: &[(&str, &str, &str)], passing: u64) {
        let mut last = self.said();
        for _ in 0..90 {
            let is = |(subject, state, words): &(&str, &str, &str)| {
                last.0.get(*subject).is_some_and(|(is, observed)| is == state && observed.contains(words))
            };
            if last.0.len() == wanted.len() && last.1 == passing && wanted.iter().all(is) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_secs(1));
            last = self.said();
        }
        panic!("not {passing} pass and {wanted:#?}, but {last:#?}");
    }

    /// Keeps what the operators wrote, with the time.
    fn record(&self, name: &str) {
        if std::env::var_os("DRILL_RECORD").is_none() {
            return;
        }
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let objects = self.lab.kubectl(&["get", KINDS, "-A", "-o", "yaml"]);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/vault").join(format!("{name}.yaml"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("# {at}\n{objects}\n")).unwrap();
    }
}

/// The results of these checks on the lab.
pub fn review(lab: &Hollow, checks: &[&str]) -> Value {
    let mut command = binary();
    command.args(["check", "--context", "hollow", "--kubeconfig", &lab.env["KUBECONFIG"], "--output", "json"]);
    let out = command.args(checks.iter().flat_map(|id| ["--only", id])).output().unwrap();
    serde_json::from_slice(&out.stdout).unwrap()
}

pub fn subject(value: &Value) -> String {
    format!("{}/{}", value["kind"].as_str().unwrap_or(""), value["name"].as_str().unwrap_or(""))
}

#[test]
#[ignore = "needs the hollow lab and what tests/lab/operators builds"]
fn vault_and_its_operators() {
    let bed = Bed::new();
    let (before, passing) = bed.said();
    assert!(passing == 0 && before.values().all(|(state, _)| state == "unknown"), "{before:#?}");

    let args = [
        "--metrics-addr=127.0.0.1:0",
        "--live-addr=127.0.0.1:0",
        // Their kinds do not exist here.
        "--enable-push-secret-reconciler=false",
        "--enable-cluster-push-secret-reconciler=false",
        "--enable-generator-state=false",
    ];
    let external = start(&bed.lab, "external-secrets", &args);
    let args = ["--metrics-bind-address=0", "--health-probe-bind-address=0", "--leader-elect=false"];
    let _vaults = start(&bed.lab, "vault-secrets-operator", &args);
    let always = [
        ("ExternalSecret/absent", "fail", "not Ready"),
        ("ExternalSecret/unreachable", "fail", "not Ready"),
        ("SecretStore/refused", "fail", "not Ready"),
        ("SecretStore/nowhere", "fail", "not Ready"),
        ("VaultConnection/nowhere", "fail", "not valid"),
        ("VaultAuth/lost", "fail", "not valid"),
        ("VaultPKISecret/not-issued", "fail", "not valid"),
        ("VaultStaticSecret/fixed-absent", "unknown", "no status"),
        // This Secret is in order, but its status does not show it.
        ("VaultStaticSecret/fixed", "unknown", "neither failures nor times"),
    ];
    bed.says(&always, 8);
    bed.record("answers");

    bed.ask("PUT", "sys/seal", &json!({})).unwrap();
    let sealed = [
        ("ExternalSecret/database", "fail", "not Ready"),
        ("SecretStore/vault", "fail", "not Ready"),
        ("ClusterSecretStore/everywhere", "fail", "not Ready"),
        ("VaultDynamicSecret/leased", "fail", "ended"),
        ("VaultPKISecret/issued", "fail", ""),
    ];
    bed.says(&[&always[..], &sealed].concat(), 3);
    bed.record("sealed");

    // Vault works again. Then External Secrets dies, but the status that it wrote stays.
    let log = std::fs::read_to_string(bed.lab.dir.path().join("vault.log")).unwrap();
    let key = log.lines().find_map(|l| l.strip_prefix("Unseal Key: ")).unwrap();
    bed.ask("PUT", "sys/unseal", &json!({ "key": key })).unwrap();
    bed.says(&always, 8);
    drop(external);
    bed.says(&[&always[..], &[("ExternalSecret/database", "fail", "should be refreshed every 15 s")]].concat(), 7);
    bed.record("nobody-brings");
}
