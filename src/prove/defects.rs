//! A defect: its name, the part of a proof that it attacks, and its entries for `happens:`. It also contains the
//! defects that are used for several kinds of expectations. Start with [`Defect`].

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::Setting;
use crate::{
    model::{After, Dur, Step, StepName, Verb, WorkloadRef},
    sim::{Happening, Which},
};

/// The part of a proof that a defect attacks (docs/design/verdicts.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Attacks {
    /// The state before the fault.
    Baseline,
    /// Whether the fault hit the subject.
    Reach,
    /// Whether every source could observe the whole time.
    Sight,
    /// Whether "all" means everything that should exist.
    Denominator,
    /// Whether the objective is met.
    Bound,
    /// Whether the subject recovered before the fault was undone.
    #[serde(rename = "own recovery")]
    OwnRecovery,
}

impl fmt::Display for Attacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Reach => "reach",
            Self::Sight => "sight",
            Self::Denominator => "denominator",
            Self::Bound => "bound",
            Self::OwnRecovery => "own recovery",
        })
    }
}

/// The entries of a defect; or why it cannot be planted.
pub(super) type Planted = Result<Vec<Happening>, String>;

/// Something that must keep an expectation from passing.
#[derive(Clone, Debug)]
pub struct Defect {
    /// What goes wrong, in plain words.
    pub name: String,
    /// The part of the proof that it attacks.
    pub attacks: Attacks,
    /// What is added to the cluster's `happens:`, or why the defect cannot be planted in this scenario.
    pub happens: Result<Vec<Happening>, String>,
}

impl Defect {
    pub(super) fn new(name: impl Into<String>, attacks: Attacks, happens: Planted) -> Self {
        Self { name: name.into(), attacks, happens }
    }
}

/// When a defect begins.
#[derive(Clone, Debug)]
pub(super) struct When(Value);

impl When {
    /// Before the drill first reads the cluster.
    pub fn start() -> Self {
        Self(json!({"at": "0s"}))
    }

    /// At the moment when a step begins, before its first act.
    pub fn step(step: &StepName) -> Self {
        Self(json!({"after": {"step": step}}))
    }

    /// At the moment when a step ends.
    pub fn end_of(step: &StepName) -> Self {
        Self(json!({"after": {"stepEnds": step}}))
    }

    /// When an object is created.
    pub fn made(object: &str, namespace: &str) -> Self {
        Self(json!({"after": {"seen": {"objectMade": {"object": object, "namespace": namespace}}}}))
    }

    /// A delay later.
    pub fn later(mut self, delay: Dur) -> Self {
        self.0["delay"] = json!(delay);
        self
    }

    /// Something that begins then and stays.
    pub fn on(self, what: Value) -> Happening {
        let mut entry = self.0;
        entry["what"] = what;
        serde_json::from_value(entry).expect("an entry in the words of `happens:`")
    }

    /// Something that begins then and ends after a time.
    pub fn during(mut self, lasts: Dur, what: Value) -> Happening {
        self.0["for"] = json!(lasts);
        self.on(what)
    }
}

/// The same entries in the cluster of the expectation.
pub(super) fn in_cluster(cluster: Which, happens: Vec<Happening>) -> Vec<Happening> {
    happens.into_iter().map(|happening| Happening { in_: cluster, ..happening }).collect()
}

/// The words for the start of an objective's time.
pub(super) fn from_then(after: After) -> &'static str {
    match after {
        After::Fault => "after the fault",
        After::Heal => "after the heal",
    }
}

/// Directly after the act of a step, so that everything before it is not affected.
pub(super) fn just_after(step: &StepName) -> When {
    When::step(step).later(Dur::secs(1))
}

/// Something that lasts 30 s longer than an objective. The time counts from a step; for a drain, from its end.
pub(super) fn past(objective: Dur, clock: &Step, what: Value) -> Happening {
    let begins = match clock.verb() {
        Some(Verb::Drain(_)) => When::end_of(&clock.name),
        _ => just_after(&clock.name),
    };
    begins.during(Dur(objective.0 + Dur::secs(30).0), what)
}

/// The nodes are back before Kubernetes notices that they were away. So nothing had to recover, or it recovered only
/// because somebody undid the fault.
pub(super) fn nodes_return(setting: &Setting<'_>, of: Option<&StepName>, attacks: Attacks) -> Defect {
    let planted = setting.node_fault(of).map(|step| {
        let what = json!({"nodeReturns": {"node": "any"}});
        vec![When::step(&step.name).later(Dur::secs(3)).on(what)]
    });
    Defect::new("the nodes come back by themselves immediately", attacks, planted)
}

/// The node host acknowledges the act and reports the expected state, but does nothing.
pub(super) fn no_effect(setting: &Setting<'_>, of: Option<&StepName>) -> Defect {
    let planted = setting.node_fault(of).and_then(|step| match step.verb() {
        Some(Verb::KillNodes(_) | Verb::KillZone(_) | Verb::LoseCluster(_)) => {
            let what = json!({"nodeHost": {"node": "any", "ignores": true, "says": "stopped"}});
            Ok(vec![When::step(&step.name).during(Dur::secs(20), what)])
        }
        _ => Err(format!("`{}` does not switch machines off", step.name)),
    });
    Defect::new("the node host reports the nodes as off, but they are running", Attacks::Reach, planted)
}

/// Pods of a workload that run but are not Ready.
pub(super) fn unready(workload: &WorkloadRef, namespace: &str) -> Value {
    json!({"readiness": {"workload": workload.to_string(), "namespace": namespace, "does": "lost"}})
}

/// Readiness that changes faster than the objective's required time.
pub(super) fn flapping(workload: &WorkloadRef, namespace: &str) -> Value {
    json!({"readiness": {"workload": workload.to_string(), "namespace": namespace, "does": "flaps", "every": "2s"}})
}

/// Pods that are not Ready while the watch of pods delivers nothing: according to the watch, they are still Ready.
/// `lasts` is the duration; none means until the end.
pub(super) fn hidden(step: &StepName, unready: Value, lasts: Option<Dur>) -> Vec<Happening> {
    let begins = When::step(step).later(Dur::secs(2));
    let unready = match lasts {
        Some(lasts) => begins.during(lasts, unready),
        None => begins.on(unready),
    };
    vec![just_after(step).on(stalled("pods")), unready]
}

/// A watch that stays open and delivers nothing more.
pub(super) fn stalled(of: &str) -> Value {
    json!({"watches": {"does": "stall", "of": of}})
}
