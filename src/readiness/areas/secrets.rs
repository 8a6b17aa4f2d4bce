//! Secrets that lie in plain text.

use std::sync::LazyLock;

use regex::Regex;

use serde_json::Value;

use sha2::{Digest, Sha256};

use crate::{
    inventory::{LEFT_OUT, Object, REPEATED, Source},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, Say},
        look::{list, text, words},
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "SEC-001",
        name: "secret-literal-env",
        title: "No secret is written into an environment variable",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No env entry whose name speaks of a password, secret, token, credential or key has a literal value; $(VAR), absolute paths, booleans, numbers and references of a secret manager (vault:, ref+, awssm:, gcp:secretmanager:, secretsmanager:, azkv:) are left out.",
        fix: "Move it to a Secret or ExternalSecret, use valueFrom or a file, and rotate the value",
        why: "A backup of the workload is a copy of its passwords.",
        run: literals,
    },
    Check {
        id: "SEC-002",
        name: "secret-known-format",
        title: "No credential lies about in an object",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No env value, command, argument, annotation or ConfigMap value has the form of a private key, an AWS access key, a GitHub, Google or Slack token, a JWT, or a URL with a password. What is found is shown by its first four letters and a hash. Of a Secret no annotation kubectl.kubernetes.io/last-applied-configuration repeats the values (medium): who may only read its metadata reads them there.",
        fix: "Revoke and rotate it, then remove it from the object and from the history of Git",
        why: "It is in every backup, and in every copy of it.",
        run: formats,
    },
    Check {
        id: "SEC-003",
        name: "secret-in-configmap",
        title: "No ConfigMap holds a secret",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No key of a ConfigMap is named like a secret (SEC-001) while its value is no reference, file name, boolean or number.",
        fix: "Move these keys to a Secret or to a store outside",
        why: "ConfigMaps are read by many and encrypted by nobody.",
        run: configmaps,
    },
    Check {
        id: "SEC-004",
        name: "secret-plain-in-source",
        title: "Secrets in files are encrypted",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A manifest of kind Secret is encrypted by SOPS: it has `sops` with a mac, and each leaf that its encrypted_regex, encrypted_suffix, unencrypted_regex or unencrypted_suffix selects begins with ENC[, at least one; that the loss of one key loses it (fewer than two recipients, or as many groups of keys as are needed) is medium. A SealedSecret passes. Only files are judged.",
        fix: "Encrypt it with SOPS for two recipients in two regions, or seal it; encrypt leaked leaves again",
        why: "Who has the repository has the cluster.",
        run: sources,
    },
];

static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(password|passwd|pwd|secret|token|bearer|credential|api_?key|private_?key|AWS_SECRET_ACCESS_KEY|AZURE_.+KEY|OCI_CLI_KEY_CONTENT|GOOGLE_APPLICATION_CREDENTIALS)")
        .expect("a constant expression")
});

static FORMATS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    [
        ("a private key", r"-----BEGIN ([A-Z ]+ )?PRIVATE KEY"),
        ("an AWS access key", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", r"\b(gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,})"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a Slack token", r"\bxox[baprs]-[0-9A-Za-z-]{10,}"),
        ("a JSON web token", r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}"),
        ("a URL with a password", r"\b[a-z][a-z0-9+.-]*://[^/\s:@$\{]+:[^/\s:@$\{]{3,}@"),
    ]
    .into_iter()
    .map(|(what, expression)| (what, Regex::new(expression).expect("a constant expression")))
    .collect()
});

/// Something that stands for a secret and is none.
fn is_reference(value: &str) -> bool {
    let schemes = [
        "vault:",
        "ref+",
        "awssm:",
        "gcp:secretmanager:",
        "secretsmanager:",
        "azkv:",
        "file:",
        "arn:aws:secretsmanager:",
    ];
    value.is_empty()
        || value.contains("$(")
        || value.starts_with("${")
        || value.starts_with('/')
        || matches!(value.to_lowercase().as_str(), "true" | "false" | "yes" | "no" | "none")
        || value.parse::<f64>().is_ok()
        || schemes.iter().any(|s| value.starts_with(s))
}

/// Enough to find it again, not enough to use it.
fn redacted(value: &str) -> String {
    let print: String = Sha256::digest(value).iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("{}… (sha256 {print})", value.chars().take(4).collect::<String>())
}

