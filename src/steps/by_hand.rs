//! The commands with which a person undoes something, if the undo comes from the record in the cluster. The record
//! contains no commands, so they are created again from the node host in the bindings.

use super::inside;
use crate::{model::Revert, world::NodeHost};

/// Adds the command to an undo that has none.
pub fn by_hand(host: Option<&NodeHost>, mut revert: Revert) -> Revert {
    let Some(host) = host else { return revert };
    match &mut revert {
        Revert::NodePower { node, how, command, .. } => {
            *command = host.return_command(&node.name, *how).unwrap_or_default();
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
