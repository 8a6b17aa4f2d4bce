//! Small journals for the tests of the judge: a plan with one fault, and the events that a test lists. Start with
//! [`SmallJournal`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::History;
use crate::{
    event::{Event, Kind, PodView, StepEnd},
    model::{FaultId, Outcome, Revert, StepName, StepResult},
};

/// A second, in microseconds.
pub(super) const S: u64 = 1_000_000;

/// A plan, and events in any order.
pub(super) struct SmallJournal {
    plan: Value,
    events: Vec<(u64, Kind)>,
}

impl SmallJournal {
    /// A drill of namespace `shop` whose step `fault` does this to these nodes.
    pub(super) fn new(verb: &Value, nodes: &[&str]) -> Self {
        let nodes: Vec<Value> = nodes.iter().map(|name| target(name)).collect();
        let step = json!({"name": "fault", "step": verb, "class": "fault", "nodes": nodes, "acts": [], "on_stop": ""});
        let plan = json!({
            "format": "2", "scenario": "s", "title": "t", "hypothesis": "h", "scenario_hash": "",
            "cluster": {"name": "cluster", "context": "c", "uid": "u", "server": "", "version": "", "flavour": "simulated"},
            "namespaces": ["shop"], "steps": [step], "probes": [], "expect": [], "permissions": [], "blast_radius": [],
            "limits": {"nodes_percent": 34, "zones": 1, "namespaces": 1, "duration": "40m"},
            "predictions": [], "findings": [], "hash": "",
        });
        Self { plan, events: vec![] }
    }

    /// A node that was killed at 10 s.
    pub(super) fn killed(node: &str) -> Self {
        Self::new(&json!({"killNodes": {"nodes": [node], "how": "kill"}}), &[node])
            .node(5, node, true)
            .fault(10, &power(node))
    }

    /// A part of the plan.
    pub(super) fn plans(mut self, part: &str, value: Value) -> Self {
        self.plan[part] = value;
        self
    }

    /// The only expectation.
    pub(super) fn expects(self, expectation: Value) -> Self {
        self.plans("expect", json!([expectation]))
    }

    /// An event, at a second.
    pub(super) fn at(self, second: u64, kind: Kind) -> Self {
        self.at_us(second * S, kind)
    }

    pub(super) fn at_us(mut self, us: u64, kind: Kind) -> Self {
        self.events.push((us, kind));
        self
    }

    /// An act of the step `fault`.
    pub(super) fn fault(mut self, second: u64, revert: &Value) -> Self {
        let revert: Revert = serde_json::from_value(revert.clone()).expect("an undo");
        let (sent_us, acknowledged_us) = (second * S, second * S);
        let fault = FaultId(format!("fault/{}", self.events.len()));
        let (step, target) = (StepName("fault".into()), revert.target());
        self.events.push((sent_us, Kind::FaultIntended { fault: fault.clone(), step, target, revert }));
        self.events.push((sent_us, Kind::FaultApplied { fault, sent_us, acknowledged_us }));
        self
    }

    /// The undo of every fault so far begins, and ends two seconds later.
    pub(super) fn healed(mut self, second: u64) -> Self {
        let faults: Vec<FaultId> = self.events.iter().filter_map(|(_, kind)| applied(kind).cloned()).collect();
        for fault in faults {
            self.events.push((second * S, Kind::RevertStarted { fault: fault.clone(), attempt: 1 }));
            self.events.push(((second + 2) * S, Kind::FaultReverted { fault, evidence: "".into() }));
        }
        self
    }

    /// The time of the step `fault`.
    pub(super) fn step(self, from: u64, to: u64) -> Self {
        let step = || StepName("fault".into());
        self.at(from, Kind::StepStarted { step: step(), verb: String::new(), does: "".into(), expected_us: None })
            .at(to, Kind::StepFinished { step: step(), end: StepEnd::Done, detail: "".into() })
    }

    /// The result of a step.
    pub(super) fn result(self, second: u64, step: &str, result: StepResult) -> Self {
        self.at(second, Kind::StepResult { step: StepName(step.into()), result: Box::new(result) })
    }

