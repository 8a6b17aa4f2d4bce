//! Reads pods, budgets and target nodes again, in addition to their watches. A watch can stay open and deliver
//! nothing, or deliver late, while all other requests are answered. If the cluster and the journal differ twice in a
//! row, the drill could not see during that time.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use tokio_util::sync::CancellationToken;

use super::objects::{NODES, budgets_path, pods_path};
use crate::{
    event::{Kind, PodView},
    journal::{Recorder, RunState},
    kubernetes::objects::{Budget, Node},
    model::Plan,
    told,
    world::{LastList, World, rest_after},
};

/// Up to this many nodes are read one by one; more nodes with one list.
const BY_NAME: usize = 16;
/// How often everything is read.
const EVERY: Duration = Duration::from_secs(5);
/// The time until the second look. A watch normally delivers within milliseconds.
const AGAIN: Duration = Duration::from_secs(1);
/// The time limit for the last look.
const LAST: Duration = Duration::from_secs(10);
/// How long the end of a drill waits for all last looks.
pub(super) const END: Duration = Duration::from_secs(15);

/// The fields that are read of a pod or node. With ten thousand of them, anything more would be wasted.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Glance {
    metadata: GlanceMeta,
    status: GlanceStatus,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GlanceMeta {
    name: Box<str>,
    uid: Box<str>,
    deletion_timestamp: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GlanceStatus {
    conditions: IsReady,
}

/// Whether one of the conditions says Ready. Nothing of them is kept.
#[derive(Default)]
struct IsReady(bool);

#[derive(Default, Deserialize)]
#[serde(default)]
struct GlanceCondition<'a> {
    #[serde(rename = "type", borrow)]
    type_: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

impl<'de> Deserialize<'de> for IsReady {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = IsReady;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("conditions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut conditions: A) -> Result<IsReady, A::Error> {
                let mut ready = false;
                while let Some(condition) = conditions.next_element::<GlanceCondition<'de>>()? {
                    ready |= condition.type_ == "Ready" && condition.status == "True";
                }
                Ok(IsReady(ready))
            }
        }
        from.deserialize_seq(Reader)
    }
}

impl Glance {
    /// Whether it is Ready, and whether it is Terminating.
    fn now(&self) -> (bool, bool) {
        (self.status.conditions.0, self.metadata.deletion_timestamp.is_some())
    }
}

/// By UID or name: what was found that the watch has not delivered.
type Untold = BTreeMap<String, String>;

/// What is read.
pub(super) enum Subject {
    /// Pods and budgets of a namespace.
    Namespace(String),
    /// Pods of a namespace beside the scope. What counts of them is their state at the end.
    Beside(String),
    /// These nodes: the targets of the drill.
    Nodes(Vec<String>),
}

impl Subject {
    /// Everything that the drill of a plan reads.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let targets: BTreeSet<String> = plan.steps.iter().flat_map(|s| &s.nodes).map(|n| n.name.clone()).collect();
        let targets = (!targets.is_empty()).then(|| Self::Nodes(targets.into_iter().collect()));
        let namespaces = plan.namespaces.iter().cloned().map(Self::Namespace);
        let beside = plan.collateral.iter().filter(|n| !plan.namespaces.contains(n)).cloned().map(Self::Beside);
        targets.into_iter().chain(namespaces).chain(beside).collect()
    }

    /// The name of the watch for it.
    fn what(&self) -> String {
        match self {
            Self::Namespace(namespace) | Self::Beside(namespace) => pods_path(namespace),
            Self::Nodes(_) => NODES.to_owned(),
        }
    }

    /// How many objects a look requests, if they may be thousands.
    fn size(&self, recorder: &Recorder) -> usize {
        match self {
            Self::Namespace(name) | Self::Beside(name) => {
                recorder.with(|state| state.pods.values().filter(|pod| pod.namespace == *name).count())
            }
            Self::Nodes(names) if names.len() > BY_NAME => recorder.with(|state| state.nodes.len()),
            Self::Nodes(_) => 0,
        }
    }

    /// The differences between the API server and the journal; none if the API server does not answer, which other
    /// observers record.
    async fn untold(&self, world: &World, recorder: &Recorder, last: &mut LastList<Glance>) -> Option<Untold> {
        match self {
            Self::Namespace(namespace) => {
                let mut found = untold_pods(world, recorder, namespace, last).await?;
                found.extend(untold_budgets(world, recorder, namespace).await?);
                Some(found)
            }
            Self::Beside(namespace) => untold_pods(world, recorder, namespace, last).await,
            Self::Nodes(names) => untold_nodes(world, recorder, names, last).await,
        }
    }
}

