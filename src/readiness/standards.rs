//! The Pod Security Standards of Kubernetes, baseline and restricted, for each version of them. The test data of
//! k8s.io/pod-security-admission has the right answers: a test compares all of its pods.

use serde_json::Value;

use super::values::{list, text};

/// A level of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Baseline,
    Restricted,
}

/// A pod as the standards see it.
pub(crate) struct PodOf<'a> {
    /// Its annotations.
    pub annotations: Vec<(&'a str, &'a str)>,
    /// Its spec.
    pub spec: &'a Value,
    /// The minor version of the standards.
    pub minor: u32,
}

/// The rules, in the order of the documentation.
type Rule = fn(&PodOf<'_>, &mut Vec<String>);

const BASELINE: [Rule; 12] = [
    host_namespaces,
    privileged,
    capabilities,
    host_paths,
    host_ports,
    host_probes,
    app_armor,
    se_linux,
    proc_mount,
    seccomp,
    sysctls,
    host_process,
];

const RESTRICTED: [Rule; 6] = [volumes, escalation, non_root, root_user, seccomp_set, capabilities_dropped];

/// What a pod has that a level does not allow; empty if it is allowed.
pub(crate) fn violations(pod: &PodOf<'_>, level: Level) -> Vec<String> {
    let mut wrong = vec![];
    BASELINE.iter().for_each(|rule| rule(pod, &mut wrong));
    if level == Level::Restricted {
        RESTRICTED.iter().for_each(|rule| rule(pod, &mut wrong));
        if pod.minor >= 35 && has_own_users(pod) {
            mounts_of_proc(pod, &mut wrong);
        }
    }
    wrong
}

fn containers<'a>(pod: &PodOf<'a>) -> impl Iterator<Item = &'a Value> {
    let spec = pod.spec;
    ["/initContainers", "/containers", "/ephemeralContainers"].into_iter().flat_map(move |field| list(spec, field))
}

/// The names of the containers for which something is true.
fn named(pod: &PodOf<'_>, is: impl Fn(&Value) -> bool) -> String {
    let all: Vec<&str> = containers(pod).filter(|c| is(c)).map(|c| text(c, "/name")).collect();
    all.join(", ")
}

/// Adds a sentence if there are such containers.
fn tell(wrong: &mut Vec<String>, containers: &str, what: &str) {
    if !containers.is_empty() {
        wrong.push(format!("{what} ({containers})"));
    }
}

/// A field of the security context of the pod.
fn of_pod<'a>(pod: &PodOf<'a>, field: &str) -> &'a Value {
    &pod.spec["securityContext"][field]
}

fn is_windows(pod: &PodOf<'_>) -> bool {
    pod.spec["os"]["name"] == "windows"
}

/// Whether the users of the pod are not those of the node.
fn has_own_users(pod: &PodOf<'_>) -> bool {
    pod.spec["hostUsers"] == false
}

fn host_namespaces(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod.spec[field] == true {
            wrong.push(format!("{field} is true"));
        }
    }
}

fn privileged(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    tell(wrong, &named(pod, |c| c["securityContext"]["privileged"] == true), "privileged is true");
}

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn added(container: &Value) -> impl Iterator<Item = &str> {
    list(container, "/securityContext/capabilities/add").iter().filter_map(Value::as_str)
}

fn capabilities(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let more = |c: &Value| added(c).any(|name| !CAPABILITIES.contains(&name));
    tell(wrong, &named(pod, more), "capabilities beyond the default ones are added");
}

fn host_paths(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let paths: Vec<&str> = list(pod.spec, "/volumes")
        .iter()
        .filter(|volume| !volume["hostPath"].is_null())
        .map(|volume| text(volume, "/hostPath/path"))
        .collect();
    if !paths.is_empty() {
        wrong.push(format!("hostPath volumes are mounted ({})", paths.join(", ")));
    }
}

fn host_ports(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let port = |c: &Value| list(c, "/ports").iter().any(|p| p["hostPort"].as_i64().unwrap_or(0) != 0);
    tell(wrong, &named(pod, port), "ports of the host are used");
}

