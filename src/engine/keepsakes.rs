//! Evidence that a drill keeps beside its journal, so that an auditor can look at it years later: bindings, readiness
//! review, rules, Alertmanager's configuration, inventory before and after, and what Velero wrote. What cannot be kept is
//! named in the journal with the reason, and never stops a drill. Start with [`before`] and [`after`].

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Interrupts, preflight::Catalogue};
use crate::{
    event::{Keepsake, Kind},
    inventory::scope_objects,
    journal::RunDir,
    model::{LeftObject, StepResult, sha256},
    steps::StepContext,
    told,
};

/// A larger file is not kept.
const LARGEST: usize = 8 << 20;
/// The time limit for reading before the drill, and again for reading after it.
const LIMIT: Duration = Duration::from_secs(60);

struct Keeper<'a> {
    context: &'a StepContext,
    dir: &'a RunDir,
    interrupts: &'a Interrupts,
    until: Instant,
}

/// Keeps the evidence that exists before the first act. A rehearsal keeps nothing: it is evidence of nothing.
pub(super) async fn before(
    context: &StepContext,
    dir: &RunDir,
    catalogue: Option<&Catalogue>,
    interrupts: &Interrupts,
) {
    if context.world.simulated().is_some() {
        return;
    }
    let keeper = Keeper { context, dir, interrupts, until: Instant::now() + LIMIT };
    keeper.json(Keepsake::Bindings, "bindings.json", &context.world.bindings);
    match catalogue {
        Some(catalogue) => keeper.json(Keepsake::ReadinessReview, "readiness-review.json", catalogue.whole()),
        None => keeper.missing(Keepsake::ReadinessReview, "no readiness review was made"),
    }
    keeper.read(Keepsake::Rules, keeper.rules()).await;
    keeper.read(Keepsake::Alertmanager, keeper.alertmanagers()).await;
    let inventory = keeper.inventory(Keepsake::InventoryBefore, "inventory-before.json");
    keeper.read(Keepsake::InventoryBefore, inventory).await;
}

/// Keeps the evidence that exists after the last undo. A second signal ends it.
pub(super) async fn after(context: &StepContext, dir: &RunDir, interrupts: &Interrupts) {
    if context.world.simulated().is_some() {
        return;
    }
    let keeper = Keeper { context, dir, interrupts, until: Instant::now() + LIMIT };
    // Velero comes last: without its object store, each download waits for its own time limit.
    let inventory = keeper.inventory(Keepsake::InventoryAfter, "inventory-after.json");
    keeper.read(Keepsake::InventoryAfter, inventory).await;
    keeper.read(Keepsake::Velero, keeper.velero()).await;
}

/// Waits until evidence is read, but not longer than until a time or a signal.
///
/// # Errors
/// Why it was not read completely.
async fn within(
    until: Instant,
    signalled: impl Future<Output = ()>,
    reading: impl Future<Output = ()>,
) -> Result<(), String> {
    tokio::select! {
        biased;
        () = signalled => Err("it was not read completely: the run was interrupted twice".to_owned()),
        done = tokio::time::timeout_at(until, reading) => {
            done.map_err(|_| format!("it was not read completely within {} s", LIMIT.as_secs()))
        }
    }
}

