//! Everything that the simulated cluster is: objects, machines, timers, dice.
//! Controllers and the API server change it under one lock, each in an instant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    control_plane::{self, ControlPlane},
    controllers::namespaces::Leaving,
    dice::{ALPHABET, Dice},
    fields::{self, number},
    happens::{Script, Turn},
    machines::Machines,
    monitoring::Monitor,
    network::Network,
    resources::Resource,
    store::Store,
    value::{Value, json},
    vault::Vault,
    velero::Server,
};
use crate::{
    kubernetes::{Clocks, Room, Selector, objects::Node},
    model::PowerState,
};

/// What the cluster's description says of its clocks.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub clocks: Clocks,
    /// What admission gives pods that say nothing themselves.
    pub toleration_seconds: i64,
    /// From power to a kubelet that reports.
    pub boot: Duration,
    /// From thaw to a kubelet that reports Ready.
    pub thaw: Duration,
    /// From the network's return to that.
    pub rejoin: Duration,
    /// From a kubelet's start to that.
    pub kubelet: Duration,
    /// From binding to Ready, where the workload does not say.
    pub start: Duration,
    /// From deletion to gone.
    pub stop: Duration,
    /// Velero's backup, its restore, and the files of one volume.
    pub backup: Duration,
    pub restore: Duration,
    pub volume: Duration,
    /// From a control plane's power to an API server that answers.
    pub api_server: Duration,
    /// From there to controllers that act.
    pub election: Duration,
    /// Whether the network enforces NetworkPolicies.
    pub policies: bool,
}

/// Something that is due at an instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The node lifecycle controller looks at all leases.
    Monitor,
    /// A zone may taint its next node.
    ZoneTurn(String),
    /// A kubelet reports after its node got power back.
    NodeReports(String),
    /// A pod's containers are ready (namespace, name, UID).
    PodReady(String, String, String),
    /// A pod's containers have ended.
    PodStopped(String, String, String),
    /// A pod's toleration of an outage is over.
    Evict(String, String, String),
    /// The pod garbage collector looks at nodes that are out of service.
    CollectPods,
    /// Prometheus scrapes and evaluates.
    Evaluate,
    /// Velero looks for backups of other clusters.
    Sync,
    /// Velero goes on with something (resource, name).
    Velero(&'static str, String),
    /// The files of a volume are back (restore, claim).
    VolumeFilled(String, String),
    /// A namespace that is to go may be emptied.
    NamespaceEmpties(String),
    /// A claim gets its volume (namespace, name).
    Claim(String, String),
    /// The API server of a control plane that was away answers.
    ApiServerAnswers,
    /// Its controllers act.
    ControllersAct,
    /// An entry of the description's list has its turn.
    Happens(usize, Turn),
}

/// What is written on a volume.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// A file that is written once: its checksum. Empty where there is none.
    pub file: String,
    /// What was appended to the log.
    pub log: String,
}

/// A lease as the node controller saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenLease {
    pub renewed_us: u64,
    /// When the controller saw that renewal.
    pub seen_us: u64,
}

/// Nodes of a zone that wait for their NoExecute taint.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// When the next of them may have it.
    pub next_us: u64,
    pub nodes: Vec<String>,
}

/// The cluster.
#[derive(Clone)]
pub(super) struct State {
    pub store: Store,
    pub machines: Machines,
    pub control_plane: ControlPlane,
    pub network: Network,
    pub settings: Settings,
    pub dice: Dice,
    pub monitor: Monitor,
    pub vault: Vault,
    /// What the process of Velero's server remembers.
    pub velero: Server,
    /// What is written on each volume, by its name; nothing on a new one.
    pub contents: BTreeMap<String, Content>,
    /// What a restore will write on the volume of a claim (namespace, name).
    pub promised: BTreeMap<(String, String), Content>,
    /// Claims whose files are on their way (namespace, name).
    pub filling: BTreeSet<(String, String)>,
    /// Microseconds since the simulation began; set on entry by whoever has the lock.
    pub now_us: u64,
    zero: Timestamp,
    timers: BTreeSet<(u64, Timer)>,
    /// The node controller's view of each node's lease.
    pub seen_leases: BTreeMap<String, SeenLease>,
    /// The nodes of each zone that wait to be tainted.
    pub queues: BTreeMap<String, Queue>,
    /// Namespaces that are to go.
    pub leaving: BTreeMap<String, Leaving>,
    /// The scheduler's view of what is free.
    pub rooms: Rooms,
    /// Where the description wants the first pods of each workload, by namespace.
    pub placement: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// What happens in the cluster, and what is in force of it.
    pub script: Script,
    /// The selectors of budgets, taken apart.
    pub selectors: Selectors,
}

