//! The kinds of events in a journal. docs/design/journal.md describes their fields. Start with [`Kind`].

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Actor, BudgetSays, Continues, EndReason, Keepsake, LineRun, PodView, ProbeRun, StepEnd, Unseen};
use crate::model::{
    Author, ClockMark, ClusterIdentity, Exit, FaultId, Finding, Fingerprint, Head, Judgement, LeftBecause, Outcome,
    OutsideChange, OutsidePart, Plan, Revert, Reviewed, ScopedWorkload, StepName, StepResult, StopHow, Told, WayBack,
};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[expect(missing_docs, reason = "the field names are the documentation; docs/design/journal.md has the table")]
pub enum Kind {
    // The run as a whole.
    RunStarted {
        format: String,
        run_id: String,
        tool: String,
        scenario: String,
        title: String,
        scenario_hash: String,
        plan_hash: String,
        clusters: Vec<ClusterIdentity>,
        operator: String,
        host: String,
        /// What the undo needs from the machine on which the run began.
        way_back: Box<WayBack>,
        /// With it, another process on this machine continues the run's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<ClockMark>,
        /// The end of the previous run, as the cluster's ConfigMap `heads` named it when this run began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Head>,
        /// The values of the scenario's variables that were given on the command line.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        variables: BTreeMap<String, serde_json::Value>,
        /// Whether the journal was made from the record in the cluster. If so, there is no scenario and no plan.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        from_cluster: bool,
    },
    SessionOpened {
        epoch: u64,
        actor: Actor,
        pid: u32,
        why: Told,
        /// None for the first session, and in format 1, whose sessions share one file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        continues: Option<Continues>,
    },
    PlanFrozen {
        plan: Box<Plan>,
    },
    PreflightDone {
        findings: Vec<Finding>,
        /// The readiness review, if it was made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<Box<Reviewed>>,
        /// What the drill rests on, as the review read the cluster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rests_on: Option<Box<Fingerprint>>,
    },
    Armed {
        unwind_deadline_us: u64,
    },
    RunWoken {
        why: EndReason,
        detail: Told,
    },
    Judged {
        /// The version of the rules that made this verdict; 0 in journals from before rules had versions.
        #[serde(default)]
        rules: u32,
        /// The version of drillmaster that judged. If empty, it is the version in the header.
        #[serde(default)]
        tool: String,
        /// The last event that the verdict takes into account.
        #[serde(default)]
        up_to: u64,
        outcome: Outcome,
        judgements: Vec<Judgement>,
    },
    RunEnded {
        exit: Exit,
        detail: Told,
    },
    LeftBehind {
        what: String,
        remove_with: String,
        expires: String,
    },
    /// A file in the directory `kept` of the run, as it was written.
    EvidenceKept {
        what: Keepsake,
        file: String,
        size: u64,
        sha256: String,
    },
    /// Evidence that could not be kept, or only in part.
    EvidenceMissing {
        what: Keepsake,
        why: Told,
    },
    /// Something that the drill had left behind was removed after all.
    LeftoverGone {
        what: String,
        why: Told,
    },

    // Steps.
    StepStarted {
        step: StepName,
        verb: String,
        does: Told,
        expected_us: Option<u64>,
    },
    StepProgress {
        step: StepName,
        waiting_for: Told,
        last_seen: Told,
    },
    StepFinished {
        step: StepName,
        end: StepEnd,
        detail: Told,
    },
    StepResult {
        step: StepName,
        result: Box<StepResult>,
    },

    // Faults and their undo.
    FaultIntended {
        fault: FaultId,
        step: StepName,
        target: String,
        revert: Revert,
    },
    FaultApplied {
        fault: FaultId,
        sent_us: u64,
        acknowledged_us: u64,
    },
    FaultFailed {
        fault: FaultId,
        error: Told,
    },
    RevertStarted {
        fault: FaultId,
        attempt: u32,
    },
    /// A machine that the drill had taken away is running again, and the drill did not start it. The time of the last
    /// observation at which it was still away is part of the event.
    MachineReturned {
        node: String,
        since_us: u64,
    },
    /// The drill is about to delete this pod.
    PodTaken {
        namespace: String,
        name: String,
        uid: String,
    },
    /// The effect of a fault, as it was read from the node.
    EffectSeen {
        node: String,
        how: Told,
    },
    FaultReverted {
        fault: FaultId,
        evidence: Told,
    },
    FaultReplaced {
        fault: FaultId,
        evidence: Told,
    },
    FaultLeft {
        fault: FaultId,
        why: Told,
        /// The reasons. Empty in runs of version 0.1.0, which knew only changes from outside.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        because: Vec<LeftBecause>,
    },
    /// The drill keeps the object, as the scenario asks: a scratch namespace whose restore did not give the expected
    /// result.
    FaultKept {
        fault: FaultId,
        why: Told,
        commands: Vec<String>,
    },
    FaultStuck {
        fault: FaultId,
        why: Told,
        commands: Vec<String>,
    },
    /// The fault exists again after its undo had been confirmed: a session that had lost control of the run sent an act
    /// too late.
    FaultReopened {
        fault: FaultId,
        why: Told,
    },