/// Looks until `over`, and then once more. Otherwise, a watch that stalled after the last look would not be noticed.
pub(super) async fn watch(
    world: Arc<World>,
    recorder: Arc<Recorder>,
    subject: Subject,
    // All that wait are woken in the order in which they began: so are a rehearsal's requests.
    over: CancellationToken,
) {
    let mut looker =
        Looker { agreed_us: recorder.now_us(), rests_until_us: 0, last: LastList::default(), world, recorder, subject };
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    if matches!(looker.subject, Subject::Beside(_)) {
        over.cancelled().await;
        // Nothing depends on an earlier state.
        looker.agreed_us = looker.recorder.now_us().saturating_sub(EVERY.as_micros() as u64);
    }
    // The watches must start first.
    tick.tick().await;
    loop {
        let look = async {
            tick.tick().await;
            while looker.rests() {
                tick.tick().await;
            }
            looker.read_again().await
        };
        let found = tokio::select! {
            biased;
            () = over.cancelled() => break,
            found = look => found,
        };
        if let LookResult::Untold(what) = found {
            looker.gap(&format!("the watch does not report that {what}"));
        }
    }
    match tokio::time::timeout(LAST, looker.read_again()).await {
        Ok(LookResult::Agrees) => {}
        Ok(LookResult::Untold(what)) => looker.gap(&format!("the watch does not report that {what}")),
        Ok(LookResult::Unanswered) => looker.gap("the last look at the end was not answered"),
        Err(_) => looker.gap(&format!("the last look at the end took longer than {} s", LAST.as_secs())),
    }
}

/// The result of a look.
enum LookResult {
    /// The journal agrees with the cluster.
    Agrees,
    /// The watch did not deliver this.
    Untold(String),
    /// The API server does not answer.
    Unanswered,
}

struct Looker {
    world: Arc<World>,
    recorder: Arc<Recorder>,
    subject: Subject,
    /// The pods or nodes as they were last read.
    last: LastList<Glance>,
    /// When the last look began that agreed with the journal.
    agreed_us: u64,
    rests_until_us: u64,
}

impl Looker {
    fn rests(&self) -> bool {
        self.recorder.now_us() < self.rests_until_us
    }

    async fn read_again(&mut self) -> LookResult {
        let asked = self.recorder.now_us();
        // The look at the end of a drill is made whatever its size.
        self.rests_until_us = asked + rest_after(self.subject.size(&self.recorder)).as_micros() as u64;
        let Some(first) = self.subject.untold(&self.world, &self.recorder, &mut self.last).await else {
            return LookResult::Unanswered;
        };
        if !first.is_empty() {
            tokio::time::sleep(AGAIN).await;
            let Some(second) = self.subject.untold(&self.world, &self.recorder, &mut self.last).await else {
                return LookResult::Unanswered;
            };
            // The same difference again, still not delivered.
            if let Some((_, found)) = first.into_iter().find(|(key, found)| second.get(key) == Some(found)) {
                return LookResult::Untold(found);
            }
        }
        self.agreed_us = asked;
        LookResult::Agrees
    }

    fn gap(&self, why: &str) {
        let why = told!(self.recorder, "{why}");
        self.recorder.observe(Kind::WatchGap { what: self.subject.what(), from_us: self.agreed_us, why });
    }
}