/// Selectors by the UIDs of the objects that have them, each with the generation that it is of.
#[derive(Clone, Default)]
pub(super) struct Selectors(BTreeMap<String, (i64, Option<Arc<Selector>>)>);

impl Selectors {
    /// `spec.selector` of an object: with each change of a pod all budgets are asked for theirs.
    pub(super) fn of(&mut self, object: &Value) -> Option<Arc<Selector>> {
        let generation = number(object, "/metadata/generation");
        let read = || fields::selector(object.pointer("/spec/selector")).map(Arc::new);
        match self.0.get_mut(fields::uid(object)) {
            Some(known) => {
                if known.0 != generation {
                    *known = (generation, read());
                }
                known.1.clone()
            }
            None => self.0.entry(fields::uid(object).to_owned()).or_insert((generation, read())).1.clone(),
        }
    }
}

/// A node, and what it has left.
#[derive(Clone, Debug)]
pub(super) struct NodeRoom {
    pub node: Node,
    /// The zone of the node.
    pub zone: String,
    pub room: Room,
}

/// By the names of the nodes.
pub(super) type Rooms = BTreeMap<String, NodeRoom>;

impl State {
    pub(super) fn new(settings: Settings, mut dice: Dice, zero: Timestamp, monitor: Monitor, vault: Vault) -> Self {
        Self {
            store: Store::of(dice.next() as u32),
            machines: Machines::default(),
            control_plane: ControlPlane::default(),
            network: Network::default(),
            settings,
            dice,
            monitor,
            vault,
            velero: Server::default(),
            contents: BTreeMap::new(),
            promised: BTreeMap::new(),
            filling: BTreeSet::new(),
            now_us: 0,
            zero,
            timers: BTreeSet::new(),
            seen_leases: BTreeMap::new(),
            queues: BTreeMap::new(),
            leaving: BTreeMap::new(),
            rooms: Rooms::new(),
            placement: BTreeMap::new(),
            script: Script::default(),
            selectors: Selectors::default(),
        }
    }

    /// Wall time of the simulated instant, by the clock of the control plane.
    pub(super) fn wall(&self) -> Timestamp {
        self.by_clock_of("api", self.now_us)
    }

    /// Wall time of another instant.
    pub(super) fn at(&self, us: u64) -> Timestamp {
        let since = SignedDuration::from_micros(i64::try_from(us).unwrap_or(i64::MAX));
        self.zero.saturating_add(since).unwrap_or(Timestamp::MAX)
    }

    /// Five characters for a generated name.
    pub(super) fn suffix(&mut self) -> String {
        (0..5).map(|_| char::from(ALPHABET[self.dice.below(ALPHABET.len() as u64) as usize])).collect()
    }

    /// Makes something due.
    pub(super) fn schedule(&mut self, after: Duration, timer: Timer) {
        let after = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.timers.insert((self.now_us.saturating_add(after), timer));
    }

    /// The same at an instant.
    pub(super) fn schedule_at(&mut self, at_us: u64, timer: Timer) {
        self.timers.insert((at_us.max(self.now_us), timer));
    }

