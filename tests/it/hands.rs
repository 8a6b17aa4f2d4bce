//! The sweep of changes from outside: a person, an autoscaler or a deployment tool acts between any two lines of the
//! journal of a drill. Whatever they do, the undo never gets stuck because of them, their changes stay, "as before" is
//! only said if it is true, and no recovery passes that they may have caused. `DRILL_SEED=n` runs one seed again;
//! tests/nightly runs ten thousand.

use std::collections::{BTreeMap, BTreeSet};

use drillmaster::{
    event::{Event, Kind},
    journal::RunState,
    model::{Exit, Outcome, OutsideChange, OutsideWhat, Revert},
    scenario::Loaded,
    sim::{Description, Simulation},
};
use serde_json::{Value, json};

use super::{
    rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario},
    sweep::{seeds, undisturbed},
    takeover::Chance,
};

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const PODS: &str = "/api/v1/namespaces/shop/pods";
const SETTINGS: &str = "/api/v1/namespaces/shop/configmaps/settings";

/// A change from outside the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Control {
    ScalesDown,
    ScalesUp,
    Autoscales,
    Restarts,
    DeletesPod,
    DeletesWorkload,
    Cordons,
    Uncordons,
    Taints,
    Edits,
    DeletesSettings,
    /// Sets the replicas of web to three, again and again.
    Deploys,
}

const HANDS: [Control; 12] = [
    Control::ScalesDown,
    Control::ScalesUp,
    Control::Autoscales,
    Control::Restarts,
    Control::DeletesPod,
    Control::DeletesWorkload,
    Control::Cordons,
    Control::Uncordons,
    Control::Taints,
    Control::Edits,
    Control::DeletesSettings,
    Control::Deploys,
];

impl Control {
    /// Whether it can make pods of web ready, or keep them ready.
    fn helps_web(self) -> bool {
        matches!(
            self,
            Self::ScalesUp
                | Self::Autoscales
                | Self::Restarts
                | Self::DeletesPod
                | Self::DeletesWorkload
                | Self::Deploys
        )
    }
}

/// Another client of the API server, with its own field manager.
pub struct Client {
    kube: kube::Client,
}

impl Client {
    pub fn of(simulation: &Simulation) -> Self {
        Self { kube: simulation.client() }
    }

    /// Returns the answer; null if the request was refused.
    async fn ask(&self, method: http::Method, path: &str, by: &str, body: Value) -> Value {
        let joint = if path.contains('?') { '&' } else { '?' };
        let uri = if by.is_empty() { path.to_owned() } else { format!("{path}{joint}fieldManager={by}") };
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/merge-patch+json")
            .body(kube::client::Body::from(body.to_string().into_bytes()))
            .unwrap();
        let Ok(answer) = self.kube.send(request).await else { return Value::Null };
        if !answer.status().is_success() {
            return Value::Null;
        }
        use http_body_util::BodyExt;
        let bytes = answer.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(http::Method::GET, path, "", Value::Null).await
    }

    pub async fn patch(&self, path: &str, by: &str, body: Value) -> bool {
        !self.ask(http::Method::PATCH, path, by, body).await.is_null()
    }

    async fn delete(&self, path: &str) -> bool {
        !self.ask(http::Method::DELETE, path, "", json!({})).await.is_null()
    }
}

/// Returns whether the act succeeded.
async fn acts(client: &Client, hand: Control, chance: &mut Chance) -> bool {
    let node = format!("/api/v1/nodes/node-{}-{}", chance.of(&["a", "b", "c"]), chance.below(2));
    let replicas = |n: u32| json!({"spec": {"replicas": n}});
    match hand {
        Control::ScalesDown => client.patch(WEB, "kubectl-scale", replicas(2)).await,
        Control::ScalesUp => client.patch(WEB, "kubectl-scale", replicas(4)).await,
        Control::Autoscales => client.patch(&format!("{WEB}/scale"), "kube-controller-manager", replicas(5)).await,
        Control::Restarts => {
            let at = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
            let body = json!({"spec": {"template": {"metadata": {"annotations": at}}}});
            client.patch(WEB, "kubectl-rollout", body).await
        }
        Control::DeletesPod => {
            let list = client.get(PODS).await;
            let pods = list["items"].as_array().cloned().unwrap_or_default();
            let stays = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
            let mine = |pod: &&Value| pod["metadata"]["name"].as_str().is_some_and(|n| n.starts_with("web-"));
            let Some(pod) = pods.iter().filter(stays).find(mine) else { return false };
            client.delete(&format!("{PODS}/{}", pod["metadata"]["name"].as_str().unwrap())).await
        }
        Control::DeletesWorkload => client.delete(WEB).await,
        Control::Cordons => client.patch(&node, "kubectl-cordon", json!({"spec": {"unschedulable": true}})).await,
        Control::Uncordons => client.patch(&node, "kubectl-uncordon", json!({"spec": {"unschedulable": null}})).await,
        Control::Taints => {
            let now = client.get(&node).await;
            let mut taints = now["spec"]["taints"].as_array().cloned().unwrap_or_default();
            taints.push(json!({"key": "maintenance", "effect": "NoSchedule"}));
            client.patch(&node, "kubectl-taint", json!({"spec": {"taints": taints}})).await
        }
        Control::Edits => client.patch(SETTINGS, "kubectl-edit", json!({"data": {"currency": "USD"}})).await,
        Control::DeletesSettings => client.delete(SETTINGS).await,
        Control::Deploys => {
            for _ in 0..30 {
                client.patch(WEB, "argocd-controller", replicas(3)).await;
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            }
            true
        }
    }
}