    /// A node in zone `z-NODE`.
    pub(super) fn node(self, second: u64, node: &str, ready: bool) -> Self {
        let (zone, ready) = (format!("z-{node}"), if ready { "True" } else { "Unknown" });
        self.at(
            second,
            Kind::NodeSeen {
                node: node.into(),
                uid: node.into(),
                zone,
                ready: ready.into(),
                unschedulable: false,
                taints: vec![],
                resource_version: String::new(),
            },
        )
    }

    /// A pod of `deployment/web`.
    pub(super) fn pod(self, second: u64, name: &str, node: &str, ready: bool) -> Self {
        self.pod_of(second, "deployment/web", name, node, ready)
    }

    pub(super) fn pod_of(self, second: u64, owner: &str, name: &str, node: &str, ready: bool) -> Self {
        let pod = PodView { ready, ..PodView::ready_in_shop(name, owner, node) };
        self.at(second, Kind::PodSeen { pod: pod.into(), resource_version: String::new() })
    }

    pub(super) fn pod_gone(self, second: u64, name: &str) -> Self {
        let (namespace, uid, name) = ("shop".to_owned(), name.to_owned(), name.to_owned());
        self.at(second, Kind::PodGone { namespace, name, uid })
    }

    /// How many pods `deployment/web` wants.
    pub(super) fn wants(self, second: u64, wanted: u32) -> Self {
        let (namespace, workload) = ("shop".to_owned(), "deployment/web".to_owned());
        self.at(second, Kind::WorkloadSeen { namespace, workload, wanted, ready: wanted })
    }

    /// A change of an object of `shop` from outside.
    pub(super) fn changed(self, second: u64, object: &str, what: &Value) -> Self {
        let workloads: &[&str] = if object.contains("deployment/") { &[object] } else { &[] };
        let change = json!({"seen_us": second * S, "namespace": "shop", "object": object, "uid": "u",
            "workloads": workloads, "what": what, "by": {"kind": "unknown"}, "as_before": false});
        let change = serde_json::from_value(change).expect("a change");
        self.at(second, Kind::ChangedOutside { change: Box::new(change) })
    }

    /// The journal up to a second, arranged.
    pub(super) fn history(mut self, until: u64) -> History {
        self.events.push((until * S, Kind::Noted { text: "".into() }));
        self.events.sort_by_key(|(at, _)| *at);
        let plan = serde_json::from_value(self.plan).expect("a plan");
        let all = std::iter::once((0, Kind::PlanFrozen { plan: Box::new(plan) })).chain(self.events);
        let event = |(seq, (t_us, event)): (usize, (u64, Kind))| Event {
            seq: seq as u64,
            at: at(t_us),
            t_us,
            epoch: 1,
            prev: String::new(),
            must: false,
            event,
        };
        let events: Vec<Event> = all.enumerate().map(event).collect();
        let mut history = History::of(&events);
        history.zero = Some(Timestamp::UNIX_EPOCH);
        history
    }

    /// The outcome of its expectation, and the reason.
    pub(super) fn judged(self, until: u64) -> (Outcome, String) {
        let verdict = self.history(until).judge();
        let judgement = verdict.judgements.first().expect("something is expected");
        (judgement.outcome, judgement.because.to_string())
    }
}

fn applied(kind: &Kind) -> Option<&FaultId> {
    match kind {
        Kind::FaultApplied { fault, .. } => Some(fault),
        _ => None,
    }
}

/// The wall time of an instant of the run.
pub(super) fn at(us: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_micros(us as i64)
}

pub(super) fn target(node: &str) -> Value {
    json!({"name": node, "uid": node, "provider_id": "", "zone": format!("z-{node}")})
}

/// The undo of a killed node.
pub(super) fn power(node: &str) -> Value {
    json!({"type": "nodePower", "node": target(node), "host": "kind", "machine": "m", "how": "kill", "addresses": {},
        "command": []})
}

/// A budget of `shop`, as its watch reports it.
pub(super) fn budget(name: &str, healthy: i64, desired: i64) -> Kind {
    let (namespace, name, allowed) = ("shop".to_owned(), name.to_owned(), (healthy - desired).max(0));
    Kind::BudgetSeen { namespace, name, healthy, desired, allowed, expected: 3, current: true }
}
