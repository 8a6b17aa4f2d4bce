//! What an outage would leave of a workload, for findings about its replicas and their spread. It is counted from pods
//! and nodes that were seen, so files never have it, and it names no time.

use std::collections::BTreeMap;

use super::{
    check::CheckFinding,
    picture::{Picture, Work},
};
use crate::model::State;

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Node,
    Zone,
}

/// The loss that a check is about.
fn loss(check: &str) -> Option<Loss> {
    match check {
        "WRK-001" | "WRK-004" | "AFF-001" => Some(Loss::Node),
        "ZON-002" | "ZON-003" => Some(Loss::Zone),
        _ => None,
    }
}

/// `losing zone b leaves 0 of 3 ready pods`; empty if nothing shows it.
pub(crate) fn consequence(check: &str, found: &CheckFinding, picture: &Picture<'_>) -> String {
    let seen = || picture.is_cluster() && ["Pod", "Node"].iter().all(|kind| picture.object_set.all(kind).is_ok());
    let said = loss(check)
        .filter(|_| found.state == State::Fail && seen())
        .and_then(|loss| leaves(loss, picture.work(&found.subject)?, picture));
    said.unwrap_or_default()
}

/// The place whose loss leaves the fewest ready pods. None if the place of a ready pod is not known.
fn leaves(loss: Loss, work: &Work<'_>, picture: &Picture<'_>) -> Option<String> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let pods = picture.pods(work);
    let ready = pods.iter().filter(|pod| pod.is_ready());
    for pod in ready {
        let node = picture.node(&pod.spec.node_name)?;
        let place = match loss {
            Loss::Node => node.metadata.name.as_str(),
            Loss::Zone => node.zone(),
        };
        if place.is_empty() {
            return None;
        }
        *places.entry(place).or_default() += 1;
    }
    let all: usize = places.values().sum();
    // Of several places with equally many pods, the first by name.
    let (place, lost) = places.into_iter().rev().max_by_key(|(_, pods)| *pods)?;
    let word = match loss {
        Loss::Node => "node",
        Loss::Zone => "zone",
    };
    let noun = if all == 1 { "pod" } else { "pods" };
    Some(format!("losing {word} {place} leaves {} of {all} ready {noun}", all - lost))
}
