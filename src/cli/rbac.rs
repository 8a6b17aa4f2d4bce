//! `drillmaster rbac`: the least rights, as manifests for kubectl.

use super::{Done, args::RbacArgs, place, plan::prepared, print, say};
use crate::{model::Exit, plan};

pub(super) async fn rbac(args: &RbacArgs) -> Done {
    let place = place::place(&args.place)?;
    let loaded = place::scenario(&args.scenario.scenario, &args.scenario.set, &place)?;
    let prepared = prepared(&loaded, &place).await?;
    let mut manifests = plan::rbac(&prepared.plan, &args.account);
    if let Some(image) = &args.reaper {
        manifests.push(plan::reaper(image, &args.account));
        if prepared.plan.steps.iter().any(|s| !s.nodes.is_empty() && s.verb.starts_with("kill")) {
            say(
                "note: a reaper in the cluster cannot reach the node host: give nodes their power back from outside (`drillmaster recover --watch --bind FILE`)",
            );
        }
    }
    let manifests: Vec<String> = manifests.iter().map(ToString::to_string).collect();
    // JSON documents are YAML documents: kubectl takes them as they are.
    print(&format!("{}\n", manifests.join("\n---\n")));
    Ok(Exit::Passed)
}
