//! Checks that read a field which older captures do not hold: their findings on such a capture are unknown, because a
//! field that was left out looks like one that is not set.

use super::{
    check::{Check, Say},
    picture::{Picture, Work},
    values::list,
};
use crate::{
    inventory::kind_of,
    model::{Severity, State, Subject, Unseen},
};

/// The objects that a check judges by a field.
enum Judged {
    /// The workloads for which this is true.
    Works(fn(&Work<'_>) -> bool),
    /// The objects of these kinds.
    Kinds(&'static [&'static str]),
}

/// Fields that captures before a revision do not hold.
struct Lacking {
    since: u32,
    check: &'static str,
    fields: &'static str,
    judged: Judged,
    /// Whether the fields that they do hold are enough for a fail.
    fails_hold: bool,
    /// The severity of the unknown; none for that of the check. A low one does not block.
    severity: Option<Severity>,
}

const POSTGRES: &str = "Cluster.postgresql.cnpg.io";
const ELASTIC: &str = "Elasticsearch.elasticsearch.k8s.elastic.co";

const LACKING: &[Lacking] = &[
    Lacking {
        since: 1,
        check: "PSS-001",
        fields: "securityContext, hostPID, hostIPC, the profiles in annotations, and the hosts of probes",
        judged: Judged::Works(|_| true),
        fails_hold: true,
        severity: None,
    },
    Lacking {
        since: 1,
        check: "PSS-002",
        fields: "securityContext, hostUsers and the types of volumes",
        judged: Judged::Works(|_| true),
        fails_hold: false,
        severity: None,
    },
    Lacking {
        since: 1,
        check: "WRK-008",
        fields: "the keys that volumes name",
        judged: Judged::Works(names_keys),
        fails_hold: true,
        severity: Some(Severity::Low),
    },
    Lacking {
        since: 1,
        check: "WRK-008",
        fields: "the mirrors of routes",
        judged: Judged::Kinds(&["HTTPRoute.gateway.networking.k8s.io"]),
        fails_hold: true,
        severity: Some(Severity::Low),
    },
    Lacking {
        since: 1,
        check: "STO-003",
        fields: "the provisioners of StorageClasses",
        judged: Judged::Works(|work| work.is_replicated_kind() && work.has_claims()),
        fails_hold: true,
        severity: None,
    },
    Lacking {
        since: 1,
        check: "BCK-012",
        fields: "the annotations that name volumes",
        judged: Judged::Works(|_| true),
        fails_hold: false,
        severity: None,
    },
    Lacking {
        since: 1,
        check: "OPS-001",
        fields: "spec.instances",
        judged: Judged::Kinds(&[POSTGRES]),
        fails_hold: false,
        severity: None,
    },
    Lacking {
        since: 1,
        check: "OPS-002",
        fields: "the volumes of node sets, the StorageClass and its provisioner",
        judged: Judged::Kinds(&[POSTGRES, ELASTIC]),
        fails_hold: false,
        severity: None,
    },
    Lacking {
        since: 1,
        check: "OPS-003",
        fields: "spec.backup and spec.plugins",
        judged: Judged::Kinds(&[POSTGRES]),
        fails_hold: false,
        severity: None,
    },
];

/// Whether the volumes of a workload may name keys.
fn names_keys(work: &Work<'_>) -> bool {
    let named = ["configMap", "secret", "projected"];
    list(work.spec(), "/volumes").iter().any(|volume| named.iter().any(|kind| !volume[*kind].is_null()))
}

impl Judged {
    /// Whether a finding is about one of them.
    fn has(&self, picture: &Picture<'_>, subject: &Subject) -> bool {
        match self {
            Self::Works(judged) => picture.work(subject).is_some_and(judged),
            Self::Kinds(keys) => keys.iter().any(|key| kind_of(key) == subject.kind),
        }
    }

    fn count(&self, picture: &Picture<'_>) -> usize {
        match self {
            Self::Works(judged) => picture.works.iter().filter(|work| judged(work)).count(),
            Self::Kinds(keys) => {
                let all = keys.iter().flat_map(|key| picture.object_set.any(key));
                all.filter(|object| picture.in_scope(&object.metadata.namespace)).count()
            }
        }
    }
}

/// Replaces the findings that depend on fields which the capture does not hold by one unknown.
pub(super) fn doubt(check: &Check, picture: &Picture<'_>, say: &mut Say) {
    let lacks = |lacking: &&Lacking| lacking.check == check.id && picture.object_set.is_older_than(lacking.since);
    for lacking in LACKING.iter().filter(lacks) {
        let before = say.found.len();
        say.found.retain(|found| {
            let depends = found.state == State::Pass || found.state == State::Fail && !lacking.fails_hold;
            !(depends && lacking.judged.has(picture, &found.subject))
        });
        let objects = if lacking.fails_hold { before - say.found.len() } else { lacking.judged.count(picture) };
        if objects == 0 {
            continue;
        }
        let text = format!(
            "the capture was written by an older drillmaster, which left out {}: make a new capture (objects that cannot be judged: {objects})",
            lacking.fields
        );
        say.unknown(Subject::default(), Unseen::NoData, text);
        if let Some(unknown) = say.found.last_mut() {
            unknown.severity = lacking.severity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readiness::catalogue::all;

    #[test]
    fn each_entry_names_a_check() {
        for lacking in LACKING {
            assert!(all().any(|check| check.id == lacking.check), "{}", lacking.check);
        }
    }
}