impl Keeper<'_> {
    /// Reads evidence of one sort. If that is cut short, the journal says so, even if some of its files are kept.
    async fn read(&self, what: Keepsake, reading: impl Future<Output = ()>) {
        if let Err(why) = within(self.until, self.interrupts.signalled(2), reading).await {
            self.missing(what, &why);
        }
    }

    fn missing(&self, what: Keepsake, why: &str) {
        let recorder = &self.context.recorder;
        recorder.observe(Kind::EvidenceMissing { what, why: told!(recorder, "{why}") });
    }

    fn json(&self, what: Keepsake, file: &str, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.text(what, file, &(text + "\n")),
            Err(error) => self.missing(what, &error.to_string()),
        }
    }

    /// Writes a text without any known secret, and the hash of the written file into the journal.
    fn text(&self, what: Keepsake, file: &str, text: &str) {
        if text.len() > LARGEST {
            return self.missing(what, &format!("{file} would be larger than {} MiB", LARGEST >> 20));
        }
        let recorder = &self.context.recorder;
        let clean = self.context.world.redactor.clean(text).into_string();
        match self.dir.keep(file, clean.as_bytes()) {
            Ok(()) => {
                let sha256 = sha256(&clean);
                recorder.observe(Kind::EvidenceKept { what, file: file.to_owned(), size: clean.len() as u64, sha256 });
            }
            Err(error) => self.missing(what, &format!("cannot write {file}: {error}")),
        }
    }

    async fn rules(&self) {
        match self.context.world.monitoring.rules().await {
            Some(Ok(rules)) => self.json(Keepsake::Rules, "rules.json", &rules),
            Some(Err(error)) => self.missing(Keepsake::Rules, &error.to_string()),
            None => self.missing(Keepsake::Rules, "the bindings name no Prometheus"),
        }
    }

    /// Alertmanager itself replaces the secrets in its configuration.
    async fn alertmanagers(&self) {
        let monitoring = &self.context.world.monitoring;
        if monitoring.alertmanagers.is_empty() {
            self.missing(Keepsake::Alertmanager, "the bindings name no Alertmanager");
        }
        for (i, base) in monitoring.alertmanagers.iter().enumerate() {
            match monitoring.configuration(base).await {
                Ok(text) if text.is_empty() => {
                    self.missing(Keepsake::Alertmanager, &format!("Alertmanager {i} does not show its configuration"));
                }
                Ok(text) => self.text(Keepsake::Alertmanager, &format!("alertmanager-{i}.yaml"), &text),
                Err(error) => self.missing(Keepsake::Alertmanager, &error.to_string()),
            }
        }
    }

    /// The objects of the scope, without secrets and without the values of ConfigMaps.
    async fn inventory(&self, what: Keepsake, file: &str) {
        let (objects, missing) = scope_objects(&self.context.world.kube, &self.context.plan.namespaces).await;
        self.json(what, file, &json!({"objects": objects}));
        for why in missing {
            self.missing(what, &why);
        }
    }

    /// Every backup that the drill requested or used, and every restore. Those of a step that failed have no result,
    /// but they are in the list of what the drill leaves behind.
    async fn velero(&self) {
        let results: Vec<StepResult> = self.context.recorder.with(|s| s.results.values().cloned().collect());
        let (mut backups, mut restores) = self.context.recorder.with(|s| requested(&s.left_behind));
        backups.extend(results.iter().filter_map(StepResult::backup).map(|made| made.backup.clone()));
        backups.extend(results.iter().filter_map(StepResult::restored).map(|r| r.backup.clone()));
        // What was restored into the second cluster is known to the Velero of that cluster only.
        let here = results.iter().filter_map(StepResult::restored).filter(|r| !self.is_elsewhere(r.into.as_ref()));
        restores.extend(here.map(|r| r.restore.clone()));
        if backups.is_empty() && restores.is_empty() {
            self.missing(Keepsake::Velero, "the drill made no backup and no restore");
        }
        for name in &backups {
            self.velero_of("backups", "Backup", name).await;
        }
        for name in &restores {
            self.velero_of("restores", "Restore", name).await;
        }
    }

    fn is_elsewhere(&self, into: Option<&String>) -> bool {
        self.context.plan.recovery.as_ref().is_some_and(|second| into == Some(&second.context))
    }

    async fn velero_of(&self, resource: &str, kind: &str, name: &str) {
        let velero = &self.context.world.velero;
        let place = |part: &str, end: &str| format!("velero-{resource}-{name}-{part}.{end}");
        match velero.find(resource, name).await {
            Ok(Some(object)) => self.json(Keepsake::Velero, &place("object", "json"), &plain(&object)),
            // Velero would not answer a request for its log.
            Ok(None) => return self.missing(Keepsake::Velero, &format!("{kind} {name} does not exist")),
            Err(error) => self.missing(Keepsake::Velero, &format!("{kind} {name}: {error}")),
        }
        let volumes = if kind == "Backup" { "VolumeInfos" } else { "VolumeInfo" };
        for (document, part, end) in
            [("Results", "results", "json"), (volumes, "volumes", "json"), ("Log", "log", "txt")]
        {
            let document = format!("{kind}{document}");
            match velero.download(&document, name).await {
                Ok(bytes) => self.text(Keepsake::Velero, &place(part, end), &String::from_utf8_lossy(&bytes)),
                Err(error) => self.missing(Keepsake::Velero, &format!("{document} of {name}: {error}")),
            }
        }
    }
}

/// The names of the backups and of the restores that are left behind.
fn requested(left_behind: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut backups, mut restores) = (BTreeSet::new(), BTreeSet::new());
    for object in left_behind.iter().filter_map(|text| LeftObject::read(text)) {
        let _ = match object {
            LeftObject::Backup(name) => backups.insert(name),
            LeftObject::Restore(name) => restores.insert(name),
            // A backup whose labels were changed is among those that the steps used.
            LeftObject::BackupLabels(_) | LeftObject::Namespace(_) | LeftObject::VolumesOf(_) => false,
        };
    }
    (backups, restores)
}

/// An object without the list of who wrote its fields.
fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    json!({"object": object})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn evidence_that_is_cut_short_has_a_reason() {
        let (until, never) = (Instant::now() + LIMIT, std::future::pending::<()>);
        assert_eq!(within(until, never(), async {}).await, Ok(()));
        let late = within(until, never(), never()).await.expect_err("late");
        assert!(late.contains("within 60 s"), "{late}");
        // Nothing that comes later gets more time.
        assert_eq!(within(until, never(), never()).await, Err(late));
        let interrupted = within(until, async {}, never()).await.expect_err("interrupted");
        assert!(interrupted.contains("interrupted twice"), "{interrupted}");
    }

    #[test]
    fn a_backup_of_a_failed_step_is_found_in_what_is_left_behind() {
        let (backup, used) = ("drill-1-snapshot".to_owned(), "nightly".to_owned());
        let left =
            [LeftObject::Backup(backup.clone()), LeftObject::BackupLabels(used)].map(|object| object.to_string());
        assert_eq!(requested(&left.into()), (BTreeSet::from([backup]), BTreeSet::new()));
    }
}
