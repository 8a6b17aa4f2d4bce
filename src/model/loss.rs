//! What is lost when a namespace is deleted and restored from a backup: which objects, how, and what a scenario
//! accepts. Start with [`Loss`].

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ObjectName, few};

/// At most this many fields or finalizers are named for one object.
const NAMED: usize = 5;

/// An object that the restore would not bring back in its current state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The object.
    pub object: ObjectName,
    /// Why it would not come back in its current state.
    pub how: Losing,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object.in_namespace(), self.how)
    }
}

/// Why the restore would not bring an object back in its current state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Losing {
    /// It has the label that excludes objects from backups, with this value.
    Labelled(String),
    /// The backup does not contain it. The text names the filters, if the backup has any.
    NotHeld(String),
    /// These fields were changed after the backup.
    ChangedAt(Vec<String>),
    /// It was deleted after the backup: the restore would bring it back.
    DeletedSince,
    /// The claim was created after the backup, and the backup contains an older claim of the same name.
    MadeAnew,
    /// The backup does not contain the content of the claim, and why.
    NoContent(String),
    /// A pod that no controller creates again.
    BarePod,
    /// A Job or a pod that has finished. Velero does not restore these.
    Finished,
    /// A Job that has not completed: it would start again from the beginning.
    RunsAgain,
    /// It has these finalizers, so it stays until a controller has done its work.
    HeldBy(Vec<String>),
    /// It is a webhook or an API service that sends requests of the API server to this Service of the namespace, and
    /// blocks them while the Service is away.
    NeedsService(String),
}

impl fmt::Display for Losing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labelled(value) if value == "true" => {
                f.write_str("is excluded from backups by its label velero.io/exclude-from-backup=true")
            }
            Self::Labelled(value) => write!(
                f,
                "has the label velero.io/exclude-from-backup={value}: somebody probably meant to exclude it from backups"
            ),
            Self::NotHeld(why) if why.is_empty() => f.write_str("is not in the backup"),
            Self::NotHeld(why) => write!(f, "is not in the backup ({why})"),
            Self::ChangedAt(fields) => write!(f, "was changed after the backup, at {}", some(fields)),
            Self::DeletedSince => f.write_str("was deleted after the backup: the restore would bring it back"),
            Self::MadeAnew => f.write_str("was created after the backup: the backup holds the content of an older claim of the same name"),
            Self::NoContent(why) => write!(f, "would come back without its content: {why}"),
            Self::BarePod => f.write_str(
                "is a pod without a controller: nothing creates it again, and everything that it wrote outside of claims is lost",
            ),
            Self::Finished => f.write_str("has finished: Velero does not restore finished Jobs and pods"),
            Self::RunsAgain => f.write_str("is a Job that has not completed: the restored Job would start again from the beginning"),
            Self::HeldBy(finalizers) => write!(
                f,
                "has finalizers ({}): their controller may block the deletion, or delete what the object represents outside the cluster",
                some(finalizers)
            ),
            Self::NeedsService(service) => write!(
                f,
                "depends on Service {service} of this namespace: while that Service is away, the API server refuses requests, including those of the restore"
            ),
        }
    }
}

fn some(all: &[String]) -> String {
    few(all.iter(), NAMED, (", ", " and"))
}

/// An object outside a namespace that belongs to it. When the namespace is deleted, this object stays, or changes in a
/// known way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// The object.
    pub object: ObjectName,
    /// How it is related to the namespace.
    pub tie: Tie,
}

/// How an object outside a namespace is related to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It grants permissions to a service account of the namespace.
    GrantsRights,
    /// A volume that is deleted with its claim.
    VolumeGoes,
    /// A volume that stays when its claim is deleted.
    VolumeStays,
    /// It calls a Service of the namespace, and continues without an answer.
    CallsService,
}

impl fmt::Display for Kin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tie = match self.tie {
            Tie::GrantsRights => "grants permissions to service accounts of the namespace, and stays",
            Tie::VolumeGoes => "is deleted with its claim (reclaim policy Delete)",
            Tie::VolumeStays => "stays without its claim (reclaim policy Retain)",
            Tie::CallsService => "calls a Service of the namespace, and continues without an answer",
        };
        write!(f, "{} {tie}", self.object.in_namespace())
    }
}

/// An object that a scenario allows a deletion to lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MayBeLost {
    /// `KIND/NAME`, such as ConfigMap/licence; `KIND.GROUP/NAME` for a custom resource. A `*` at the end of the name
    /// matches any ending.
    pub object: ObjectPattern,
    /// Why it may be lost. The report repeats this reason.
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

/// Splits losses into those that the list accepts, with their reasons, and the others.
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
    /// Empty for the kinds of Kubernetes itself.
    group: String,
    name: String,
}

impl ObjectPattern {
    /// Whether the pattern matches an object.
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
        let (kind, name) = text.split_once('/').ok_or_else(|| wrong("has no object name"))?;
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(wrong("has no kind"));
        }
        let begin = name.strip_suffix('*').unwrap_or(name);
        if begin.is_empty() {
            return Err(wrong("matches every object: a name must begin with at least one character"));
        }
        // Names of RBAC objects may contain colons. Kubernetes allows no slash and no space in any name.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
        if !begin.chars().all(plain) || !group.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) {
            return Err(wrong("is not a valid object name (a * is allowed only at the end)"));
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
            "description": "KIND/NAME, or KIND.GROUP/NAME for a custom resource; a * at the end of the name matches any ending.",
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