fn host_probes(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor < 34 {
        return;
    }
    let elsewhere = |handler: &Value| ["httpGet", "tcpSocket"].iter().any(|h| !text(&handler[*h], "/host").is_empty());
    let any = |c: &Value| {
        ["livenessProbe", "readinessProbe", "startupProbe"].iter().any(|probe| elsewhere(&c[*probe]))
            || ["postStart", "preStop"].iter().any(|hook| elsewhere(&c["lifecycle"][*hook]))
    };
    tell(wrong, &named(pod, any), "probes or lifecycle hooks name a host");
}

fn app_armor(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    const NOTE: &str = "container.apparmor.security.beta.kubernetes.io/";
    let bad = |profile: &Value| !profile.is_null() && !matches!(text(profile, "/type"), "RuntimeDefault" | "Localhost");
    let noted = |(key, value): &(&str, &str)| {
        key.starts_with(NOTE) && !(value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/"))
    };
    let inside = containers(pod).any(|c| bad(&c["securityContext"]["appArmorProfile"]));
    if bad(of_pod(pod, "appArmorProfile")) || inside || pod.annotations.iter().any(noted) {
        wrong.push("the AppArmor profile is neither the default nor a local one".into());
    }
}

fn se_linux(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let bad = |options: &Value| {
        let kind = text(options, "/type");
        let known = matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || kind == "container_engine_t" && pod.minor >= 31;
        !options.is_null() && (!known || !text(options, "/user").is_empty() || !text(options, "/role").is_empty())
    };
    if bad(of_pod(pod, "seLinuxOptions")) || containers(pod).any(|c| bad(&c["securityContext"]["seLinuxOptions"])) {
        wrong.push("seLinuxOptions set a user, a role or another type".into());
    }
}

fn mounts_of_proc(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let other = |c: &Value| c["securityContext"]["procMount"].as_str().is_some_and(|mount| mount != "Default");
    tell(wrong, &named(pod, other), "procMount is not Default");
}

fn proc_mount(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor < 35 || !has_own_users(pod) {
        mounts_of_proc(pod, wrong);
    }
}

fn is_confining(profile: &Value) -> bool {
    matches!(text(profile, "/type"), "RuntimeDefault" | "Localhost")
}

fn seccomp(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    const OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
    const OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
    let bad = if pod.minor < 19 {
        let fine =
            |value: &str| matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
        let names: Vec<&str> = containers(pod).map(|c| text(c, "/name")).collect();
        let about =
            |key: &str| key == OF_POD || key.strip_prefix(OF_CONTAINER).is_some_and(|name| names.contains(&name));
        pod.annotations.iter().any(|(key, value)| about(key) && !fine(value))
    } else {
        let bad = |profile: &Value| !profile.is_null() && !is_confining(profile);
        bad(of_pod(pod, "seccompProfile")) || containers(pod).any(|c| bad(&c["securityContext"]["seccompProfile"]))
    };
    if bad {
        wrong.push("the seccomp profile is Unconfined".into());
    }
}

/// The allowed sysctls, each with the minor version that began to allow it.
const SYSCTLS: [(&str, u32); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

fn sysctls(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let fine = |name: &str| SYSCTLS.iter().any(|(known, since)| *known == name && *since <= pod.minor);
    let bad: Vec<&str> =
        list(pod.spec, "/securityContext/sysctls").iter().map(|s| text(s, "/name")).filter(|n| !fine(n)).collect();
    if !bad.is_empty() {
        wrong.push(format!("sysctls are set ({})", bad.join(", ")));
    }
}

fn host_process(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    let is = |options: &Value| options["hostProcess"] == true;
    if is(of_pod(pod, "windowsOptions")) || containers(pod).any(|c| is(&c["securityContext"]["windowsOptions"])) {
        wrong.push("windowsOptions.hostProcess is true".into());
    }
}

const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

fn volumes(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    // The baseline reports hostPath volumes, and the API server makes a volume without a source an emptyDir.
    let bare = |v: &Value| v.as_object().is_some_and(|fields| fields.keys().all(|field| field == "name"));
    let bad = |v: &&Value| VOLUMES.iter().all(|kind| v[*kind].is_null()) && v["hostPath"].is_null() && !bare(v);
    let names: Vec<&str> = list(pod.spec, "/volumes").iter().filter(bad).map(|v| text(v, "/name")).collect();
    if !names.is_empty() {
        wrong.push(format!("volumes have another type ({})", names.join(", ")));
    }
}

fn escalation(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor < 8 || pod.minor >= 25 && is_windows(pod) {
        return;
    }
    let may = |c: &Value| c["securityContext"]["allowPrivilegeEscalation"] != false;
    tell(wrong, &named(pod, may), "allowPrivilegeEscalation is not false");
}

fn non_root(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor >= 35 && has_own_users(pod) {
        return;
    }
    let whole = of_pod(pod, "runAsNonRoot");
    let unset = |c: &Value| match c["securityContext"]["runAsNonRoot"].as_bool() {
        Some(set) => !set,
        None => whole != true,
    };
    let names = named(pod, unset);
    if names.is_empty() && whole == false {
        wrong.push("runAsNonRoot of the pod is false".into());
    }
    tell(wrong, &names, "runAsNonRoot is not true");
}

fn root_user(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor < 23 || pod.minor >= 35 && has_own_users(pod) {
        return;
    }
    if of_pod(pod, "runAsUser") == 0 {
        wrong.push("runAsUser of the pod is 0".into());
    }
    tell(wrong, &named(pod, |c| c["securityContext"]["runAsUser"] == 0), "runAsUser is 0");
}

fn seccomp_set(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor < 19 || pod.minor >= 25 && is_windows(pod) {
        return;
    }
    let whole = is_confining(of_pod(pod, "seccompProfile"));
    let unset = |c: &Value| c["securityContext"]["seccompProfile"].is_null() && !whole;
    tell(wrong, &named(pod, unset), "no seccomp profile is set");
}

fn capabilities_dropped(pod: &PodOf<'_>, wrong: &mut Vec<String>) {
    if pod.minor < 22 || pod.minor >= 25 && is_windows(pod) {
        return;
    }
    let keeps = |c: &Value| !list(c, "/securityContext/capabilities/drop").iter().any(|name| name == "ALL");
    tell(wrong, &named(pod, keeps), "not all capabilities are dropped");
    let adds = |c: &Value| added(c).any(|name| name != "NET_BIND_SERVICE");
    tell(wrong, &named(pod, adds), "capabilities other than NET_BIND_SERVICE are added");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranges of minor versions for which the module says a result.
    fn ranges(line: &Value, level: &str, result: &str) -> Vec<(u32, u32)> {
        serde_json::from_value(line[format!("{level} {result}")].clone()).unwrap_or_default()
    }

    #[test]
    fn every_pod_of_the_module_is_judged_as_it_judges_them() {
        let text = include_str!("../../tests/data/pod-security.jsonl");
        let mut compared = 0;
        let mut wrong = vec![];
        for line in text.lines().skip(1) {
            let line: Value = serde_json::from_str(line).expect("a generated line");
            let notes: Vec<(&str, &str)> = line["annotations"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
                .collect();
            for (name, level) in [("baseline", Level::Baseline), ("restricted", Level::Restricted)] {
                for (result, allowed) in [("pass", true), ("fail", false)] {
                    for minor in ranges(&line, name, result).into_iter().flat_map(|(from, to)| from..=to) {
                        compared += 1;
                        let pod = PodOf { annotations: notes.clone(), spec: &line["spec"], minor };
                        let found = violations(&pod, level);
                        if found.is_empty() != allowed {
                            wrong.push(format!("1.{minor} {name} must {result}: {found:?}\n{}", line["spec"]));
                        }
                    }
                }
            }
        }
        assert!(compared > 4_000, "{compared}");
        let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
        assert!(wrong.is_empty(), "{} of {compared}:\n{shown}", wrong.len());
    }
}
