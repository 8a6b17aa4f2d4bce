//! What is lost when a namespace is deleted and restored from a backup: which object, in
//! which way, and what a scenario accepts.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ObjectName, few};

/// At most this many fields or finalizers of one object are named.
const NAMED: usize = 5;

/// An object that would not come back as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The object.
    pub object: ObjectName,
    /// Why it would not come back so.
    pub how: Losing,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object.in_namespace(), self.how)
    }
}

/// Why an object would not come back as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Losing {
    /// It carries the label that keeps objects out of backups, with this value.
    Labelled(String),
    /// The backup does not hold it; by which filters, where it has any.
    NotHeld(String),
    /// These fields were changed after the backup.
    ChangedAt(Vec<String>),
    /// It was deleted after the backup: the restore would bring it back.
    DeletedSince,
    /// A claim of the same name as the one in the backup, made after it.
    MadeAnew,
    /// A claim whose content the backup does not hold, and why.
    NoContent(String),
    /// A pod that no controller makes again.
    BarePod,
    /// A Job or a pod that has ended: Velero restores none of these.
    Finished,
    /// A Job that has not completed: it would begin again.
    RunsAgain,
    /// These finalizers keep it until a controller has done its work.
    HeldBy(Vec<String>),
    /// It sends requests of the API server to this Service of the namespace, and blocks while that is away.
    NeedsService(String),
}

impl fmt::Display for Losing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labelled(value) if value == "true" => {
                f.write_str("is left out of backups by its label velero.io/exclude-from-backup=true")
            }
            Self::Labelled(value) => write!(
                f,
                "has the label velero.io/exclude-from-backup={value}: somebody meant to leave it out of backups"
            ),
            Self::NotHeld(why) if why.is_empty() => f.write_str("is not in the backup"),
            Self::NotHeld(why) => write!(f, "is not in the backup ({why})"),
            Self::ChangedAt(fields) => write!(f, "was changed after the backup, at {}", some(fields)),
            Self::DeletedSince => f.write_str("was deleted after the backup: the restore would bring it back"),
            Self::MadeAnew => f.write_str("was made anew after the backup: the backup holds another claim's content"),
            Self::NoContent(why) => write!(f, "would come back without its content: {why}"),
            Self::BarePod => f.write_str(
                "is a pod without a controller: nothing starts it again, and what it wrote outside of claims is lost",
            ),
            Self::Finished => f.write_str("has ended: Velero does not restore Jobs and pods that have ended"),
            Self::RunsAgain => f.write_str("is a Job that has not completed: it would run again from its beginning"),
            Self::HeldBy(finalizers) => write!(
                f,
                "has finalizers ({}): their controller may block the deletion, or delete what the object stands for outside of the cluster",
                some(finalizers)
            ),
            Self::NeedsService(service) => write!(
                f,
                "depends on Service {service} of the namespace: while that is away, the API server refuses requests, the restore's among them"
            ),
        }
    }
}

fn some(all: &[String]) -> String {
    few(all.iter(), NAMED, (", ", " and"))
}

/// An object outside of a namespace that belongs to it. When the namespace is deleted, the
/// object stays, or changes in a known way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// The object.
    pub object: ObjectName,
    /// What it has to do with the namespace.
    pub tie: Tie,
}

/// What an object outside of a namespace has to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It grants rights to a service account of the namespace.
    GrantsRights,
    /// A volume that is deleted with its claim.
    VolumeGoes,
    /// A volume that stays when its claim is deleted.
    VolumeStays,
    /// It calls a Service of the namespace, and goes on without an answer.
    CallsService,
}

impl fmt::Display for Kin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tie = match self.tie {
            Tie::GrantsRights => "grants rights to its service accounts, and stays",
            Tie::VolumeGoes => "is deleted with its claim (reclaim policy Delete)",
            Tie::VolumeStays => "stays without its claim (reclaim policy Retain)",
            Tie::CallsService => "calls a Service of it, and goes on without an answer",
        };
        write!(f, "{} {tie}", self.object.in_namespace())
    }
}

/// An object that a deletion may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MayBeLost {
    /// `KIND/NAME`, such as ConfigMap/licence; `KIND.GROUP/NAME` for a kind of one's own. A `*` at the end
    /// of the name stands for any end.
    pub object: ObjectPattern,
    /// Why it may be lost: the report repeats it.
    pub reason: String,
}

