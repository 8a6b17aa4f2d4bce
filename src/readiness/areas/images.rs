//! Images: which registry they come from, whether a restart starts the same image, and whether
//! they can be pulled after a disaster.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DEPOUT, Needs, REGION, RESTORE, Say},
        picture::Picture,
        values::{list, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "IMG-001",
        name: "image-trusted-registry",
        title: "Images come from allowed registries",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "The full name of each image (docker.io/library/… for a short name) begins with an entry of the parameter registries, followed by a slash. Without this parameter the check is skipped.",
        fix: "Mirror the image to an allowed registry",
        why: "Nobody guarantees that an unknown registry is available during an outage.",
        run: registry,
    },
    Check {
        id: "IMG-002",
        name: "image-tag",
        title: "Images have a digest or a tag that does not move",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Each image has a valid digest (see IMG-003), or a tag that names a version. These tags do not: latest (also beside other words, unless one of them is a day or a hash) and SNAPSHOT likewise, those of the parameter floatingTags, e2e, and a tag without any digit (main, stable, master-head), also if it has digits only in the name of a platform or a base image (main-amd64, edge-alpine3.19). A hash of letters only is accepted.",
        fix: "Use the tag of a version, or a digest",
        why: "With a moving tag, a restarted pod can start another version.",
        run: tag,
    },
    Check {
        id: "IMG-003",
        name: "image-digest",
        title: "Images are pinned by digest",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[RESTORE, REGION],
        needs: Needs::Manifests,
        rule: "Each image has a digest: @sha256: with 64 hexadecimal digits, or @sha512: with 128, in small letters. For a critical workload a missing or malformed digest is medium.",
        fix: "Pin the image with @sha256 (a bot can keep it up to date)",
        why: "A restore must start the same image, also months later.",
        run: digest,
    },
    Check {
        id: "IMG-006",
        name: "image-tag-divergence",
        title: "Each image reference runs with one digest",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "All running pods in scope that use the same image reference run the same digest (imageID).",
        fix: "Do not push a tag again; pin digests; restart all pods",
        why: "Different digests prove that the tag moved, and nobody knows which one a restart starts.",
        run: divergence,
    },
    Check {
        id: "IMG-007",
        name: "image-pull-path",
        title: "Images can be pulled when this cluster is down",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[REGION, RESTORE, DEPOUT],
        needs: Needs::Manifests,
        rule: "No image comes from a registry in this cluster (localhost, 127.0.0.1, or a host that ends in .svc or .svc.cluster.local). On a cluster, each imagePullSecret that a workload names exists (in files, see WRK-008) and, if a second cluster was named, exists there, too. A pull Secret that may be read (--read-secrets) has a login for the registry of at least one image of the workload.",
        fix: "Set up a pull-through cache or a second registry in the recovery region; copy the pull Secret there",
        why: "A registry that runs in the cluster is lost with the cluster.",
        run: pull_path,
    },
];

/// Registry, path, tag and digest of an image.
pub(super) struct Reference<'a> {
    pub host: &'a str,
    pub path: String,
    pub tag: &'a str,
    digest: &'a str,
}

pub(super) fn parse(image: &str) -> Reference<'_> {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    // A colon before the last slash belongs to a port.
    let slash = rest.rfind('/').map_or(0, |i| i + 1);
    let (name, tag) = rest[slash..].split_once(':').map_or((rest, ""), |(n, t)| (&rest[..slash + n.len()], t));
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
        Some(_) => ("docker.io", name.to_owned()),
        None => ("docker.io", format!("library/{name}")),
    };
    Reference { host, path, tag, digest }
}

/// What is wrong with an image, with a severity if it differs from that of the check. The second
/// argument says whether the workload is critical.
type Judge<'a> = &'a dyn Fn(&str, bool) -> Option<(Option<Severity>, String)>;

/// Examines each image of each workload.
fn each(p: &Picture<'_>, say: &mut Say, judge: Judge<'_>) {
    for work in &p.works {
        for container in work.all_containers() {
            let subject = Subject::from(work).part(container.name);
            let image = text(container.value, "/image");
            match judge(image, work.critical) {
                None => say.pass(subject),
                Some((None, text)) => say.fail(subject, format!("{}/image", container.pointer), text),
                Some((Some(severity), text)) => {
                    say.fail_as(severity, subject, format!("{}/image", container.pointer), text)
                }
            }
        }
    }
}