fn literals(p: &Picture<'_>, say: &mut Say) {
    for work in &p.works {
        let (mut wrong, mut hidden) = (vec![], false);
        for container in work.all_containers() {
            for (i, entry) in list(container.value, "/env").iter().enumerate() {
                let (name, value) = (text(entry, "/name"), text(entry, "/value"));
                if !SECRET_NAME.is_match(name) || is_reference(value) {
                    continue;
                }
                if value == LEFT_OUT {
                    hidden = true;
                } else {
                    wrong.push((format!("{}/env/{i}", container.pointer), container.name, name));
                }
            }
        }
        if wrong.is_empty() {
            if hidden { say.unknown(work, Unseen::NoData, "the capture leaves values out") } else { say.pass(work) }
        }
        for (pointer, container, name) in wrong {
            say.fail(Subject::from(work).part(container), pointer, format!("{name} has a literal value (not shown)"));
        }
    }
}

/// The first credential in a text.
fn credential(value: &str) -> Option<(&'static str, String)> {
    FORMATS.iter().find_map(|(what, expression)| {
        let found = expression.find(value)?;
        Some((*what, redacted(found.as_str())))
    })
}

fn formats(p: &Picture<'_>, say: &mut Say) {
    repeated(p, say);
    if p.shelf.source == Source::Capture {
        let text = "the capture leaves out values, arguments and annotations: look at the cluster itself";
        return say.unknown(Subject::default(), Unseen::NoData, text);
    }
    for work in &p.works {
        let mut wrong = vec![];
        for container in work.all_containers() {
            for (i, entry) in list(container.value, "/env").iter().enumerate() {
                look(text(entry, "/value"), format!("{}/env/{i}/value", container.pointer), &mut wrong);
            }
            for field in ["command", "args"] {
                for (i, word) in words(container.value, &format!("/{field}")).into_iter().enumerate() {
                    look(word, format!("{}/{field}/{i}", container.pointer), &mut wrong);
                }
            }
        }
        for (key, value) in &work.object.metadata.annotations {
            look(value, format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1")), &mut wrong);
        }
        tell(work.object, wrong, say);
    }
    for config in p.each("ConfigMap", say) {
        let mut wrong = vec![];
        for (key, value) in config.map("/data").into_iter().flatten() {
            look(
                value.as_str().unwrap_or(""),
                format!("/data/{}", key.replace('~', "~0").replace('/', "~1")),
                &mut wrong,
            );
        }
        tell(config, wrong, say);
    }
}

/// Secrets whose values can be read in an annotation.
fn repeated(p: &Picture<'_>, say: &mut Say) {
    for secret in p.each("Secret", say) {
        if secret.body[REPEATED] == true {
            say.fail_as(
                Severity::Medium,
                secret,
                "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
                "this annotation of `kubectl apply` repeats its values, for everybody who may read metadata",
            );
        }
    }
}

fn look(value: &str, pointer: String, wrong: &mut Vec<(String, String)>) {
    if let Some((what, shown)) = credential(value) {
        wrong.push((pointer, format!("{what}: {shown}")));
    }
}

fn tell(object: &Object, wrong: Vec<(String, String)>, say: &mut Say) {
    if wrong.is_empty() {
        say.pass(object);
    }
    for (pointer, text) in wrong {
        say.fail(object, pointer, text);
    }
}

fn configmaps(p: &Picture<'_>, say: &mut Say) {
    for config in p.each("ConfigMap", say).into_iter().filter(|c| c.metadata.name != "kube-root-ca.crt") {
        let (mut wrong, mut hidden) = (vec![], false);
        for (key, value) in config.map("/data").into_iter().flatten() {
            let value = value.as_str().unwrap_or("");
            let public = value.contains("BEGIN CERTIFICATE") || value.contains("BEGIN PUBLIC KEY");
            if !SECRET_NAME.is_match(key) || is_reference(value) || public || is_file(key) {
                continue;
            }
            if value == LEFT_OUT { hidden = true } else { wrong.push(key.as_str()) }
        }
        if !wrong.is_empty() {
            say.fail(config, "/data", format!("keys that are named like secrets: {}", wrong.join(", ")));
        } else if hidden {
            say.unknown(config, Unseen::NoData, "the capture leaves values out");
        } else {
            say.pass(config);
        }
    }
}

/// `token-exchange.yaml` is a file, not a token.
fn is_file(key: &str) -> bool {
    [".yaml", ".yml", ".json", ".toml", ".conf", ".ini", ".sh", ".md", ".properties", ".html", ".js", ".sql", ".xml"]
        .iter()
        .any(|end| key.ends_with(end))
}

fn sources(p: &Picture<'_>, say: &mut Say) {
    if p.is_cluster() {
        return say.skip(Subject::default(), "only files are judged");
    }
    for secret in p.each("Secret", say) {
        let has = |field: &str| secret.map(field).is_some_and(|m| !m.is_empty());
        if !has("/data") && !has("/stringData") {
            say.skip(secret, "it holds nothing");
        } else if let Some(sops) = secret.map("/sops") {
            sops_file(secret, sops, say);
        } else {
            say.fail(secret, "/data", "its values are in plain text (Base64 hides nothing)");
        }
    }
    for sealed in p.each("SealedSecret.bitnami.com", say) {
        say.pass(sealed);
    }
}

/// Which leaves of a file SOPS encrypts: the file holds one of four rules, or the suffix
/// `_unencrypted` is the exception. A rule means a leaf when it means any part of its path.
enum SopsRule {
    Encrypted(Regex),
    Unencrypted(Regex),
    EncryptedSuffix(String),
    UnencryptedSuffix(String),
}

impl SopsRule {
    fn of<'a>(word: &impl Fn(&str) -> &'a str) -> Result<Self, String> {
        let regex = |field: &str| Regex::new(word(field)).map_err(|_| format!("{field} is no regular expression"));
        Ok(if !word("encrypted_regex").is_empty() {
            Self::Encrypted(regex("encrypted_regex")?)
        } else if !word("unencrypted_regex").is_empty() {
            Self::Unencrypted(regex("unencrypted_regex")?)
        } else if !word("encrypted_suffix").is_empty() {
            Self::EncryptedSuffix(word("encrypted_suffix").to_owned())
        } else {
            let suffix = word("unencrypted_suffix");
            Self::UnencryptedSuffix(if suffix.is_empty() { "_unencrypted" } else { suffix }.to_owned())
        })
    }

    fn means(&self, path: &[&str]) -> bool {
        match self {
            Self::Encrypted(rule) => path.iter().any(|part| rule.is_match(part)),
            Self::Unencrypted(rule) => !path.iter().any(|part| rule.is_match(part)),
            Self::EncryptedSuffix(suffix) => path.iter().any(|part| part.ends_with(suffix)),
            Self::UnencryptedSuffix(suffix) => !path.iter().any(|part| part.ends_with(suffix)),
        }
    }
}