/// A drill, and somebody who acts right after one of its lines.
struct Case<'a> {
    name: &'a str,
    loaded: &'a Loaded,
    hand: Control,
    line: u64,
    seed: u64,
}

struct Came {
    ended: Ended,
    /// When it was done, by the clock of the journal. None if it was not done.
    acted: Option<u64>,
    /// What differs from before. Empty if nothing does.
    differs: String,
}

fn run(shop: &Description, case: &Case<'_>) -> Came {
    on_paused_time(async {
        let stage = Rehearsal::set(shop, 1).await;
        let client = Client::of(&stage.simulation);
        let (line, hand, seed) = (case.line, case.hand, case.seed);
        let acted = std::cell::Cell::new(None);
        let ended = stage
            .drill_when(
                case.loaded,
                move |event| event.seq == line,
                async |begun| {
                    let mut chance = Chance::of_seed(seed ^ 0x55);
                    let now = begun.recorder.now_us();
                    if acts(&client, hand, &mut chance).await {
                        acted.set(Some(now));
                    }
                },
            )
            .await;
        // Controllers get the time to finish what they have begun. What differs after that is permanent.
        let differs = stage.as_before().await.err().unwrap_or_default();
        Came { ended, acted: acted.get(), differs }
    })
}

fn check(shop: &Description, case: &Case<'_>, seen: &mut BTreeMap<String, u32>) {
    let Came { ended, acted, differs } = run(shop, case);
    let at = format!("{}, {:?} after line {}, DRILL_SEED={}", case.name, case.hand, case.line, case.seed);
    let words = match ended.events.last().map(|e| &e.event) {
        Some(Kind::RunEnded { detail, .. }) => detail.to_string(),
        other => panic!("{at}: the journal has no end: {other:?}"),
    };
    let exit = ended.exit.unwrap();
    *seen.entry(format!("exit {}", exit.code())).or_default() += 1;
    // The drill must not wait for what others do.
    assert!(!matches!(exit, Exit::Residue | Exit::Left | Exit::Internal), "{at}: exit {exit:?}: {words}");
    let state = RunState::of(&ended.events).unwrap();
    assert!(state.open().is_empty(), "{at}: {:?}", state.open());
    let Some(acted) = acted else { return };
    // After a restore, the namespace contains what the backup contained.
    let restores = state.faults.iter().any(|f| matches!(f.revert, Revert::Restore { .. }));
    // What the drill says about the cluster must be true.
    if words.contains("the cluster is as before") && !restores {
        assert!(differs.is_empty(), "{at}: `{words}`, and {differs}");
    }
    for change in state.outside.iter() {
        *seen.entry(format!("{:?}", change.part())).or_default() += 1;
    }
    if !state.outside.is_empty() {
        *seen.entry("told".into()).or_default() += 1;
    }
    no_false_pass(case, &ended.events, acted, &at);
}

/// The nodes that the drill took away, drained or impaired.
fn targets(events: &[Event]) -> BTreeSet<String> {
    let nodes = events.iter().filter_map(|e| match &e.event {
        Kind::FaultIntended { revert: Revert::NodePower { node, .. } | Revert::Impairment { node, .. }, .. } => {
            Some(node.name.clone())
        }
        _ => None,
    });
    nodes.collect()
}