fn registry(p: &Picture<'_>, say: &mut Say) {
    let allowed = &p.settings.parameters.registries;
    if allowed.is_empty() {
        return say.skip(Subject::default(), "the readiness file names no registries (checks.parameters.registries)");
    }
    each(p, say, &|image, _| {
        let reference = parse(image);
        let full = format!("{}/{}", reference.host, reference.path);
        let under = allowed
            .iter()
            .map(|a| a.trim_end_matches('/'))
            .any(|a| full.strip_prefix(a).is_some_and(|rest| rest.starts_with('/')));
        (!under).then(|| (None, format!("{image} comes from {}", reference.host)))
    });
}

fn tag(p: &Picture<'_>, say: &mut Say) {
    let floating = &p.settings.parameters.floating_tags;
    each(p, say, &|image, _| {
        let reference = parse(image);
        if !reference.digest.is_empty() {
            (!is_digest(reference.digest)).then(|| (None, format!("the digest of {image} is malformed")))
        } else if reference.tag.is_empty() {
            Some((None, format!("{image} has no tag, which means latest")))
        } else if moves(reference.tag) || floating.iter().any(|f| f == reference.tag) {
            Some((None, format!("the tag of {image} can move to another version")))
        } else {
            None
        }
    });
}

/// Words of a tag that name a platform or a base image, each followed by a version or by nothing.
const PLATFORMS: [&str; 32] = [
    "amd64", "arm64", "arm", "armv", "armhf", "i386", "x86", "x64", "s390x", "ppc64le", "riscv64", "linux", "windows",
    "alpine", "debian", "ubuntu", "ubi", "rhel", "centos", "fedora", "bullseye", "bookworm", "jdk", "jre", "java",
    "openjdk", "node", "python", "py", "php", "ltsc", "cuda",
];

/// Words of tags that are moved on, whatever stands beside them.
const MOVED: [&str; 2] = ["latest", "snapshot"];

/// Whether a tag names no version. A version has a digit that is not that of a platform, and a hash of a commit may
/// have letters only.
fn moves(tag: &str) -> bool {
    let lower = tag.to_lowercase().replace("x86_64", "x64");
    let words: Vec<&str> = lower.split(['-', '_', '+']).filter(|word| !word.is_empty()).collect();
    let is_hash = |word: &str| word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    if words.iter().any(|word| MOVED.contains(word)) {
        // A day or a commit beside it says which of them is meant.
        return !words.iter().any(|word| is_hash(word));
    }
    let is_version = |word: &str| is_hash(word) || word.chars().any(|c| c.is_ascii_digit()) && !is_platform(word);
    lower == "e2e" || !words.iter().any(|word| is_version(word))
}

fn is_platform(word: &str) -> bool {
    let version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'v'));
    PLATFORMS.iter().any(|name| word.strip_prefix(name).is_some_and(version))
}

/// Whether a text is a digest. The registries accept small letters only.
fn is_digest(digest: &str) -> bool {
    let hex = |text: &str, n: usize| text.len() == n && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    digest.strip_prefix("sha256:").is_some_and(|d| hex(d, 64))
        || digest.strip_prefix("sha512:").is_some_and(|d| hex(d, 128))
}

fn digest(p: &Picture<'_>, say: &mut Say) {
    each(p, say, &|image, critical| {
        let digest = parse(image).digest;
        let good = is_digest(digest);
        let severity = critical.then_some(Severity::Medium);
        let why = if digest.is_empty() { "it has no digest" } else { "its digest is malformed" };
        (!good).then(|| (severity, format!("{image}: {why}")))
    });
}

fn divergence(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Pod") {
        return say.gap(gap);
    }
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let pods = p.object_set.pods.iter().chain(&p.object_set.standing);
    for pod in pods.filter(|pod| pod.status.phase == "Running" && p.in_scope(&pod.metadata.namespace)) {
        for status in &pod.status.container_statuses {
            let Some(container) = pod.spec.containers.iter().find(|c| c.name == status.name) else { continue };
            let digest = status.image_id.rsplit_once('@').map_or("", |(_, digest)| digest);
            if !digest.is_empty() {
                seen.entry(&container.image).or_default().insert(digest);
            }
        }
    }
    for (image, digests) in seen {
        let subject = Subject::named("Image", "", image);
        if digests.len() > 1 {
            let short = |d: &str| d.chars().take(19).collect::<String>();
            say.fail(
                subject,
                "",
                format!(
                    "it runs with {} digests: {}",
                    digests.len(),
                    digests.iter().map(|d| short(d)).collect::<Vec<_>>().join(", ")
                ),
            );
        } else {
            say.pass(subject);
        }
    }
}

