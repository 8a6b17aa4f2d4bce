//! How a run ended, in a form that can be stored outside its directory.

use serde::{Deserialize, Serialize};

use super::Exit;

/// The end of a run. A change to any line of its journal changes the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Head {
    /// The run.
    pub run: String,
    /// SHA-256 of the last line of its journal.
    pub head: String,
    /// How it ended.
    pub exit: Exit,
}
