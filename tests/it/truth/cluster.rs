//! Looks at the targets, pods and budgets of the shop twice a second. It uses lists, because no watch is trusted.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Mutex,
    time::Duration,
};

use drillmaster::world::World;
use serde_json::Value;

use super::Moments;

const PODS: &str = "/api/v1/namespaces/shop/pods";
const NODES: &str = "/api/v1/nodes";
const BUDGETS: &str = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";
const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const BETWEEN: Duration = Duration::from_millis(450);
/// If a look took longer, its answer came at the second try, and its moment is not known.
const PROMPT_US: i64 = 100_000;

#[derive(Clone)]
pub struct Node {
    pub name: String,
    pub zone: String,
    pub ready: bool,
    /// As its host reports it.
    pub runs: bool,
}

pub struct Pod {
    pub name: String,
    pub node: String,
    pub ready: bool,
    /// Whether it is being deleted.
    pub leaves: bool,
    pub phase: String,
    pub labels: BTreeMap<String, String>,
}

impl Pod {
    pub fn is_of(&self, workload: &str) -> bool {
        self.name.strip_prefix(workload).is_some_and(|rest| rest.starts_with('-'))
    }
}

pub struct Look {
    pub at: i64,
    pub nodes: Vec<Node>,
    pub pods: Rc<Vec<Pod>>,
    pub budgets: Rc<Vec<Value>>,
    /// How many replicas web should have.
    pub wanted: u64,
    /// Whether the budgets and the replicas were read in this look, too.
    pub fresh: bool,
}

impl Look {
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// Ready pods of web that are not being deleted, on nodes that satisfy a condition.
    pub fn ready<'a>(&'a self, on: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().filter(move |p| p.is_of("web") && p.ready && !p.leaves && on(&p.node))
    }
}

#[derive(Default)]
pub struct Looks(RefCell<Vec<Look>>);

impl Looks {
    pub async fn look(&self, world: &World, targets: &Mutex<Vec<String>>) {
        let (mut pods, mut budgets, mut wanted) = (Same::default(), Same::default(), 0);
        let first = world.kube.get(NODES).await.unwrap();
        let mut nodes: Vec<Node> = items(&first).map(node).collect();
        for turn in 0.. {
            tokio::time::sleep(BETWEEN).await;
            let began = world.clock.wall().as_microsecond();
            let asked = targets.lock().unwrap().clone();
            let mut answered = true;
            for known in nodes.iter_mut().filter(|n| asked.contains(&n.name)) {
                match world.kube.get(&format!("{NODES}/{}", known.name)).await {
                    Ok(object) => *known = Node { runs: runs(world, &known.name).await, ..node(&object) },
                    Err(_) => answered = false,
                }
            }
            // Budgets follow the pods, and little else changes them. Before the fault, every other look is enough.
            let fresh = turn % 2 == 0 || !asked.is_empty();
            if fresh {
                match (world.kube.get(BUDGETS).await, world.kube.get(WEB).await) {
                    (Ok(list), Ok(web)) => {
                        budgets.take(list, |list| items(list).cloned().collect());
                        wanted = web["spec"]["replicas"].as_u64().unwrap_or(0);
                    }
                    _ => answered = false,
                }
            }
            let Ok(list) = world.kube.get(PODS).await else { continue };
            let at = world.clock.wall().as_microsecond();
            if answered && at - began < PROMPT_US {
                pods.take(list, |list| items(list).map(pod).collect());
                let (pods, budgets) = (pods.now(), budgets.now());
                self.0.borrow_mut().push(Look { at, nodes: nodes.clone(), pods, budgets, wanted, fresh });
            }
        }
    }

    pub fn all(&self) -> Ref<'_, Vec<Look>> {
        self.0.borrow()
    }

    /// When three pods had been ready for two seconds on nodes that were not taken away, after one of them had fallen:
    /// for the first time, and for good before the undo. None if this did not happen before the end.
    pub fn whole(&self, when: &Moments) -> [Option<f64>; 2] {
        let looks = self.all();
        let (mut since, mut first, mut for_good) = (None, None, None);
        for look in looks.iter().filter(|look| look.at >= when.t0 && look.at <= when.end) {
            let enough = look.ready(|node| !when.targets.iter().any(|t| t == node)).count() >= 3;
            since = enough.then(|| since.unwrap_or(look.at));
            let held = since.filter(|from| look.at - from >= 2_000_000).map(|from| (from - when.t0) as f64 / 1e6);
            first = first.or(held);
            if look.at <= when.undo || for_good.is_none() {
                for_good = held;
            }
        }
        [first, for_good]
    }

    /// When a target was back before the undo, according to its host or its readiness.
    pub fn returned(&self, when: &Moments) -> Option<i64> {
        let looks = self.all();
        let back = |target: &String| {
            let own = looks.iter().filter(|l| l.at >= when.t0 && l.at < when.undo);
            let seen: Vec<_> = own.filter_map(|l| Some((l.at, l.node(target)?))).collect();
            let again = |is: fn(&Node) -> bool| {
                let gone = seen.iter().position(|(_, node)| !is(node))?;
                seen[gone..].iter().find(|(_, node)| is(node)).map(|(at, _)| *at)
            };
            again(|node| node.runs).into_iter().chain(again(|node| node.ready)).min()
        };
        when.targets.iter().filter_map(back).min()
    }
}

/// A list that seldom changes is parsed only once.
struct Same<V, T>(Option<(V, Rc<T>)>);

impl<V, T> Default for Same<V, T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: PartialEq, T> Same<V, T> {
    fn take(&mut self, value: V, apart: impl FnOnce(&V) -> T) {
        if self.0.as_ref().is_none_or(|(last, _)| *last != value) {
            let parts = Rc::new(apart(&value));
            self.0 = Some((value, parts));
        }
    }

    fn now(&self) -> Rc<T> {
        Rc::clone(&self.0.as_ref().unwrap().1)
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

async fn runs(world: &World, node: &str) -> bool {
    let Some(host) = &world.host else { return true };
    host.machine(node).await.is_ok_and(|machine| machine.state == drillmaster::model::PowerState::Running)
}

fn node(item: &Value) -> Node {
    let zone = item["metadata"]["labels"]["topology.kubernetes.io/zone"].as_str().unwrap_or_default();
    Node { name: name(item).to_owned(), zone: zone.to_owned(), ready: is_ready(item), runs: true }
}

fn pod(item: &Value) -> Pod {
    let labels = item["metadata"]["labels"].as_object().into_iter().flatten();
    Pod {
        name: name(item).to_owned(),
        node: item["spec"]["nodeName"].as_str().unwrap_or_default().to_owned(),
        ready: is_ready(item),
        leaves: !item["metadata"]["deletionTimestamp"].is_null(),
        phase: item["status"]["phase"].as_str().unwrap_or_default().to_owned(),
        labels: labels.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
    }
}
