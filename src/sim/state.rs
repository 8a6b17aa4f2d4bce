//! The whole state of a simulated cluster: objects, machines, timers, random numbers. The controllers and the API
//! server change it under one lock, and no simulated time passes while one of them holds it. Start with [`State`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::{
    backup_store::BackupStore,
    capacities::NodeCapacities,
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
    velero::Server,
};
use crate::{
    kubernetes::{Clocks, Selector},
    model::PowerState,
};

/// The times and settings from the description of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub clocks: Clocks,
    /// The toleration that admission gives to pods that set none.
    pub toleration_seconds: i64,
    /// From power-on of a machine until its kubelet reports.
    pub boot: Duration,
    /// From unfreezing a machine until its kubelet reports Ready.
    pub thaw: Duration,
    /// From the return of the network of a machine until its kubelet reports Ready.
    pub rejoin: Duration,
    /// From the start of a kubelet until it reports Ready.
    pub kubelet: Duration,
    /// From binding a pod to a node until it is Ready, unless the workload says otherwise.
    pub start: Duration,
    /// From the deletion of a pod until it is gone.
    pub stop: Duration,
    /// How long Velero takes for a backup, for a restore, and for the files of one volume.
    pub backup: Duration,
    pub restore: Duration,
    pub volume: Duration,
    /// From the return of the control plane's machines until the API server answers.
    pub api_server: Duration,
    /// From the first answer of the API server until the controllers act.
    pub election: Duration,
    /// Whether the network enforces NetworkPolicies.
    pub policies: bool,
}

/// An event that is due at an instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The node lifecycle controller checks all leases.
    Monitor,
    /// A zone may taint its next node.
    ZoneTurn(String),
    /// A kubelet reports after its machine got something back.
    NodeReports(String),
    /// A pod's containers are ready (namespace, name, UID).
    PodReady(String, String, String),
    /// A pod's containers have ended.
    PodStopped(String, String, String),
    /// The time for which a pod tolerates an outage is over.
    Evict(String, String, String),
    /// The pod garbage collector checks nodes that are out of service.
    CollectPods,
    /// Prometheus scrapes its targets and evaluates its rules.
    Evaluate,
    /// Velero looks for the backups of other clusters in the store.
    Sync,
    /// Velero continues with a request (resource, name).
    Velero(&'static str, String),
    /// The files of a volume are restored (restore, claim).
    VolumeFilled(String, String),
    /// The contents of a namespace that is being deleted may be removed.
    NamespaceEmpties(String),
    /// A claim gets its volume (namespace, name).
    Claim(String, String),
    /// The API server answers after the control plane was away.
    ApiServerAnswers,
    /// The controllers act after the control plane was away.
    ControllersAct,
    /// An entry of `happens:` begins, acts again or ends.
    Happens(usize, Turn),
}

/// The content of a volume.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// The checksum of a file that is written once. Empty if the file does not exist.
    pub file: String,
    /// The content of the append log.
    pub log: String,
}

/// A lease as the node lifecycle controller last saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenLease {
    pub renewed_us: u64,
    /// When the controller saw this renewal.
    pub seen_us: u64,
}

/// The nodes of a zone that wait for their NoExecute taint.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// When the next node may get the taint.
    pub next_us: u64,
    pub nodes: Vec<String>,
}

/// The state of one cluster.
#[derive(Clone)]
pub(super) struct State {
    pub store: Store,
    pub machines: Machines,
    pub control_plane: ControlPlane,
    pub network: Network,
    pub settings: Settings,
    pub dice: Dice,
    pub monitor: Monitor,
    pub backup_store: BackupStore,
    /// What the server process of Velero remembers.
    pub velero: Server,
    /// The content of each volume, by the name of the volume. A new volume has none.
    pub contents: BTreeMap<String, Content>,
    /// The content that a restore will write to the volume of a claim (namespace, name).
    pub promised: BTreeMap<(String, String), Content>,
    /// Claims whose files are still being restored (namespace, name).
    pub filling: BTreeSet<(String, String)>,
    /// Microseconds since the simulation began. Set whenever somebody takes the lock.
    pub now_us: u64,
    zero: Timestamp,
    timers: BTreeSet<(u64, Timer)>,
    /// The lease of each node as the node lifecycle controller saw it.
    pub seen_leases: BTreeMap<String, SeenLease>,
    /// The nodes of each zone that wait for a taint.
    pub queues: BTreeMap<String, Queue>,
    /// Namespaces that are being deleted.
    pub leaving: BTreeMap<String, Leaving>,
    /// The free capacity of each node, as the scheduler sees it.
    pub capacities: NodeCapacities,
    /// The nodes on which the first pods of each workload have to run, by namespace.
    pub placement: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The entries of `happens:`, and which of them are in force.
    pub script: Script,
    /// The selectors of budgets, already parsed.
    pub selectors: OfSpecs<Option<Arc<Selector>>>,
    /// The hashes of the templates of Deployments.
    pub templates: OfSpecs<SmolStr>,
}

