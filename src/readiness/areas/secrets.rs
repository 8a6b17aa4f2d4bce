//! Secrets in plain text.

use std::sync::LazyLock;

use regex::Regex;

use serde_json::Value;

use crate::{
    inventory::{LEFT_OUT, Object, REPEATED, ReviewSource},
    model::{Class, Severity, Subject, Unseen, sha256},
    readiness::{
        check::{Check, Needs, Say},
        picture::Picture,
        values::{list, seconds, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "SEC-001",
        name: "secret-literal-env",
        title: "No environment variable holds a secret as a literal value",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No env entry of a container has a literal value if its name contains password, passwd, pwd, passphrase, secret, token, bearer or credential, ends with the word pass, names a key (such as API_KEY, ENCRYPTION_KEY, SIGNING_KEY or AWS_ACCESS_KEY_ID), or is a key variable of a cloud provider. Names of other facts about a secret (DB_SECRET_NAME, TOKEN_FILE, PASSWORD_LENGTH) and other words (TOKENIZER) do not count. Allowed are empty values, $(VAR), ${VAR}, absolute paths, true, false, yes, no, none, numbers, durations (5m), files (file:) and references to a secret manager (vault:, ref+, awssm:, gcp:secretmanager:, secretsmanager:, azkv:, arn:aws:secretsmanager:).",
        fix: "Move the value to a Secret or ExternalSecret, use valueFrom or a file, and rotate the value",
        why: "Everybody who can read the workload or its backup can read the secret.",
        run: literals,
    },
    Check {
        id: "SEC-002",
        name: "secret-known-format",
        title: "No object holds a credential in plain text",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No env value, command, argument or annotation of a workload and no ConfigMap value contains a private key, an AWS access key, a GitHub, Google or Slack token, a JSON web token, or a URL with a password. A finding shows only the first four characters and a hash. No Secret repeats its values in the annotation kubectl.kubernetes.io/last-applied-configuration (medium), where everybody who may read metadata can read them. In a capture, only this annotation is examined; the rest is unknown.",
        fix: "Revoke and rotate the credential, then remove it from the object and from the Git history",
        why: "The credential is in every backup of the object and in every copy of that backup.",
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
        rule: "No key of a ConfigMap has a name like a secret (see SEC-001), unless SEC-001 allows its value, the value is a certificate or a public key, or the key ends like a file name (such as .yaml or .conf). The ConfigMap kube-root-ca.crt is not examined.",
        fix: "Move these keys to a Secret or to an external secret store",
        why: "Many accounts may read ConfigMaps, and they are not encrypted like Secrets.",
        run: configmaps,
    },
    Check {
        id: "SEC-004",
        name: "secret-plain-in-source",
        title: "Secrets in manifests are encrypted",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A manifest of kind Secret that holds values is encrypted by SOPS: it has `sops` with a mac. Each non-empty value that encrypted_regex, encrypted_suffix, unencrypted_regex or unencrypted_suffix selects begins with ENC[, and there is at least one. If one key is lost, the file can still be read (else medium): it has at least two recipients, or its remaining key groups reach the threshold. A SealedSecret passes. The check is skipped on a cluster.",
        fix: "Encrypt the Secret with SOPS for two recipients in two regions, or use a SealedSecret; encrypt values that are still in plain text",
        why: "Everybody who can read the repository can read the credentials of the cluster.",
        run: sources,
    },
];

static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(password|passwd|pwd|(^|[_.-])pass$|secret|token|passphrase|bearer|credential|(api|private|encryption|encrypt|signing|sign|secret|access|master|account|auth|shared|session|cipher|hmac|jwt|license|service|storage|client)_?key(_?id)?$|(api|private)_?key|AZURE_.+KEY|OCI_CLI_KEY_CONTENT|GOOGLE_APPLICATION_CREDENTIALS)")
        .expect("a constant expression")
});

/// A name that says where a secret is, or something about it, and not the secret: DB_SECRET_NAME, TOKEN_FILE.
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[_.-]?(names?|namespace|ref|file|path|dir|mount|url|uri|host|port|endpoint|issuer|audience|type|kind|mode|provider|algorithm|length|size|ttl|expir(y|es|ation)|expires?_?in|lifetime|duration|interval|timeout|enabled|disabled|required|policy|version|count|limit|prefix|header|field|scope|user(name)?|class|store|engine|backend|rotation|arn|region|period|age|validity|source|strategy|cookie|claim|scheme|format|pattern)$")
        .expect("a constant expression")
});

/// Words that begin like one for a secret and mean something else.
static OTHER_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)token(izer|iser|ization|isation)s?|passwordless|secretary").expect("a constant expression")
});

/// Whether a name is that of a secret.
fn is_secret_name(name: &str) -> bool {
    SECRET_NAME.is_match(&OTHER_WORDS.replace_all(name, "")) && !ABOUT.is_match(name)
}

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

/// Whether a value only refers to a secret, or cannot be one.
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
        || seconds(value).is_some()
        || schemes.iter().any(|s| value.starts_with(s))
}

