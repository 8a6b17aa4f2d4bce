//! What goes wrong in a simulated cluster during a drill: the list `happens:` of a description. `entry` says when
//! something happens, `what` and `words` say what (a closed list), `lint` refuses what is impossible, and `script`
//! begins and ends the entries. Each of the other files has one group of entries: what they do to the cluster, and what
//! the simulated servers ask while an entry is in force. Without the list, the cluster behaves normally. Start with
//! [`Happening`].
//!
//! Determinism: nothing here is random. What happens once in a number of times is counted.

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
