//! A fix plan for a review of files: what becomes a diff, and what cannot.

use std::collections::BTreeMap;

/// The changes of a plan as diffs of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePlan {
    /// The folder in which the diffs apply.
    pub folder: String,
    /// The diffs, in the order of their paths.
    pub files: Vec<FileDiff>,
    /// The changes that no diff contains, by [`super::Change::text`].
    pub elsewhere: BTreeMap<String, Elsewhere>,
    /// What to do after the diffs are applied.
    pub notes: Vec<String>,
}

/// The diff of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// The path of the file in the folder.
    pub path: String,
    /// The changes that it contains, by [`super::Change::text`].
    pub changes: Vec<String>,
    /// The unified diff.
    pub text: String,
}

/// A change that no diff contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The reason.
    pub why: String,
    /// The new object, or the fields to set in an existing one, as YAML.
    pub manifest: String,
}
