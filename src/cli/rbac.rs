//! `drillmaster rbac`: the least rights, as manifests for kubectl.

use super::{Done, args::RbacArgs, place, plan::prepared, print};
use crate::{model::Exit, plan};

pub(super) async fn rbac(args: &RbacArgs) -> Done {
    let place = place::place(&args.place)?;
    let loaded = place::scenario(&args.scenario.scenario, &args.scenario.set, &place)?;
    let prepared = prepared(&loaded, &place).await?;
    let manifests: Vec<String> = plan::rbac(&prepared.plan, &args.account).iter().map(ToString::to_string).collect();
    // JSON documents are YAML documents: kubectl takes them as they are.
    print(&format!("{}\n", manifests.join("\n---\n")));
    Ok(Exit::Passed)
}