/// A form of the value that is enough to find it again, and not enough to use it.
fn redacted(value: &str) -> String {
    format!("{}… (sha256 {})", value.chars().take(4).collect::<String>(), &sha256(value)[..8])
}

fn literals(p: &Picture<'_>, say: &mut Say) {
    for work in &p.works {
        let (mut wrong, mut hidden) = (vec![], false);
        for container in work.all_containers() {
            for (i, entry) in list(container.value, "/env").iter().enumerate() {
                let (name, value) = (text(entry, "/name"), text(entry, "/value"));
                if !is_secret_name(name) || is_reference(value) {
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
    if p.object_set.source == ReviewSource::Capture {
        let text = "the capture leaves out values, arguments and annotations: review the live cluster";
        return say.unknown(Subject::default(), Unseen::NoData, text);
    }
    for work in &p.works {
        let mut wrong = vec![];
        for container in work.all_containers() {
            for (i, entry) in list(container.value, "/env").iter().enumerate() {
                add_plain_value(text(entry, "/value"), format!("{}/env/{i}/value", container.pointer), &mut wrong);
            }
            for field in ["command", "args"] {
                for (i, word) in words(container.value, &format!("/{field}")).into_iter().enumerate() {
                    add_plain_value(word, format!("{}/{field}/{i}", container.pointer), &mut wrong);
                }
            }
        }
        for (key, value) in &work.object.metadata.annotations {
            add_plain_value(
                value,
                format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1")),
                &mut wrong,
            );
        }
        report_values(work.object, wrong, say);
    }
    for config in p.each("ConfigMap", say) {
        let mut wrong = vec![];
        for (key, value) in config.map("/data").into_iter().flatten() {
            add_plain_value(
                value.as_str().unwrap_or(""),
                format!("/data/{}", key.replace('~', "~0").replace('/', "~1")),
                &mut wrong,
            );
        }
        report_values(config, wrong, say);
    }
}

/// Secrets whose values are repeated in an annotation.
fn repeated(p: &Picture<'_>, say: &mut Say) {
    for secret in p.each("Secret", say) {
        if secret.body[REPEATED] == true {
            say.fail_as(
                Severity::Medium,
                secret,
                "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
                "this annotation of `kubectl apply` repeats its values: everybody who may read metadata can read them",
            );
        }
    }
}

fn add_plain_value(value: &str, pointer: String, wrong: &mut Vec<(String, String)>) {
    if let Some((what, shown)) = credential(value) {
        wrong.push((pointer, format!("{what}: {shown}")));
    }
}

fn report_values(object: &Object, wrong: Vec<(String, String)>, say: &mut Say) {
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
            if !is_secret_name(key) || is_reference(value) || public || is_file(key) {
                continue;
            }
            if value == LEFT_OUT { hidden = true } else { wrong.push(key.as_str()) }
        }
        if !wrong.is_empty() {
            say.fail(config, "/data", format!("keys with names like secrets: {}", wrong.join(", ")));
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
        return say.skip(Subject::default(), "only manifests are examined");
    }
    for secret in p.each("Secret", say) {
        let has = |field: &str| secret.map(field).is_some_and(|m| !m.is_empty());
        if !has("/data") && !has("/stringData") {
            say.skip(secret, "it holds no values");
        } else if let Some(sops) = secret.map("/sops") {
            sops_file(secret, sops, say);
        } else {
            say.fail(secret, "/data", "its values are in plain text (Base64 is not encryption)");
        }
    }
    for sealed in p.each("SealedSecret.bitnami.com", say) {
        say.pass(sealed);
    }
}

/// Which values of a file SOPS encrypts. The file holds one of four rules; without one, only keys
/// with the suffix `_unencrypted` stay in plain text. A rule applies to a value if it applies to
/// any part of its path.
enum SopsRule {
    Encrypted(Regex),
    Unencrypted(Regex),
    EncryptedSuffix(String),
    UnencryptedSuffix(String),
}

impl SopsRule {
    fn of<'a>(word: &impl Fn(&str) -> &'a str) -> Result<Self, String> {
        let regex = |field: &str| Regex::new(word(field)).map_err(|_| format!("{field} is not a regular expression"));
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
        say.fail(secret, "/data", format!("in plain text, although SOPS should encrypt them: {}", plain.join(", ")));
    } else if hidden == 0 {
        say.fail(secret, "/sops", "the file has SOPS metadata, but its rule encrypts none of the values");
    } else if !word("mac").starts_with("ENC[") {
        say.fail(
            secret,
            "/sops/mac",
            "its message authentication code (mac) is missing: changes to the file cannot be detected",
        );
    } else if let Some(why) = lost_with_a_key(sops) {
        say.fail_as(Severity::Medium, secret, "/sops", why);
    } else {
        say.pass(secret);
    }
}

/// Why the loss of one key makes a file unreadable; none if it does not. To read a file, one key
/// of each key group is enough, and as many groups as the threshold says (by default all).
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
        [count] => format!("{count} recipient: if its key is lost, nobody can read the file"),
        _ => format!(
            "{needed} of {all} key groups are needed, and one of them has a single key: if that key is lost, nobody can read the file"
        ),
    })
}