    // Observations.
    Watching {
        what: String,
        objects: usize,
    },
    ContactLost {
        cluster: String,
        last_proof_us: u64,
        why: Told,
    },
    ContactRegained {
        cluster: String,
        blind_from_us: u64,
    },
    WatchGap {
        what: String,
        from_us: u64,
        why: Told,
    },
    NodeSeen {
        node: String,
        uid: String,
        zone: String,
        ready: String,
        unschedulable: bool,
        taints: Vec<String>,
        resource_version: String,
    },
    NodeGone {
        node: String,
        uid: String,
    },
    PodSeen {
        /// Everything that follows the journal keeps it, so they share it.
        pod: Arc<PodView>,
        resource_version: String,
    },
    PodGone {
        namespace: String,
        name: String,
        uid: String,
    },
    BudgetSeen {
        namespace: String,
        name: String,
        healthy: i64,
        desired: i64,
        allowed: i64,
        expected: i64,
        current: bool,
    },
    WorkloadSeen {
        namespace: String,
        workload: String,
        wanted: u32,
        ready: u32,
    },
    /// An object that the drill watches was changed outside the drill.
    ChangedOutside {
        change: Box<OutsideChange>,
    },
    /// A part of an object that was changed outside the drill has its earlier state again. The drill, Kubernetes or a
    /// restore did that.
    OutsideUndone {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        namespace: String,
        object: String,
        part: OutsidePart,
    },
    /// Changes from outside to some objects can no longer be observed, or can be observed again.
    OutsideUnseen(Unseen),
    /// The audit log shows who deleted an object, or who evicted a pod.
    AuthorFound {
        namespace: String,
        object: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        uid: String,
        by: Author,
        at_us: u64,
        /// Whether the drill caused the deletion. If so, it is not a change from outside.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        follows: bool,
    },
    /// What the audit log contained by the end of the run.
    AuditRead {
        records: u64,
        damaged: u64,
        /// Why the audit log could not be read to its end; empty if it could.
        #[serde(default, skip_serializing_if = "Told::is_empty")]
        error: Told,
    },
    EvictionAnswered {
        step: String,
        namespace: String,
        pod: String,
        owner: String,
        dry_run: bool,
        code: u16,
        reason: String,
        message: Told,
        #[serde(default)]
        expected: BudgetSays,
        #[serde(default)]
        budget: String,
    },
    /// A workload has so many pods that only some of them were tried.
    EvictionsSampled {
        step: String,
        namespace: String,
        asked: usize,
        of: usize,
    },
    AlertSeen {
        source: String,
        name: String,
        labels: BTreeMap<String, String>,
        state: String,
        since: Option<Timestamp>,
        receivers: Vec<String>,
        suppressed_by: Vec<String>,
    },
    AlertGone {
        source: String,
        name: String,
        labels: BTreeMap<String, String>,
    },
    SourceLost {
        source: String,
        why: Told,
        /// When the source was last known to see everything. None in journals of versions before 0.2.0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blind_from_us: Option<u64>,
    },
    SourceRegained {
        source: String,
        blind_from_us: u64,
    },
    ProbeSegment {
        probe: String,
        file: String,
        sha256: String,
        from_us: u64,
        to_us: u64,
        n: u32,
        failed: u32,
        max_ms: u64,
        late: u32,
        runs: Vec<ProbeRun>,
    },
    /// Numbered lines that were appended to a log of the application.
    LinesWritten {
        data: String,
        runs: Vec<LineRun>,
    },
    /// Which acknowledged lines are missing from the log: the first and the last number of each gap.
    LinesRead {
        data: String,
        missing: Vec<(u64, u64)>,
        damaged: u64,
        error: Told,
        /// Whether the list continues in the log's next event, because it is longer than an event may be.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    ClockOffset {
        source: String,
        offset_ms: i64,
    },
    HostLoad {
        one_minute: f64,
        cores: usize,
    },

    /// At the end of the run, after the last observation: a workload is spread over its zones again. With a pod: it is
    /// about to be evicted.
    SpreadAgain {
        workload: ScopedWorkload,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pod: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        uid: String,
        what: Told,
    },

    // People.
    GateOpened {
        step: StepName,
        prompt: Told,
        times_out_us: u64,
    },
    GateAnswered {
        step: StepName,
        approved: bool,
        by: String,
    },
    Notified {
        to: String,
        what: Told,
        ok: bool,
        detail: Told,
    },
    StopAsked {
        by: String,
        how: StopHow,
    },
    SignalCaught {
        signal: String,
        count: u32,
    },
    AbortTriggered {
        condition: String,
        detail: Told,
    },

    // Problems of the run itself.
    MirrorFailed {
        why: Told,
    },
    LeaseTrouble {
        why: Told,
    },
    Noted {
        text: Told,
    },
    StrayLines {
        count: u64,
        epoch: u64,
    },
    /// The time limit of the undo has passed, and a session that lost control of the run may still act.
    HolderLives {
        pid: Option<u32>,
        host: String,
    },
    /// These faults were undone, but they may have been made once more: a session may have acted whose end nobody could
    /// confirm.
    Unconfirmed {
        faults: Vec<FaultId>,
    },
}