/// Checks that a recovery of web which passes was complete before somebody acted who may have caused it.
fn no_false_pass(case: &Case<'_>, events: &[Event], acted: u64, at: &str) {
    let state = RunState::of(events).unwrap();
    // The short-lived pods that a drill makes do not count as a fault.
    let disturbing: Vec<_> = state.faults.iter().filter(|f| f.revert.disturbs()).collect();
    let t0 = disturbing.iter().filter_map(|f| f.sent_us).min().unwrap_or(u64::MAX);
    // The judged time ends with the fault of another step, so later changes by others do not matter.
    let first = disturbing.iter().find(|f| f.sent_us == Some(t0)).map(|f| &f.step);
    let next = disturbing.iter().filter(|f| Some(&f.step) != first).filter_map(|f| f.sent_us).min();
    let verdict = events.iter().rev().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements.clone()),
        _ => None,
    });
    let starts = "deployment/web has 3 ready within";
    let Some(judged) = verdict.into_iter().flatten().find(|j| {
        j.expectation.starts_with(starts) && !j.expectation.contains("of the heal") && j.outcome == Outcome::Pass
    }) else {
        return;
    };
    let really =
        state.outside.iter().any(|c| c.seen_us + 1_000_000 >= acted && !matches!(c.what, OutsideWhat::Evicted));
    if !case.hand.helps_web()
        || acted < t0
        || next.is_some_and(|next| acted >= next)
        || acted > state.last_us.saturating_sub(5_000_000)
        || !really
    {
        return;
    }
    let dark = targets(events);
    let (mut ready, mut since, mut fell) = (BTreeSet::new(), None, false);
    for event in events.iter().filter(|e| e.t_us <= acted) {
        match &event.event {
            Kind::PodSeen { pod, .. } if pod.owner == "deployment/web" => {
                if pod.ready && !pod.terminating && !(event.t_us >= t0 && dark.contains(&pod.node)) {
                    ready.insert(pod.uid.clone());
                } else {
                    ready.remove(&pod.uid);
                }
            }
            Kind::PodGone { uid, .. } => {
                ready.remove(uid);
            }
            Kind::FaultApplied { fault, .. } => {
                let node = fault.0.rsplit('/').next().unwrap_or_default();
                let gone: Vec<String> = state.pods.values().filter(|p| p.node == node).map(|p| p.uid.clone()).collect();
                ready.retain(|uid| !gone.contains(uid));
            }
            _ => continue,
        }
        fell |= event.t_us >= t0 && ready.len() < 3;
        since = if ready.len() >= 3 && fell { since.or(Some(event.t_us)) } else { None };
    }
    let own = since.is_some();
    assert!(
        own,
        "{at}: a recovery that others caused passes: {} (acted at {:.1} s, fault at {:.1} s)",
        judged.because,
        acted as f64 / 1e6,
        t0 as f64 / 1e6
    );
}

#[test]
fn others_act_between_any_two_lines() {
    let (seeds, one) = seeds(16);
    let shop = cluster("small-shop");
    let wholes: Vec<(&str, Loaded, Vec<Event>)> = undisturbed().collect();
    for (name, _, whole) in &wholes {
        assert!(RunState::of(whole).unwrap().outside.is_empty(), "{name}: no change from outside happened");
    }
    let mut seen = BTreeMap::new();
    for seed in seeds {
        let mut chance = Chance::of_seed(seed);
        let (name, loaded, whole) = &wholes[seed as usize % wholes.len()];
        // Each act is combined with each scenario in some seed.
        let hand = HANDS[(5 * seed as usize + seed as usize / wholes.len()) % HANDS.len()];
        // Others act only after the drill has looked at everything. At the end, observers stop a moment before the
        // drill does.
        let first = whole.iter().position(|e| matches!(e.event, Kind::Armed { .. })).unwrap();
        let last = whole.iter().rposition(|e| matches!(e.event, Kind::FaultReverted { .. })).unwrap_or(whole.len() - 3);
        let line = whole[first + chance.below(last - first)].seq;
        check(&shop, &Case { name, loaded, hand, line, seed }, &mut seen);
    }
    println!("{seen:?}");
    if !one {
        for wanted in ["exit 0", "exit 4", "told"] {
            assert!(seen.contains_key(wanted), "no seed reached `{wanted}`: the sweep has become too weak: {seen:?}");
        }
    }
}

#[test]
fn a_workload_that_is_deleted_after_a_restore_is_not_waited_for() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let client = Client::of(&stage.simulation);
        let restoring = std::sync::atomic::AtomicBool::new(false);
        let is_back = move |event: &Event| {
            let begins = matches!(&event.event, Kind::StepStarted { step, .. } if step.0 == "brought back");
            restoring.fetch_or(begins, std::sync::atomic::Ordering::SeqCst);
            restoring.load(std::sync::atomic::Ordering::SeqCst)
                && matches!(&event.event, Kind::WorkloadSeen { workload, ready: 3, .. } if workload == "deployment/web")
        };
        let ended = stage.drill_when(&loaded, is_back, async |_| assert!(client.delete(WEB).await)).await;
        let state = RunState::of(&ended.events).unwrap();
        let deleted = |c: &OutsideChange| c.object == "deployment/web" && c.what == OutsideWhat::Deleted;
        assert!(state.outside.iter().any(deleted), "{:?}", state.outside);
        assert!(state.open().is_empty(), "{:?}", state.open());
        // The time limit of the restore itself is half an hour.
        let last = ended.events.last().unwrap();
        assert!(last.t_us < 300_000_000, "{last:?}");
        assert!(!matches!(ended.exit, Some(Exit::Residue | Exit::Passed)), "{:?}", ended.exit);
    });
}
