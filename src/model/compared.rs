//! How the review of some files differs from the review of an earlier state of them. Start with [`Compared`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Exit;

/// The comparison of a review with that of its base. `known` marks the results that the base has too, and `gone` of
/// the review lists those that only the base has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The base: a revision with its commit, or a path.
    pub base: String,
    /// What the new findings mean. The exit code follows it.
    pub outcome: Novelty,
    /// The number of findings that the base does not have.
    pub new: usize,
    /// How many of them block.
    pub blocking: usize,
    /// The number of findings that the base has too.
    pub stayed: usize,
    /// The number of findings that only the base has.
    pub gone: usize,
}

/// What the new findings of a comparison mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Novelty {
    /// There are none.
    Nothing,
    /// None of them blocks.
    Warnings,
    /// At least one of them blocks.
    Blockers,
    /// Something new that would block could not be checked, or the review judged too little.
    CannotDetermine,
}

impl Novelty {
    /// The exit code of `check --diff`.
    pub fn exit(self) -> Exit {
        match self {
            Self::Nothing | Self::Warnings => Exit::Passed,
            Self::Blockers => Exit::Refused,
            Self::CannotDetermine => Exit::Inconclusive,
        }
    }
}

impl fmt::Display for Novelty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "NOTHING NEW",
            Self::Warnings => "NEW WARNINGS",
            Self::Blockers => "NEW FINDINGS BLOCK",
            Self::CannotDetermine => "CANNOT DETERMINE WHAT IS NEW",
        })
    }
}
