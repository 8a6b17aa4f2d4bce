//! What goes wrong in a simulated cluster at its time: the list `happens:` of a
//! description. `entry` says when, `what` says what (the closed list), `lint` refuses
//! what cannot be, `script` begins and ends it. Each other file holds what one kind of
//! thing does to the cluster, and what the servers ask about it while it lasts. A
//! description without the list is the cluster that it was. Start with [`Happening`].
//!
//! Determinism: no dice are thrown here. What happens once in so many times is counted.

mod alerting;
mod answers;
mod budgets;
mod choices;
mod clocks;
mod controllers;
mod entry;
mod lint;
mod logs;
mod names;
mod nodes;
mod notice;
mod objects;
mod readiness;
mod script;
mod sources;
mod velero;
mod watches;
mod what;
mod words;

pub use entry::{After, Happening, ObjectSeen, Seen, Which};
pub use script::Happened;
pub use what::What;
pub(in crate::sim) use {
    choices::RuleDoes,
    lint::{lint, positions, strangers},
    logs::{LogFate, volume},
    names::{Names, reserved},
    notice::notice,
    readiness::set_containers,
    script::{Script, StepTurn, Turn, told, turn},
    sources::Nonsense,
    words::Answers,
};
use {
    choices::{BackupPhase, DataDoes, HostSays, LogDoes, ReadinessDoes, SourceDoes, VeleroDoes, WatchDoes},
    words::{
        Autoscaler, BudgetLags, Delete, Delivery, GitOps, InhibitionTurn, Label, LogLie, NodeHostLie, OldBackup, Patch,
        Readiness, Scale, SilenceTurn, Skew, SourceLie, VeleroLie, WatchLie,
    },
};
