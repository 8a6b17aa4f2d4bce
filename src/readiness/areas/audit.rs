//! Whether the API server writes an audit log.

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, Say},
        picture::Picture,
        values::flag,
    },
};

pub(crate) const CHECKS: &[Check] = &[Check {
    id: "RBAC-009",
    name: "audit-enabled",
    title: "The API server writes an audit log",
    severity: Severity::High,
    class: Class::Advisory,
    gates: &[],
    needs: Needs::Cluster,
    rule: "Each pod kube-apiserver-* in kube-system has, in command or args, --audit-policy-file and either --audit-webhook-config-file or --audit-log-path; with the log file, --audit-log-maxage is at least 30, or 0 or not set, which keep the files for ever. Without such a pod (managed control plane) the result is unknown until it is attested.",
    fix: "Set --audit-policy-file and a log file or webhook, or attest the audit log of the managed control plane",
    why: "Without an audit log, nobody can tell the changes of the drill from the changes of others.",
    run: audit,
}];

fn audit(p: &Picture<'_>, say: &mut Say) {
    let servers: Vec<&Object> = p
        .object_set
        .any("Pod")
        .iter()
        .filter(|o| o.metadata.namespace == "kube-system" && o.metadata.name.starts_with("kube-apiserver-"))
        .collect();
    if let Err(gap) = p.object_set.all("Pod") {
        return say.gap(gap);
    }
    if servers.is_empty() {
        return say.unknown(
            Subject::default(),
            Unseen::NoData,
            "no kube-apiserver pod can be seen: attest the audit log of the control plane",
        );
    }
    for server in servers {
        let value = |name: &str| flag(server, name);
        let mut wrong = vec![];
        if value("--audit-policy-file").is_none() {
            wrong.push("no --audit-policy-file: the API server writes no audit log".to_owned());
        } else if value("--audit-webhook-config-file").is_none() {
            match (value("--audit-log-path"), value("--audit-log-maxage").and_then(|n| n.parse::<u64>().ok())) {
                (None, _) => wrong.push("no --audit-log-path and no --audit-webhook-config-file".into()),
                (Some(_), Some(days @ 1..30)) => wrong.push(format!("the audit log is kept for {days} days")),
                _ => {}
            }
        }
        say.judge(server, "/spec/containers/0/command", &wrong);
    }
}
