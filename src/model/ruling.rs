//! The result of one check for one object, and what it is made of: severity, class, state, subject. Start with
//! [`Ruling`].

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// How serious it is if a check does not hold, most serious first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A drill or an outage would lose something permanently.
    Critical,
    /// An outage would last long.
    High,
    /// Recovery would be slower or more difficult.
    Medium,
    /// Worth knowing.
    Low,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        })
    }
}

/// What a check means for a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Blocks every drill; a waiver needs a second person.
    Blocks,
    /// Blocks the kinds of drill that it names; one person may waive it.
    Gate,
    /// Recommends something.
    Advisory,
}

/// The kind of cluster that is reviewed. It decides which findings block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Your own kind cluster: only what makes a drill impossible blocks.
    OwnKind,
    /// A shared cluster that no business depends on.
    Staging,
    /// Production: every blocking and every gating check blocks.
    #[default]
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OwnKind => "own-kind",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// The result of one check for one object. Unknown is never a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Checked, and it does not hold.
    Fail,
    /// The check itself failed.
    Error,
    /// Could not be checked.
    Unknown,
    /// Set aside by a person, with a reason and an end date.
    Waived,
    /// Does not apply.
    Skip,
    /// Checked, and it holds.
    Pass,
}

impl State {
    /// Whether it is a finding that nobody has set aside.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Fail | Self::Error | Self::Unknown)
    }

    /// Whether it is a finding, also one that a person has set aside.
    pub fn is_finding(self) -> bool {
        self.is_active() || self == Self::Waived
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
            Self::Skip => "skip",
            Self::Pass => "pass",
        })
    }
}

/// Why something could not be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unseen {
    /// The permission to read it is missing.
    Forbidden,
    /// The cluster does not have this kind of object.
    NotInstalled,
    /// The input does not contain it.
    NoData,
    /// The data is too old.
    Stale,
    /// There was no answer in time.
    Timeout,
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden => "forbidden",
            Self::NotInstalled => "not-installed",
            Self::NoData => "no-data",
            Self::Stale => "stale",
            Self::Timeout => "timeout",
        })
    }
}

/// The object that a result is about: the topmost owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Subject {
    /// Its kind; empty if the result is about the whole cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its namespace; empty for a cluster-scoped object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The container or the rule in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// The manifest file that contains it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The line in that file, counted from 1: of the field, or of the object's first line.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub line: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.is_empty() {
            return f.write_str("the cluster");
        }
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)?;
        if !self.part.is_empty() {
            write!(f, " [{}]", self.part)?;
        }
        Ok(())
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ruling {
    /// The check's id, such as `PDB-003`.
    pub check: Cow<'static, str>,
    /// Its short name, such as `pdb-blocks-drain`.
    pub name: Cow<'static, str>,
    /// The result.
    pub state: State,
    /// How serious it is here, which may differ from the check's own severity.
    pub severity: Severity,
    /// What the check means for a drill.
    pub class: Class,
    /// Whether it blocks a drill, or keeps the review from being READY.
    pub blocking: bool,
    /// The kinds of drill that it blocks; `any` is every drill. Empty if it blocks none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Cow<'static, str>>,
    /// What it is about.
    pub subject: Subject,
    /// Where in the object, as a JSON pointer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pointer: String,
    /// What was seen.
    pub observed: String,
    /// What an outage would leave, counted from the pods and nodes that were seen; empty for files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub consequence: String,
    /// Who is responsible for the object; empty if nothing says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// What should have been seen.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub expected: Cow<'static, str>,
    /// The source of the observation: manifests, live, capture, prometheus …
    pub source: Cow<'static, str>,
    /// When it was seen; empty for manifests.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// Why it could not be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
    /// How to fix it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub fix: Cow<'static, str>,
    /// The change that fixes it, if it can be expressed as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// Who waived it, until when, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
    /// The same finding has the same fingerprint in the next review.
    pub fingerprint: String,
    /// Whether the baseline, or the base of a comparison, already contains it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

/// A change that would fix a finding. It is printed, never applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Remedy {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// What to consider before making the change; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caution: String,
    /// Why a person has to decide first; empty if it does no harm that the review can see. A plan shows such a change as
    /// a comment.
    #[serde(default, rename = "heldBack", skip_serializing_if = "String::is_empty")]
    pub held_back: String,
    /// Objects to create before the change, such as the policies that keep what a default-deny would stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<serde_json::Value>,
    /// What the change needs and the review does not know, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<String>,
}

impl Remedy {
    /// A change that may be made as it is.
    pub fn new(change: Change) -> Self {
        Self { change, caution: String::new(), held_back: String::new(), first: vec![], unsettled: vec![] }
    }

    /// Whether a person has to decide first.
    pub fn is_held_back(&self) -> bool {
        !self.held_back.is_empty()
    }
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// An object is made.
    Create(serde_json::Value),
    /// An object is patched.
    Patch {
        /// Its kind.
        kind: String,
        /// Its namespace; empty for a cluster-scoped object.
        namespace: String,
        /// Its name.
        name: String,
        /// Whether it is a strategic merge patch, which joins lists. If not, it is a merge patch.
        strategic: bool,
        /// The patch.
        body: serde_json::Value,
    },
}

impl Change {
    /// The kind of the object that it changes or makes. A patch may name the group, too: `Schedule.velero.io`.
    pub fn kind(&self) -> &str {
        match self {
            Self::Create(object) => object["kind"].as_str().unwrap_or(""),
            Self::Patch { kind, .. } => kind,
        }
    }

    /// The namespace of that object; empty if it names none.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Create(object) => object["metadata"]["namespace"].as_str().unwrap_or(""),
            Self::Patch { namespace, .. } => namespace,
        }
    }

    /// The name of that object.
    pub fn name(&self) -> &str {
        match self {
            Self::Create(object) => object["metadata"]["name"].as_str().unwrap_or(""),
            Self::Patch { name, .. } => name,
        }
    }

    /// The new object; of a patch, the fields that it sets, with what names the object.
    pub fn manifest(&self) -> serde_json::Value {
        let (kind, namespace, name, body) = match self {
            Self::Create(object) => return object.clone(),
            Self::Patch { kind, namespace, name, body, .. } => (kind, namespace, name, body),
        };
        let mut part = body.clone();
        part["kind"] = kind.split('.').next().unwrap_or(kind).into();
        part["metadata"] = serde_json::json!({"name": name});
        if !namespace.is_empty() {
            part["metadata"]["namespace"] = namespace.as_str().into();
        }
        part
    }

    /// The change as JSON. Equal changes have equal texts, so the text can be the key of a map.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How many results of each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the states' own names")]
pub struct Tally {
    pub pass: usize,
    pub fail: usize,
    pub unknown: usize,
    pub error: usize,
    pub waived: usize,
    pub skip: usize,
}

impl Tally {
    /// Adds the counts of another tally.
    pub fn join(&mut self, other: &Self) {
        self.pass += other.pass;
        self.fail += other.fail;
        self.unknown += other.unknown;
        self.error += other.error;
        self.waived += other.waived;
        self.skip += other.skip;
    }

    /// Adds results of one state.
    pub fn add(&mut self, state: State, count: usize) {
        let place = match state {
            State::Pass => &mut self.pass,
            State::Fail => &mut self.fail,
            State::Unknown => &mut self.unknown,
            State::Error => &mut self.error,
            State::Waived => &mut self.waived,
            State::Skip => &mut self.skip,
        };
        *place += count;
    }
}
