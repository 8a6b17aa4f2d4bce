//! The vocabulary of the journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Actor, BudgetSays, Continues, LineRun, PodView, ProbeRun, StepEnd, Unseen, Wake};
use crate::model::{
    Author, ClockMark, ClusterIdentity, Exit, FaultId, Finding, Head, Judgement, LeftBecause, Outcome, OutsideChange,
    OutsidePart, Plan, Revert, Reviewed, StepName, StepResult, StopHow, Told, WayBack,
};

/// What happened.
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
        /// How another process on this machine goes on with the run's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<ClockMark>,
        /// The last end of a run that the cluster's ConfigMap `heads` named when this one began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Head>,
        /// What was given for the scenario's variables.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        variables: BTreeMap<String, serde_json::Value>,
        /// Made out of the cluster's record: there is no scenario and no plan to look at.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        from_cluster: bool,
    },
    SessionOpened {
        epoch: u64,
        actor: Actor,
        pid: u32,
        why: Told,
        /// None for the first session; and for all of format 1, which shared a file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        continues: Option<Continues>,
    },
    PlanFrozen {
        plan: Box<Plan>,
    },
    PreflightDone {
        findings: Vec<Finding>,
        /// The readiness catalogue, where it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<Box<Reviewed>>,
    },
    Armed {
        unwind_deadline_us: u64,
    },
    RunWoken {
        why: Wake,
        detail: Told,
    },
    Judged {
        /// The rules that it was judged by; 0 in journals of before they had a number.
        #[serde(default)]
        rules: u32,
        /// The version that judged; empty where the header's did.
        #[serde(default)]
        tool: String,
        /// The last event that the verdict read.
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
    /// What was left behind was taken away again.
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
    /// A machine that the drill took away runs again, by another hand: since the last look
    /// that found it away.
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
    /// The effect of a fault, read off its node.
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
        /// For which reasons; none in runs of version 0.1.0, which named others only.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        because: Vec<LeftBecause>,
    },
    /// It stays on purpose, as the scenario asks: a scratch namespace after a restore that did
    /// not come out as expected.
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
    /// Its undo had been seen done, and it is there again: an act of a session that lost
    /// the wheel arrived late.
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
        pod: PodView,
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
    /// Somebody else changed an object that the drill watches.
    ChangedOutside {
        change: Box<OutsideChange>,
    },
    /// The drill, Kubernetes or a restore made a part of an object as it was before others
    /// changed it.
    OutsideUndone {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        namespace: String,
        object: String,
        part: OutsidePart,
    },
    /// Something cannot be watched of which others' changes are told, or can be again.
    OutsideUnseen(Unseen),
    /// The audit log says who deleted an object, or let a pod be evicted.
    AuthorFound {
        namespace: String,
        object: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        uid: String,
        by: Author,
        at_us: u64,
        /// The drill caused the deletion, so it is not a change from outside.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        follows: bool,
    },
    /// What the audit log held by the end.
    AuditRead {
        records: u64,
        damaged: u64,
        /// Why it could not be read to its end; empty where it could.
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
    /// A workload has thousands of pods: not each was asked about.
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
        /// When it was last seen to know; none where a version before 0.2.0 wrote this.
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
    /// What the log holds of the acknowledged ones: those that are missing, first and last of each row.
    LinesRead {
        data: String,
        missing: Vec<(u64, u64)>,
        damaged: u64,
        error: Told,
        /// The list is longer than an event may be, and goes on in the log's next event.
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

    // The run's own troubles.
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
    /// The time of the undo is over, and a session that lost the wheel may still act.
    HolderLives {
        pid: Option<u32>,
        host: String,
    },
    /// These were undone, but a session that nobody could see the end of may have done
    /// them once more since.
    Unconfirmed {
        faults: Vec<FaultId>,
    },
}

impl Kind {
    /// Kinds that a reader must understand to know what is still to be undone.
    pub fn must(&self) -> bool {
        matches!(
            self,
            Self::RunStarted { .. }
                | Self::SessionOpened { .. }
                | Self::PlanFrozen { .. }
                | Self::Armed { .. }
                | Self::FaultIntended { .. }
                | Self::FaultApplied { .. }
                | Self::FaultFailed { .. }
                | Self::FaultReverted { .. }
                | Self::FaultReplaced { .. }
                | Self::FaultLeft { .. }
                | Self::FaultKept { .. }
                | Self::FaultStuck { .. }
                | Self::FaultReopened { .. }
                | Self::HolderLives { .. }
                | Self::RunEnded { .. }
        )
    }

    /// Whether the line must be on the disk before anything else is done.
    /// Observations are synced every second and with the next of these.
    pub fn is_durable(&self) -> bool {
        self.must()
            || matches!(
                self,
                Self::StepStarted { .. }
                    | Self::StepFinished { .. }
                    | Self::StepResult { .. }
                    | Self::RunWoken { .. }
                    | Self::Judged { .. }
                    | Self::LeftBehind { .. }
                    | Self::LeftoverGone { .. }
                    | Self::GateAnswered { .. }
                    | Self::Unconfirmed { .. }
            )
    }

    /// The name of the kind, as it stands in the journal.
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|v| v.get("kind").and_then(|k| k.as_str()).map(str::to_owned))
            .unwrap_or_default()
    }
}
