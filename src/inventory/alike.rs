//! Pods of one controller have the same labels and containers. A cluster has thousands of such pods, and each part is
//! kept once. Start with [`Alike`].

use std::{collections::BTreeMap, sync::Arc};

use crate::kubernetes::objects::{Container, Pod};

/// The labels and containers of each controller's last pod.
#[derive(Clone, Debug, Default)]
pub struct Alike(BTreeMap<String, Parts>);

#[derive(Clone, Debug, Default)]
struct Parts {
    labels: Arc<BTreeMap<String, String>>,
    containers: Arc<Vec<Container>>,
    init_containers: Arc<Vec<Container>>,
}

impl Alike {
    /// The pod, with the parts of an equal pod.
    pub fn share(&mut self, mut pod: Pod) -> Pod {
        let Some(owner) = pod.controller() else { return pod };
        let known = self.0.entry(owner.uid.clone()).or_default();
        same(&mut pod.metadata.labels, &mut known.labels);
        same(&mut pod.spec.containers, &mut known.containers);
        same(&mut pod.spec.init_containers, &mut known.init_containers);
        pod
    }
}

/// Shares equal values; a different value becomes the one that later values are compared with.
fn same<T: PartialEq>(own: &mut Arc<T>, known: &mut Arc<T>) {
    if own == known {
        *own = Arc::clone(known);
    } else {
        *known = Arc::clone(own);
    }
}
