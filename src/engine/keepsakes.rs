//! Evidence that a drill keeps beside its journal, so that an auditor can look at it years later: bindings, readiness
//! review, rules, Alertmanager's configuration, inventory before and after, and what Velero wrote. What cannot be kept is
//! named in the journal with the reason, and never stops a drill. Start with [`before`] and [`after`].

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Interrupts, preflight::Catalogue};
use crate::{
    event::{Keepsake, Kind},
    inventory::scope_objects,
    journal::RunDir,
    model::StepResult,
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
}

/// Keeps the evidence that exists before the first act. A rehearsal keeps nothing: it is evidence of nothing.
pub(super) async fn before(context: &StepContext, dir: &RunDir, catalogue: Option<&Catalogue>) {
    if context.world.simulated().is_some() {
        return;
    }
    let keeper = Keeper { context, dir };
    keeper.json(Keepsake::Bindings, "bindings.json", &context.world.bindings);
    match catalogue {
        Some(catalogue) => keeper.json(Keepsake::ReadinessReview, "readiness-review.json", catalogue.whole()),
        None => keeper.missing(Keepsake::ReadinessReview, "no readiness review was made"),
    }
    let all = async {
        keeper.rules().await;
        keeper.alertmanagers().await;
        keeper.inventory(Keepsake::InventoryBefore, "inventory-before.json").await;
    };
    if tokio::time::timeout(LIMIT, all).await.is_err() {
        keeper.missing(Keepsake::InventoryBefore, &late());
    }
}

/// Keeps the evidence that exists after the last undo. A second signal ends it.
pub(super) async fn after(context: &StepContext, dir: &RunDir, interrupts: &Interrupts) {
    if context.world.simulated().is_some() {
        return;
    }
    let keeper = Keeper { context, dir };
    let all = async {
        keeper.velero().await;
        keeper.inventory(Keepsake::InventoryAfter, "inventory-after.json").await;
    };
    tokio::select! {
        biased;
        () = interrupts.signalled(2) => keeper.missing(Keepsake::InventoryAfter, "the run was interrupted twice"),
        done = tokio::time::timeout(LIMIT, all) => {
            if done.is_err() {
                keeper.missing(Keepsake::InventoryAfter, &late());
            }
        }
    }
}

fn late() -> String {
    format!("it could not be read within {} s", LIMIT.as_secs())
}

impl Keeper<'_> {
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
                let sha256: String = Sha256::digest(&clean).iter().map(|b| format!("{b:02x}")).collect();
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

    /// Every backup that the drill made or used, and every restore.
    async fn velero(&self) {
        let results: Vec<StepResult> = self.context.recorder.with(|s| s.results.values().cloned().collect());
        let mut backups: Vec<String> =
            results.iter().filter_map(StepResult::backup).map(|made| made.backup.clone()).collect();
        backups.extend(results.iter().filter_map(StepResult::restored).map(|r| r.backup.clone()));
        backups.sort();
        backups.dedup();
        // What was restored into the second cluster is known to the Velero of that cluster only.
        let here = results.iter().filter_map(StepResult::restored).filter(|r| !self.is_elsewhere(r.into.as_ref()));
        let restores: Vec<String> = here.map(|r| r.restore.clone()).collect();
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
            Ok(None) => self.missing(Keepsake::Velero, &format!("{kind} {name} is gone")),
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

/// An object without the list of who wrote its fields.
fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    json!({"object": object})
}