/// The hosts that a pull Secret has a login for; none if its content is not known.
fn logins(secret: &Object) -> Option<Vec<String>> {
    let config = secret.at("/data/.dockerconfigjson").as_str().filter(|t| *t != LEFT_OUT)?;
    let parsed: Value = serde_json::from_slice(&STANDARD.decode(config).ok()?).ok()?;
    Some(parsed["auths"].as_object()?.keys().cloned().collect())
}

/// Whether a login is for the registry of an image. `https://index.docker.io/v1/` means docker.io.
fn knows(login: &str, image: &str) -> bool {
    let bare = login.rsplit("://").next().unwrap_or(login).trim_end_matches('/');
    let host = bare.split('/').next().unwrap_or(bare);
    let host = if host.ends_with("docker.io") { "docker.io" } else { host };
    host == parse(image).host
}

fn pull_path(p: &Picture<'_>, say: &mut Say) {
    for work in &p.works {
        let mut wrong = vec![];
        for container in work.all_containers() {
            let host = parse(text(container.value, "/image")).host.split(':').next().unwrap_or("");
            if host == "localhost"
                || host == "127.0.0.1"
                || host.ends_with(".svc")
                || host.ends_with(".svc.cluster.local")
            {
                wrong.push(format!("{} is pulled from {host}, which runs in this cluster", container.name));
            }
        }
        for secret in list(work.spec(), "/imagePullSecrets") {
            let name = text(secret, "/name");
            if p.is_cluster()
                && p.object_set.all("Secret").is_ok()
                && p.object_set.find("Secret", work.namespace(), name).is_none()
            {
                wrong.push(format!("its pull Secret {name} is missing"));
            } else if let Some(hosts) = p.object_set.find("Secret", work.namespace(), name).and_then(logins)
                && !work.all_containers().iter().any(|c| hosts.iter().any(|h| knows(h, text(c.value, "/image"))))
            {
                wrong.push(format!("its pull Secret {name} has no login for its registries"));
            }
            let there = p.object_set.target.as_deref().filter(|t| !t.version.is_empty() && t.all("Secret").is_ok());
            if there.is_some_and(|t| t.find("Secret", work.namespace(), name).is_none()) {
                wrong.push(format!("its pull Secret {name} is missing in the second cluster"));
            }
        }
        say.judge(work, work.pointer, &wrong);
    }
}

#[cfg(test)]
mod tests {
    use super::{moves, parse};

    #[test]
    fn a_platform_is_no_version() {
        for tag in
            ["latest-amd64", "1.27-latest", "nightly-arm64v8", "edge-alpine3.19", "2.1.0-SNAPSHOT", "jdk17", "E2E"]
        {
            assert!(moves(tag), "{tag}");
        }
        for tag in ["17-jdk", "1.27-alpine3.19", "stable-2.14.10", "latest-20240506", "main-3f2a91c", "v2", "pg16"] {
            assert!(!moves(tag), "{tag}");
        }
    }

    #[test]
    fn a_port_is_no_tag() {
        let parts = |image| {
            let r = parse(image);
            (r.host.to_owned(), r.path, r.tag.to_owned(), r.digest.to_owned())
        };
        let of = |a: &str, b: &str, c: &str, d: &str| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned());
        assert_eq!(parts("web"), of("docker.io", "library/web", "", ""));
        assert_eq!(parts("team/web:1"), of("docker.io", "team/web", "1", ""));
        assert_eq!(parts("reg:5000/web"), of("reg:5000", "web", "", ""));
        assert_eq!(parts("reg.io/a/web:1@sha256:ab"), of("reg.io", "a/web", "1", "sha256:ab"));
        assert_eq!(parts(""), of("docker.io", "library/", "", ""));
    }
}