/// What was read from the spec of objects, by the UID of the object, each with the generation from which it was read.
/// Each change of a pod needs the selectors of all budgets, and the hash of the template of its Deployment.
#[derive(Clone)]
pub(super) struct OfSpecs<T>(BTreeMap<String, (i64, T)>);

impl<T> Default for OfSpecs<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Clone> OfSpecs<T> {
    /// Returns what `read` reads from the spec of an object. It is read once for each generation.
    pub(super) fn of(&mut self, object: &Value, read: impl FnOnce(&Value) -> T) -> T {
        let generation = number(object, "/metadata/generation");
        match self.0.get_mut(fields::uid(object)) {
            Some(known) => {
                if known.0 != generation {
                    *known = (generation, read(object));
                }
                known.1.clone()
            }
            None => self.0.entry(fields::uid(object).to_owned()).or_insert((generation, read(object))).1.clone(),
        }
    }
}

/// The selector in the spec of an object; none if there is none.
pub(super) fn selector_of(object: &Value) -> Option<Arc<Selector>> {
    fields::selector(object.pointer("/spec/selector")).map(Arc::new)
}

impl State {
    pub(super) fn new(
        settings: Settings,
        mut dice: Dice,
        zero: Timestamp,
        monitor: Monitor,
        backup_store: BackupStore,
    ) -> Self {
        Self {
            store: Store::of(dice.next() as u32),
            machines: Machines::default(),
            control_plane: ControlPlane::default(),
            network: Network::default(),
            settings,
            dice,
            monitor,
            backup_store,
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
            capacities: NodeCapacities::default(),
            placement: BTreeMap::new(),
            script: Script::default(),
            selectors: OfSpecs::default(),
            templates: OfSpecs::default(),
        }
    }

    /// The wall time of this instant, by the clock of the control plane.
    pub(super) fn wall(&self) -> Timestamp {
        self.by_clock_of("api", self.now_us)
    }

    /// The wall time of another instant.
    pub(super) fn at(&self, us: u64) -> Timestamp {
        let since = SignedDuration::from_micros(i64::try_from(us).unwrap_or(i64::MAX));
        self.zero.saturating_add(since).unwrap_or(Timestamp::MAX)
    }

    /// Returns five random characters for a generated name.
    pub(super) fn suffix(&mut self) -> String {
        (0..5).map(|_| char::from(ALPHABET[self.dice.below(ALPHABET.len() as u64) as usize])).collect()
    }

    /// Schedules a timer after a while.
    pub(super) fn schedule(&mut self, after: Duration, timer: Timer) {
        let after = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.timers.insert((self.now_us.saturating_add(after), timer));
    }

    /// Schedules a timer for an instant.
    pub(super) fn schedule_at(&mut self, at_us: u64, timer: Timer) {
        self.timers.insert((at_us.max(self.now_us), timer));
    }

    /// Takes the timers that are due, in their order.
    pub(super) fn take_due(&mut self) -> Vec<Timer> {
        let mut due = vec![];
        while self.timers.first().is_some_and(|(at, _)| *at <= self.now_us) {
            due.extend(self.timers.pop_first().map(|(_, timer)| timer));
        }
        due
    }

    /// When the next timer is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Deletes an object as the API server does, with regard to its grace period and finalizers.
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

    /// Implements `propagationPolicy: Orphan`: the dependents lose their owner.
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

    /// Records in the status of a pod why it is about to be removed (condition DisruptionTarget, as Kubernetes sets
    /// it).
    pub(super) fn disrupt(&mut self, namespace: &str, name: &str, reason: &str) {
        let now = self.wall();
        self.store.edit("pods", namespace, name, |pod| {
            fields::set_condition(pod, "DisruptionTarget", "True", reason, now);
        });
    }

    /// Takes something away from a machine: power, running state, network or kubelet.
    pub(super) fn silence(&mut self, node: &str, taken: PowerState) {
        self.machines.silence(node, taken, self.now_us);
        if self.control_plane.is_on(node) {
            control_plane::power_changed(self);
        }
    }

    /// Gives back what was taken from a machine. Its kubelet reports after a while.
    pub(super) fn revive(&mut self, node: &str, after: Duration) {
        self.machines.revive(node, self.now_us, after);
        if self.is_cut_off(node) {
            self.machines.cut_off(node, self.now_us);
        }
        self.schedule(after, Timer::NodeReports(node.to_owned()));
        if self.control_plane.is_on(node) {
            control_plane::power_changed(self);
        }
    }

    /// Whether the kubelet of a node reports.
    pub(super) fn lives(&self, node: &str) -> bool {
        self.machines.reports(node, self.now_us)
    }
}