async fn untold_nodes(
    world: &World,
    recorder: &Recorder,
    names: &[String],
    last: &mut LastList<Glance>,
) -> Option<Untold> {
    let ready = if names.len() > BY_NAME { ready_listed(world, last).await? } else { ready_of(world, names).await? };
    let mut found = Untold::new();
    for name in names {
        let now = ready.contains(name);
        let told = recorder.with(|state| state.nodes.get(name).is_some_and(|view| view.ready == "True"));
        if told != now {
            found.insert(name.clone(), format!("node {name} is {}", if now { "Ready" } else { "not Ready" }));
        }
    }
    Some(found)
}

/// Which of these nodes are Ready, read one by one; none if a request is not answered.
async fn ready_of(world: &World, names: &[String]) -> Option<BTreeSet<String>> {
    let mut ready = BTreeSet::new();
    for name in names {
        match world.kube.get(&format!("{NODES}/{name}")).await {
            Ok(node) if Node::deserialize(&node).ok()?.ready() == "True" => drop(ready.insert(name.clone())),
            Ok(_) => {}
            Err(error) if error.code() == Some(404) => {}
            Err(_) => return None,
        }
    }
    Some(ready)
}

/// Which nodes of the cluster are Ready, with one list.
async fn ready_listed(world: &World, last: &mut LastList<Glance>) -> Option<BTreeSet<String>> {
    let nodes = world.kube.list_again(NODES, last).await.ok()?;
    Some(nodes.iter().filter(|node| node.now().0).map(|node| node.metadata.name.to_string()).collect())
}

async fn untold_pods(
    world: &World,
    recorder: &Recorder,
    namespace: &str,
    last: &mut LastList<Glance>,
) -> Option<Untold> {
    let mut pods = world.kube.list_again(&pods_path(namespace), last).await.ok()?;
    pods.sort_unstable_by(|one, other| one.metadata.uid.cmp(&other.metadata.uid));
    Some(recorder.with(|state| untold(&pods, state, namespace)))
}

async fn untold_budgets(world: &World, recorder: &Recorder, namespace: &str) -> Option<Untold> {
    let budgets: Vec<Budget> = world.kube.list_plain(&budgets_path(namespace)).await.ok()?;
    Some(recorder.with(|state| {
        let mut found = Untold::new();
        for budget in &budgets {
            let key = (namespace.to_owned(), budget.metadata.name.clone());
            let healthy = budget.status.current_healthy;
            if state.budgets.get(&key).is_some_and(|told| told.healthy != healthy) {
                found.insert(budget.metadata.uid.clone(), format!("budget {} has {healthy} healthy pods", key.1));
            }
        }
        found
    }))
}

/// The pods that differ between the journal and a list. Both are sorted by UID, so that each pod is visited once.
fn untold(pods: &[Arc<Glance>], state: &RunState, namespace: &str) -> Untold {
    let mut found = Untold::new();
    let mut known = state.pods.iter().peekable();
    let mut gone = |(uid, view): (&String, &Arc<PodView>)| {
        if view.namespace == namespace {
            found.insert(uid.clone(), format!("pod {} is gone", view.name));
        }
    };
    let mut differs = vec![];
    for pod in pods {
        let uid = &*pod.metadata.uid;
        while let Some(other) = known.next_if(|(other, _)| other.as_str() < uid) {
            gone(other);
        }
        let told = known.next_if(|(other, _)| other.as_str() == uid).map(|(_, view)| (view.ready, view.terminating));
        if told != Some(pod.now()) {
            differs.push(pod);
        }
    }
    known.for_each(gone);
    found.extend(
        differs
            .into_iter()
            .map(|pod| (pod.metadata.uid.to_string(), format!("pod {} {}", pod.metadata.name, words(pod.now())))),
    );
    found
}

fn words((ready, terminating): (bool, bool)) -> &'static str {
    match (ready, terminating) {
        (_, true) => "is Terminating",
        (true, false) => "is Ready",
        (false, false) => "is not Ready",
    }
}
