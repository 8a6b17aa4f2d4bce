//! What the pass of a drill rested on: the parts of a cluster that would make the pass worth nothing if they changed.
//! The journal keeps it, and `history` compares it with a later state of the cluster. Start with [`Fingerprint`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Expectation, Plan, Redactor, Told, Verb, few};

/// At most this many changes of one part are named.
const NAMED: usize = 4;

/// A part of what a pass rested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Part::word says what each one is")]
pub enum Part {
    Kubernetes,
    Zones,
    Replicas,
    Budgets,
    Placement,
    Probes,
    Volumes,
    Classes,
    Schedules,
    Rules,
    Images,
    Recovery,
    /// A part that a newer version of the program wrote. This version cannot compare it.
    #[serde(other)]
    Newer,
}

impl Part {
    /// The part, as reasons name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kubernetes => "Kubernetes minor version",
            Self::Zones => "zones",
            Self::Replicas => "replicas",
            Self::Budgets => "disruption budgets",
            Self::Placement => "placement rules",
            Self::Probes => "container probes",
            Self::Volumes => "volumes",
            Self::Classes => "storage classes",
            Self::Schedules => "backup schedules",
            Self::Rules => "alerting rules",
            Self::Images => "images",
            Self::Recovery => "second cluster",
            Self::Newer => "a part that a newer version recorded",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One part, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Traits {
    /// Each subject with its value, such as `shop deployment/web` with `3`.
    Seen(BTreeMap<String, Told>),
    /// Why it could not be seen.
    Unknown(Told),
}

/// What a pass rested on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub BTreeMap<Part, Traits>);

/// Which parts a drill rests on. It follows from the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RestsOn {
    /// Namespaces of the application.
    pub namespaces: BTreeSet<String>,
    /// Whether it uses backups.
    pub backups: bool,
    /// Alerts that it expects.
    pub alerts: BTreeSet<String>,
    /// Whether the scenario asks for a new drill when an image changes.
    pub images: bool,
    /// Whether it needs a second cluster, which is not compared.
    pub recovery: bool,
}

impl RestsOn {
    /// What the drill of a plan rests on.
    pub fn of(plan: &Plan) -> Self {
        let uses_backups = |verb: &Verb| {
            matches!(verb, Verb::Backup(_) | Verb::Restore(_) | Verb::DeleteNamespace(_) | Verb::LoseCluster(_))
        };
        let alerts = plan.expectations().filter_map(|e| match e {
            Expectation::Alert(alert) => Some(alert.name.clone()),
            _ => None,
        });
        Self {
            namespaces: plan.namespaces.iter().cloned().collect(),
            backups: plan.steps.iter().filter_map(|s| s.verb()).any(uses_backups),
            alerts: alerts.collect(),
            images: plan.about.rests_on_images,
            recovery: plan.recovery.is_some(),
        }
    }
}

/// A difference between what a pass rested on and a later state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The part.
    pub part: Part,
    /// Whether the part could not be compared. If not, it is known to differ.
    pub unknown: bool,
    /// What differs, or why it could not be compared.
    pub said: String,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.said)
    }
}

impl Fingerprint {
    /// The same without the secrets that a redactor knows.
    #[must_use]
    pub fn told(&self, redactor: &Redactor) -> Self {
        let clean = |traits: &Traits| match traits {
            Traits::Seen(all) => Traits::Seen(all.iter().map(|(k, v)| (k.clone(), redactor.clean(v))).collect()),
            Traits::Unknown(why) => Traits::Unknown(redactor.clean(why)),
        };
        Self(self.0.iter().map(|(part, traits)| (*part, clean(traits))).collect())
    }

    /// What differs in a later state. A part that is unknown on either side is a difference too.
    pub fn changes(&self, later: &Self) -> Vec<Drift> {
        let parts: BTreeSet<Part> = self.0.keys().chain(later.0.keys()).copied().collect();
        parts.into_iter().filter_map(|part| change(part, self.0.get(&part), later.0.get(&part))).collect()
    }
}

fn change(part: Part, then: Option<&Traits>, now: Option<&Traits>) -> Option<Drift> {
    let unknown = |said: String| Some(Drift { part, unknown: true, said });
    match (then, now) {
        _ if part == Part::Newer => unknown("this version cannot compare it".into()),
        (None | Some(Traits::Unknown(_)), _) => {
            let why = then.map_or_else(|| "it was not recorded".to_owned(), why);
            unknown(format!("unknown at the time of the drill: {why}"))
        }
        (_, None | Some(Traits::Unknown(_))) => {
            let why = now.map_or_else(|| "it was not read".to_owned(), why);
            unknown(format!("unknown now: {why}"))
        }
        (Some(Traits::Seen(then)), Some(Traits::Seen(now))) => {
            let subjects: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            let said: Vec<String> = subjects
                .into_iter()
                .filter_map(|subject| differs(subject, then.get(subject), now.get(subject)))
                .collect();
            let said = few(said.iter(), NAMED, ("; ", "; and"));
            (!said.is_empty()).then_some(Drift { part, unknown: false, said })
        }
    }
}

fn why(traits: &Traits) -> String {
    match traits {
        Traits::Unknown(why) => why.to_string(),
        Traits::Seen(_) => String::new(),
    }
}

fn differs(subject: &str, then: Option<&Told>, now: Option<&Told>) -> Option<String> {
    match (then, now) {
        (Some(then), Some(now)) if then == now => None,
        (Some(then), Some(now)) => Some(format!("{subject}: {then} → {now}")),
        (Some(_), None) => Some(format!("{subject} is gone")),
        (None, Some(_)) => Some(format!("{subject} is new")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(part: Part, traits: Traits) -> Fingerprint {
        Fingerprint(BTreeMap::from([(part, traits)]))
    }

    fn seen(all: &[(&str, &'static str)]) -> Traits {
        Traits::Seen(all.iter().map(|(k, v)| ((*k).to_owned(), Told::fixed(v))).collect())
    }

    #[test]
    fn what_is_unknown_on_either_side_is_never_equal() {
        let known = print(Part::Replicas, seen(&[("shop deployment/web", "3")]));
        let unknown = print(Part::Replicas, Traits::Unknown("403".into()));
        assert_eq!(known.changes(&known), vec![]);
        for (then, now) in [(&known, &unknown), (&unknown, &known), (&unknown, &unknown)] {
            let found = then.changes(now);
            assert!(found.len() == 1 && found[0].unknown, "{found:?}");
        }
        let empty = Fingerprint::default();
        assert!(known.changes(&empty)[0].unknown && empty.changes(&known)[0].unknown);
        let newer: Fingerprint = serde_json::from_str(r#"{"moonPhase": {"seen": {}}}"#).expect("a newer part is read");
        assert!(newer.changes(&newer)[0].unknown, "a part that this version does not know cannot be equal");
    }

    #[test]
    fn each_difference_names_its_subject() {
        let then = print(Part::Replicas, seen(&[("a", "3"), ("b", "1")]));
        let now = print(Part::Replicas, seen(&[("a", "2"), ("c", "1")]));
        let found = then.changes(&now);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "replicas: a: 3 → 2; b is gone; c is new");
        assert!(!found[0].unknown);
    }
}