    /// What is due by now, in order.
    pub(super) fn take_due(&mut self) -> Vec<Timer> {
        let later = self.timers.split_off(&(self.now_us + 1, Timer::Monitor));
        std::mem::replace(&mut self.timers, later).into_iter().map(|(_, timer)| timer).collect()
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Deletes as the API server does: with grace, with finalizers.
    pub(super) fn delete(&mut self, resource: &'static Resource, object: &Value, grace: Option<i64>, orphan: bool) {
        let (namespace, name) = (fields::namespace(object).to_owned(), fields::name(object).to_owned());
        if orphan {
            self.orphan(fields::uid(object));
        }
        match resource.plural {
            "pods" => self.delete_pod(object, grace),
            "namespaces" => {
                let now = fields::stamp(self.wall());
                self.store.edit("namespaces", "", &name, |ns| {
                    if !fields::is_terminating(ns) {
                        ns["metadata"]["deletionTimestamp"] = now.into();
                        ns["status"]["phase"] = "Terminating".into();
                    }
                });
            }
            plural
                if plural == "persistentvolumeclaims" || !fields::list(object, "/metadata/finalizers").is_empty() =>
            {
                let now = fields::stamp(self.wall());
                self.store.edit(plural, &namespace, &name, |o| {
                    if !fields::is_terminating(o) {
                        o["metadata"]["deletionTimestamp"] = now.into();
                    }
                });
            }
            plural => self.store.remove(plural, &namespace, &name),
        }
    }

    fn delete_pod(&mut self, pod: &Value, grace: Option<i64>) {
        let (namespace, name) = (fields::namespace(pod), fields::name(pod));
        let unscheduled = fields::text(pod, "/spec/nodeName").is_empty();
        let grace = grace.unwrap_or_else(|| number(pod, "/spec/terminationGracePeriodSeconds"));
        if grace == 0 || unscheduled || fields::is_finished(pod) {
            self.store.remove("pods", namespace, name);
        } else if !fields::is_terminating(pod) {
            let until = fields::stamp(self.by_clock_of(
                "api",
                self.now_us.saturating_add(u64::try_from(grace).unwrap_or(0).saturating_mul(1_000_000)),
            ));
            self.store.edit("pods", namespace, name, |p| {
                p["metadata"]["deletionTimestamp"] = until.into();
                p["metadata"]["deletionGracePeriodSeconds"] = grace.into();
            });
        }
    }

    /// `propagationPolicy: Orphan`: dependents are nobody's from now on.
    fn orphan(&mut self, uid: &str) {
        for resource in ["pods", "replicasets"] {
            let dependents: Vec<Arc<Value>> = self
                .store
                .all(resource)
                .filter(|o| fields::controller(o).is_some_and(|(_, _, owner)| owner == uid))
                .cloned()
                .collect();
            for object in dependents {
                self.store.edit(resource, fields::namespace(&object), fields::name(&object), |o| {
                    o["metadata"]["ownerReferences"] = json!([]);
                });
            }
        }
    }

    /// Writes on a pod who takes it away (correctness 8).
    pub(super) fn disrupt(&mut self, namespace: &str, name: &str, reason: &str) {
        let now = self.wall();
        self.store.edit("pods", namespace, name, |pod| {
            fields::set_condition(pod, "DisruptionTarget", "True", reason, now);
        });
    }

    /// Takes something from a machine: its power, its time, its network or its kubelet.
    pub(super) fn silence(&mut self, node: &str, taken: PowerState) {
        self.machines.silence(node, taken, self.now_us);
        if self.control_plane.is_on(node) {
            control_plane::look(self);
        }
    }

    /// Gives it back; its kubelet reports after a while.
    pub(super) fn revive(&mut self, node: &str, after: Duration) {
        self.machines.revive(node, self.now_us, after);
        self.schedule(after, Timer::NodeReports(node.to_owned()));
        if self.control_plane.is_on(node) {
            control_plane::look(self);
        }
    }

    /// Whether the machine under a node runs.
    pub(super) fn lives(&self, node: &str) -> bool {
        self.machines.reports(node, self.now_us)
    }
}
