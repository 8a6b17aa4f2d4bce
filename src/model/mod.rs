//! The nouns that travel between rooms: plain values, serde only, no behaviour
//! that needs a cluster. Everything here may be written to a file and read by
//! another process. Start with [`Plan`], then [`Revert`].

mod bindings;
mod data;
mod expect;
mod finding;
mod ids;
mod machine;
mod node_steps;
mod outcome;
mod plan;
mod probe;
mod revert;
mod review;
mod secret;
mod specs;
mod step;
mod target;
mod units;

pub use bindings::{Bindings, Capture, ClocksSpec, DatadogSpec, ExecHost, KindHost, NodeHostSpec, VolumeMethod};
pub use data::{DataHttp, DataSpec};
pub use expect::{
    AlertExpectation, BudgetsExpectation, DrainRule, Expectation, ForEach, LossExpectation, Objects,
    PlacementExpectation, ReplicasExpectation, RestoreExpectation, ServiceExpectation, Spread, VolumesRule,
    WhileDegraded,
};
pub use finding::{Finding, FindingState};
pub use ids::{FaultId, RunId, StepName};
pub use machine::{Impairment, NodeHow, OUT_OF_SERVICE, PowerState};
pub use node_steps::{
    Direction, DiskFault, FenceNodeStep, ImpairNodesStep, KillNodesStep, KillZoneStep, LoseClusterStep, NetworkFault,
    NodeChoice, NodeService,
};
pub use outcome::{Evidence, Exit, Judgement, Outcome, RunVerdict};
pub use plan::{
    ClusterIdentity, CoveredPod, Limits, Permission, Phase, Plan, PlannedAct, PlannedStep, Prediction, REHEARSAL,
    SIMULATED_START, StepClass,
};
pub use probe::{ProbeKind, ProbeSpec, UpRule};
pub use revert::{Revert, shell};
pub use review::{
    Change, CheckSummary, Class, Concern, Environment, Readiness, Remedy, Review, Reviewed, Ruling, Severity, State,
    Subject, Tally, Unseen,
};
pub use secret::{Redactor, Secret, SecretRef};
pub use specs::{
    BackupStep, DeadPods, DeleteNamespaceStep, DeletePodsStep, DrainStep, ExecStep, ForceDeletePodsStep, GateAnswer,
    GateStep, HealStep, Into, NotifyStep, RestoreStep, ScaleStep, WaitStep, WaitUntil,
};
pub use step::{Step, Verb};
pub use target::{NodeTarget, ObjectRef, WorkloadRef};
pub use units::{Dur, Percent};
