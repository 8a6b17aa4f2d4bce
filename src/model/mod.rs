//! The plain values that modules exchange. They have no behaviour that needs a cluster, and all of them can be written
//! to a file and read by another process. Start with [`Plan`], then [`Revert`].

mod about;
mod bindings;
mod body;
mod causes;
mod clock;
mod compared;
mod controls;
mod data;
mod difference;
mod expect;
mod few;
mod file_plan;
mod finding;
mod fingerprint;
mod forms;
mod hash;
mod head;
mod ids;
mod left;
mod left_object;
mod loss;
mod machine;
mod names;
mod newer;
mod node_steps;
mod outcome;
mod outside;
mod plan;
mod printable;
mod probe;
mod redactor;
mod result;
mod revert;
mod review;
mod ruling;
mod secret;
mod shell;
mod specs;
mod step;
mod stop;
mod target;
mod told;
mod units;
mod way_back;

pub use about::{About, ObjectiveRef, ObjectiveRefs, PlanUnderTest};
pub use bindings::{
    Bindings, Capture, ClocksSpec, DatadogSpec, ExecHost, KindHost, NodeHostSpec, VolumeMethod, is_address,
};
pub use body::{BodyCheck, BodyMatch, BodyRule, JsonMatch};
pub use causes::{causes, with_causes};
pub use clock::ClockMark;
pub use compared::{Compared, Novelty};
pub use controls::{FRAMEWORKS, Framework};
pub use data::{DataHttp, DataSpec, MOST_LINES};
pub use difference::{Difference, Differs, ObjectName};
pub use expect::{
    After, AlertExpectation, BudgetsExpectation, DrainRule, Expectation, ForEach, LossExpectation, Objects,
    PlacementExpectation, ReplicasExpectation, ReprotectedExpectation, RestoreExpectation, ServiceExpectation, Spread,
    VolumesRule, WhileDegraded,
};
pub use few::{clauses, few, some};
pub use file_plan::{Elsewhere, FileDiff, FilePlan};
pub use finding::{Finding, FindingState};
pub use fingerprint::{Drift, Fingerprint, Part, RestsOn, Traits};
pub use hash::{hex, sha256};
pub use head::Head;
pub use ids::{DRILLED_LABELS, FaultId, ROLE_LABEL, RUN_LABEL, RunId, StepName, backup_name, is_run_name, run_name};
pub use left::LeftBecause;
pub use left_object::LeftObject;
pub use loss::{AcceptedLoss, Kin, Losing, Loss, MayBeLost, ObjectPattern, Tie, accepted};
pub use machine::{Impairment, NodeHow, OUT_OF_SERVICE, PowerState};
pub use names::Names;
pub use newer::{Newer, OrNewer};
pub use node_steps::{
    Direction, DiskFault, FenceNodeStep, ImpairNodesStep, KillNodesStep, KillZoneStep, LoseClusterStep, NetworkFault,
    NodeChoice, NodeService,
};
pub use outcome::{Evidence, Exit, Judgement, Measure, Measured, Outcome, ProofPart, RunVerdict};
pub use outside::{Author, OutsideChange, OutsidePart, OutsideWhat, Role};
pub use plan::{
    Basis, ClusterIdentity, CoveredPod, Limits, Permission, Phase, Plan, PlannedAct, PlannedStep, Prediction,
    REHEARSAL, SIMULATED_START, StepClass, unmarked,
};
pub use printable::{is_printable, printable, printable_lines};
pub use probe::{ProbeKind, ProbeSpec, UpRule};
pub use redactor::Redactor;
pub use result::{
    BackupMade, Checksums, Drained, DrainedNode, FileWrong, FilesRead, Isolation, NamespaceLost, PodLeft, Reprotected,
    Restored, StepResult, VolumeInfo, VolumesDone,
};
pub use revert::Revert;
pub use review::{CheckSummary, Concern, Coverage, LeftOut, Readiness, Review, Reviewed, Unjudged};
pub use ruling::{Change, Class, Environment, Remedy, Ruling, Severity, State, Subject, Tally, Unseen};
pub use secret::{SHORT_SECRET, Secret, SecretRef, WebhookUrl, has_secret_mark, secret_mark};
pub use shell::shell;
pub use specs::{
    BackupStep, CleanUp, DeadPods, DeleteNamespaceStep, DeletePodsStep, DrainStep, ExecStep, ForceDeletePodsStep,
    GateAnswer, GateStep, HealStep, Into, NotifyStep, ReprotectedStep, RestoreStep, ScaleStep, WaitStep, WaitUntil,
};
pub use step::{Step, Verb};
pub use stop::StopHow;
pub use target::{NodeTarget, ObjectRef, ScopedWorkload, WorkloadRef};
pub use told::{Raw, Told};
pub use units::{Dur, Percent};
pub use way_back::{Needs, WayBack};
