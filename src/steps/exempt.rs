//! The pods that a drain does not evict.

use crate::{kubernetes::objects::Pod, model::DrainStep};

/// Why a drain does not evict a pod.
pub(super) enum Skip {
    /// A drain never evicts such a pod: it stays, or disappears with its node.
    Because(&'static str),
    /// This step must not evict it, so the node would not become empty.
    Refuse(&'static str),
}

/// A drain does not evict every pod.
pub(super) fn skip(pod: &Pod, spec: &DrainStep) -> Option<Skip> {
    let owner = pod.controller().map(|o| o.kind.as_str());
    let empty_dir = pod.spec.volumes.iter().any(|v| v.get("emptyDir").is_some());
    if owner == Some("DaemonSet") {
        Some(Skip::Because("a DaemonSet's pod"))
    } else if pod.is_mirror() || owner == Some("Node") {
        Some(Skip::Because("a static pod"))
    } else if pod.is_finished() {
        Some(Skip::Because("it has finished"))
    } else if owner.is_none() && !spec.unmanaged {
        Some(Skip::Refuse("no controller would create it again: set `unmanaged: true` to evict it nevertheless"))
    } else if empty_dir && !spec.empty_dir {
        Some(Skip::Refuse("it has an emptyDir volume, whose content is lost when it is evicted"))
    } else {
        None
    }
}