fn sops_file(secret: &Object, sops: &serde_json::Map<String, Value>, say: &mut Say) {
    let word = |field: &str| sops.get(field).and_then(Value::as_str).unwrap_or("");
    let rule = match SopsRule::of(&word) {
        Ok(rule) => rule,
        Err(why) => return say.fail(secret, "/sops", why),
    };
    let (mut plain, mut hidden) = (vec![], 0);
    for part in ["data", "stringData"] {
        for (key, value) in secret.map(&format!("/{part}")).into_iter().flatten() {
            hidden += usize::from(value.as_str().is_some_and(|v| v.starts_with("ENC[")));
            if rule.means(&[part, key]) && !value.as_str().is_some_and(|v| v.is_empty() || v.starts_with("ENC[")) {
                plain.push(format!("{part}.{key}"));
            }
        }
    }
    if !plain.is_empty() {
        say.fail(secret, "/data", format!("not encrypted although SOPS should: {}", plain.join(", ")));
    } else if hidden == 0 {
        say.fail(secret, "/sops", "SOPS has been here, but by its rule it encrypts none of the values");
    } else if !word("mac").starts_with("ENC[") {
        say.fail(
            secret,
            "/sops/mac",
            "its message authentication code is missing: nobody can tell whether it was changed",
        );
    } else if let Some(why) = lost_with_a_key(sops) {
        say.fail_as(Severity::Medium, secret, "/sops", why);
    } else {
        say.pass(secret);
    }
}

/// Why a file cannot be read any more once one of its keys is lost: of each group of keys
/// one is enough, and of the groups as many as the threshold says, all by default.
fn lost_with_a_key(sops: &serde_json::Map<String, Value>) -> Option<String> {
    let keys = |group: &serde_json::Map<String, Value>| -> usize {
        ["age", "pgp", "kms", "azure_kv", "gcp_kms", "hc_vault", "hckms"]
            .iter()
            .map(|field| group.get(*field).and_then(Value::as_array).map_or(0, Vec::len))
            .sum()
    };
    let groups: Vec<usize> = match sops.get("key_groups").and_then(Value::as_array) {
        Some(groups) if !groups.is_empty() => groups.iter().filter_map(Value::as_object).map(keys).collect(),
        _ => vec![keys(sops)],
    };
    let all = groups.len();
    let needed = sops.get("shamir_threshold").and_then(Value::as_u64).filter(|n| *n > 0);
    let needed = needed.map_or(all, |n| usize::try_from(n).unwrap_or(all));
    let left = groups.iter().filter(|n| **n > 0).count() - usize::from(groups.contains(&1));
    if left >= needed {
        return None;
    }
    Some(match groups[..] {
        [count] => format!("{count} recipient: when that key is lost, so is this"),
        _ => format!(
            "{needed} of {all} groups of keys are needed, and one of them is a single key: when it is lost, so is this"
        ),
    })
}