impl fmt::Display for MayBeLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.object, self.reason)
    }
}

/// A loss that the scenario accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedLoss {
    /// The loss.
    pub loss: Loss,
    /// The scenario's reason.
    pub reason: String,
}

impl fmt::Display for AcceptedLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; accepted: {}", self.loss, self.reason)
    }
}

/// Splits losses into those that a list accepts, with its reasons, and the rest.
pub fn accepted(losses: Vec<Loss>, list: &[MayBeLost]) -> (Vec<AcceptedLoss>, Vec<Loss>) {
    let (mut named, mut rest) = (vec![], vec![]);
    for loss in losses {
        match list.iter().find(|l| l.object.matches(&loss.object)) {
            Some(entry) => named.push(AcceptedLoss { loss, reason: entry.reason.clone() }),
            None => rest.push(loss),
        }
    }
    (named, rest)
}

/// Objects of one kind, as a scenario names them: `ConfigMap/licence`, `Service.serving.knative.dev/web`, `Pod/debug-*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectPattern {
    kind: String,
    /// Empty for the kinds that Kubernetes has itself.
    group: String,
    name: String,
}

impl ObjectPattern {
    /// Whether an object is meant.
    pub fn matches(&self, object: &ObjectName) -> bool {
        let group = if object.is_built_in() { "" } else { object.group.as_str() };
        let group_fits = self.group == group || self.group == object.group;
        let name_fits = match self.name.strip_suffix('*') {
            Some(begin) => object.name.starts_with(begin),
            None => object.name == self.name,
        };
        group_fits && name_fits && self.kind.eq_ignore_ascii_case(&object.kind)
    }
}

impl fmt::Display for ObjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{}/{}", self.kind, self.group, self.name)
    }
}

impl FromStr for ObjectPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` {why}: write KIND/NAME, such as ConfigMap/licence");
        let (kind, name) = text.split_once('/').ok_or_else(|| wrong("names no object"))?;
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(wrong("has no kind"));
        }
        let begin = name.strip_suffix('*').unwrap_or(name);
        if begin.is_empty() {
            return Err(wrong("does not say which objects: a name must begin with something"));
        }
        // RBAC objects have colons in their names; Kubernetes allows no slash and no space in any.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
        if !begin.chars().all(plain) || !group.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) {
            return Err(wrong("is not an object's name (a * may stand at the end only)"));
        }
        Ok(Self { kind: kind.to_owned(), group: group.to_owned(), name: name.to_owned() })
    }
}

impl Serialize for ObjectPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ObjectPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Object".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "object",
            "description": "KIND/NAME, or KIND.GROUP/NAME for a kind that somebody added to the cluster; a * may end the name.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(group: &str, kind: &str, name: &str) -> ObjectName {
        ObjectName { group: group.into(), kind: kind.into(), namespace: "shop".into(), name: name.into() }
    }

    #[test]
    fn a_pattern_means_its_own_kind_of_its_own_group() {
        let pattern = |text: &str| text.parse::<ObjectPattern>().expect("a pattern");
        let knative = object("serving.knative.dev", "Service", "web");
        assert!(pattern("service/web").matches(&object("", "Service", "web")));
        assert!(!pattern("Service/web").matches(&knative));
        assert!(pattern("Service.serving.knative.dev/web").matches(&knative));
        assert!(!pattern("Service.serving.knative.dev/web").matches(&object("", "Service", "web")));
        assert!(pattern("Deployment/web").matches(&object("apps", "Deployment", "web")));
        assert!(pattern("Deployment.apps/web").matches(&object("apps", "Deployment", "web")));
        assert!(pattern("Role.rbac.authorization.k8s.io/r").matches(&object("rbac.authorization.k8s.io", "Role", "r")));
        assert!(pattern("Pod/debug-*").matches(&object("", "Pod", "debug-x")));
        assert!(!pattern("Pod/debug-*").matches(&object("", "Pod", "web-x")));
        assert!(!pattern("Pod/debug").matches(&object("", "Pod", "debug-x")));
    }

    #[test]
    fn a_pattern_that_could_mean_everything_is_refused() {
        for text in ["", "licence", "/licence", "ConfigMap/", "ConfigMap/*", "Config Map/x", "*/x", "ConfigMap/a*b"] {
            assert!(text.parse::<ObjectPattern>().is_err(), "{text}");
        }
    }
}
