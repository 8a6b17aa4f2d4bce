//! `drillmaster rbac`: prints the minimal permissions as manifests for kubectl.

use super::{
    Done, Failure,
    args::{RbacArgs, RbacFor},
    note, place,
    plan::prepared,
    say,
};
use serde_json::json;

use crate::{files::print_json, inventory::KINDS, model::Exit, plan};

pub(super) async fn rbac(args: &RbacArgs) -> Done {
    if args.check || args.purpose == RbacFor::Check {
        if args.scenario.is_some() || args.recovery || args.reaper.is_some() {
            let text = "--for check prints what `check` reads: it takes no scenario, no --recovery and no --reaper";
            return Err(Failure::new(Exit::Invalid, text));
        }
        print_json(&for_check(&args.account));
        return Ok(Exit::Passed);
    }
    let Some(scenario) = &args.scenario else {
        let text = "give a scenario, whose run needs permissions, or --for check for the permissions of a review";
        return Err(Failure::new(Exit::Invalid, text));
    };
    let place = place::place_or_own(&args.place).await?;
    let loaded = place::scenario(scenario, &args.set, &place)?;
    let prepared = prepared(&loaded, &place).await?;
    if args.recovery && prepared.plan.recovery_permissions.is_empty() {
        return Err(Failure::new(
            Exit::Invalid,
            "no step of this scenario restores into a second cluster, so it needs no permissions there",
        ));
    }
    let mut manifests = plan::rbac(&prepared.plan, &args.account, args.recovery);
    if let Some(image) = &args.reaper {
        manifests.push(plan::reaper(image, &args.account));
        note(&format!(
            "the reaper needs the bindings: `kubectl --namespace drillmaster create configmap {name} --from-file={name}=FILE`",
            name = plan::REAPER_BINDINGS
        ));
        if prepared.plan.steps.iter().any(|s| s.takes_nodes()) {
            say(
                "note: a reaper inside the cluster cannot reach the node host, so it cannot power nodes on again: also run `drillmaster standby --bindings FILE` outside the cluster",
            );
        }
    }
    let manifests: Vec<String> = manifests.iter().map(ToString::to_string).collect();
    // Every JSON document is a YAML document, so kubectl reads them unchanged.
    print_json(&format!("{}\n", manifests.join("\n---\n")));
    Ok(Exit::Passed)
}

/// The minimal permissions of a review: to list everything that it reads.
fn for_check(account: &str) -> String {
    let mut rules: Vec<(&str, Vec<&str>)> = vec![];
    for kind in KINDS {
        match rules.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, plurals)) => plurals.push(kind.plural),
            None => rules.push((kind.group, vec![kind.plural])),
        }
    }
    let rules: Vec<serde_json::Value> = rules
        .into_iter()
        .map(|(group, plurals)| json!({"apiGroups": [group], "resources": plurals, "verbs": ["list"]}))
        .chain([
            json!({"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}),
        ])
        .collect();
    let name = format!("{account}-check");
    let manifests = [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]}),
    ];
    manifests.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n") + "\n"
}
