//! Defects of Velero: partial failures, an unavailable store, data that is lost without a message. Also backups that
//! were made before the drill. How Velero works normally is in `sim::velero`. Read [`store`] and [`backup`] first.

use std::time::Duration;

use super::{super::value::json, BackupPhase, DataDoes, OldBackup, VeleroDoes, VeleroLie, What};
use crate::{
    model::Dur,
    sim::{
        fields, resources,
        state::{Content, State},
        velero,
    },
};

/// How long an earlier backup took.
const TOOK: Duration = Duration::from_secs(5);
/// How long Velero keeps a backup by default.
const TTL: Dur = Dur::secs(720 * 3600);

/// Sets what Velero finds when it checks its store.
pub(super) fn store(state: &mut State, it: &VeleroLie, phase: &str) {
    if it.does != VeleroDoes::StoreUnavailable {
        return;
    }
    let all = state.store.within("backupstoragelocations", "velero");
    let names: Vec<String> = all.map(|l| fields::name(l).to_owned()).collect();
    for name in names {
        state.store.edit("backupstoragelocations", "velero", &name, |l| l["status"]["phase"] = phase.into());
    }
}

/// Creates a backup of a given age. It contains what the cluster contains now, because the simulation has no past.
pub(super) fn backup(state: &mut State, it: &OldBackup) -> Result<(), String> {
    if state.store.get("backups", "velero", &it.name).is_some() {
        return Err(format!("backup `{}` already exists", it.name));
    }
    let now = state.wall();
    let before = |by: Duration| now.saturating_sub(by).unwrap_or(now);
    let (begun, done) = (before(it.age.0), before(it.age.0.saturating_sub(TOOK)));
    let expires = begun.saturating_add(TTL.0).unwrap_or(begun);
    let ended = it.phase != BackupPhase::InProgress;
    let mut object = json!({
        "metadata": {"name": it.name, "namespace": "velero", "labels": {}},
        "spec": {"includedNamespaces": it.namespaces, "defaultVolumesToFsBackup": !it.without_volumes,
            "ttl": "720h0m0s", "storageLocation": "default"},
        "status": {"phase": it.phase, "startTimestamp": fields::stamp(begun), "expiration": fields::stamp(expires)}});
    if let Some(schedule) = &it.schedule {
        object["metadata"]["labels"]["velero.io/schedule-name"] = schedule.clone().into();
    }
    let items = if it.phase == BackupPhase::Failed { 0 } else { velero::keep(state, &it.name, &object) };
    if ended {
        object["status"]["completionTimestamp"] = fields::stamp(done).into();
        object["status"]["progress"] = json!({"totalItems": items, "itemsBackedUp": items});
    }
    state.store.create(resources::known("backups"), object, begun);
    Ok(())
}

impl State {
    fn velero_does(&self, does: VeleroDoes) -> bool {
        self.script.in_force().any(|(_, what)| matches!(what, What::Velero(it) if it.does == does))
    }

    /// Whether backups end as PartiallyFailed.
    pub(in crate::sim) fn backups_fail(&self) -> bool {
        self.velero_does(VeleroDoes::BackupsPartlyFail)
    }

    /// Whether restores end as PartiallyFailed.
    pub(in crate::sim) fn restores_fail(&self) -> bool {
        self.velero_does(VeleroDoes::RestoresPartlyFail)
    }

    fn data_does(&self, namespace: &str, claim: &str) -> Option<DataDoes> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::VolumeData(it) if it.claim == claim && it.namespace == namespace => Some(it.does),
            _ => None,
        })
    }

    /// Whether backups skip the volume of a claim.
    pub(in crate::sim) fn is_passed_over(&self, namespace: &str, claim: &str) -> bool {
        self.data_does(namespace, claim) == Some(DataDoes::NotCaptured)
    }

    /// The content that a restore writes to the volume of a claim, made from the captured content.
    pub(in crate::sim) fn brought_back(&self, namespace: &str, claim: &str, kept: Content) -> Content {
        match self.data_does(namespace, claim) {
            Some(DataDoes::NotRestored) => Content::default(),
            Some(DataDoes::Altered) => Content { file: kept.file.chars().rev().collect(), ..kept },
            Some(DataDoes::NotCaptured) | None => kept,
        }
    }
}
