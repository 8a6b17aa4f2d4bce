//! What a person types to undo something, where the undo comes from the cluster's record:
//! the record holds no command, and the node host of the bindings makes it anew.

use super::inside;
use crate::{model::Revert, world::NodeHost};

/// Fills in the command of an undo that has none.
pub fn by_hand(host: Option<&NodeHost>, mut revert: Revert) -> Revert {
    let Some(host) = host else { return revert };
    match &mut revert {
        Revert::NodePower { node, how, command, .. } => {
            *command = host.bring_back(&node.name, *how).unwrap_or_default();
        }
        Revert::Impairment { node, what, command, .. } => {
            let undo = inside::undo(what);
            let words: Vec<&str> = undo.iter().map(String::as_str).collect();
            *command = host.inside(&node.name, &words).unwrap_or_default();
        }
        _ => {}
    }
    revert
}
