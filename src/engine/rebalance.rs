//! Spreads the pods of the drilled application again, at the end of a drill on a cluster of `cluster up`. Kubernetes
//! moves no pod back when a lost zone returns, so the next drill would find another application than the first.
//! docs/design/rebalance.md has the reasons. It only evicts, one pod at a time, so budgets hold; it is not undone, and
//! it changes no verdict: the observers have stopped. Start with [`rebalance`].

use std::time::Duration;

use super::Interrupts;
use crate::{
    event::Kind,
    kubernetes::{
        Uneven, UnevenAround,
        objects::{Claim, Node, Pod, Volume, Workload},
        uneven,
    },
    model::ScopedWorkload,
    steps::{SendError, StepContext},
    told,
    world::{ApiCall, ApiError},
};

/// The time limit for all workloads together.
const LIMIT: Duration = Duration::from_secs(180);
/// How often the cluster is read.
const LOOK: Duration = Duration::from_secs(1);

/// Spreads the workloads that the plan names, if everything that the drill did is undone. A problem is noted, and is
/// not a failure of the drill.
pub(super) async fn rebalance(context: &StepContext, interrupts: &Interrupts) {
    let plan = &context.plan;
    if plan.rebalance.is_empty()
        || interrupts.signals() > 0
        || !context.recorder.with(|s| s.still_open().next().is_none())
    {
        return;
    }
    let deadline_us = context.recorder.now_us() + LIMIT.as_micros() as u64;
    for workload in &plan.rebalance {
        let ended = tokio::select! {
            biased;
            () = interrupts.signalled(1) => return note(context, workload, "was not spread again: interrupted"),
            ended = spread(context, workload, deadline_us) => ended,
        };
        match ended {
            Ok(0) => {}
            Ok(1) => note(context, workload, "was spread again by the eviction of 1 pod"),
            Ok(evicted) => note(context, workload, &format!("was spread again by the eviction of {evicted} pods")),
            Err(why) => note(context, workload, &format!("is not spread as before the drill: {why}")),
        }
    }
}

fn note(context: &StepContext, workload: &ScopedWorkload, what: &str) {
    context.recorder.observe(said(context, workload, None, what));
}

fn said(context: &StepContext, workload: &ScopedWorkload, pod: Option<&Pod>, what: &str) -> Kind {
    Kind::SpreadAgain {
        workload: workload.clone(),
        pod: pod.map(|p| p.metadata.name.clone()).unwrap_or_default(),
        uid: pod.map(|p| p.metadata.uid.clone()).unwrap_or_default(),
        what: told!(context.recorder, "{what}"),
    }
}

/// Evicts one pod after another until the workload is spread. Returns how many.
async fn spread(context: &StepContext, of: &ScopedWorkload, deadline_us: u64) -> Result<u32, String> {
    let mut evicted = 0;
    let mut before = None;
    loop {
        let seen = Seen::of(context, of).await?;
        let Some(Uneven { skew, pod, seen: placed }) = uneven(&seen.workload, seen.around()) else {
            return Ok(evicted);
        };
        let pod = pod.ok_or_else(|| format!("{placed}; the volumes of its pods are bound to their nodes"))?;
        if context.recorder.now_us() >= deadline_us {
            return Err(format!("{placed}; the {} s for all workloads are over", LIMIT.as_secs()));
        }
        // The scheduler decides where the new pod runs. An eviction that did not help twice will not help.
        if before.is_some_and(|(least, tries)| skew >= least && tries >= 2) {
            return Err(format!("{placed}; the scheduler does not spread it"));
        }
        before = Some(match before {
            Some((least, tries)) if skew >= least => (least, tries + 1),
            _ => (skew, 1),
        });
        evict(context, of, (pod, &placed), deadline_us).await?;
        evicted += 1;
        settled(context, of, &pod.metadata.uid, deadline_us).await?;
    }
}

/// Evicts a pod. While a budget refuses, it is tried again.
async fn evict(
    context: &StepContext,
    of: &ScopedWorkload,
    (pod, placed): (&Pod, &str),
    deadline_us: u64,
) -> Result<(), String> {
    let meta = &pod.metadata;
    // Written before the request is sent, so that whoever reads the journal knows who took the pod.
    let intent = format!("is spread {placed}: pod {} is evicted", meta.name);
    context.recorder.record(said(context, of, Some(pod), &intent)).map_err(|error| error.to_string())?;
    let call = ApiCall::evict(&meta.namespace, &meta.name, &meta.uid, false);
    loop {
        match context.send(&call).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if may_be_repeated(&error) && context.recorder.now_us() < deadline_us => {
                tokio::time::sleep(LOOK).await;
            }
            Err(error) => return Err(format!("the eviction of pod {} was refused: {error}", meta.name)),
        }
    }
}

/// Whether the next attempt may get another answer: a budget refuses now, or the server could not be reached.
fn may_be_repeated(error: &SendError) -> bool {
    match error {
        SendError::Api(ApiError::Status { code: 429, .. }) => true,
        SendError::Api(error) => error.is_transient(),
        SendError::NotOurs(_) => false,
    }
}

/// Waits until the pod is gone and the workload has all its pods again.
async fn settled(context: &StepContext, of: &ScopedWorkload, uid: &str, deadline_us: u64) -> Result<(), String> {
    loop {
        tokio::time::sleep(LOOK).await;
        let last = match Seen::of(context, of).await {
            Ok(seen) => {
                let own = |p: &&Pod| p.workload().as_ref() == Some(&of.workload);
                let gone = !seen.pods.iter().any(|p| p.metadata.uid == uid);
                let ready = seen.pods.iter().filter(own).filter(|p| p.counts() && p.is_ready()).count();
                let wanted = seen.workload.wanted() as usize;
                if gone && ready >= wanted {
                    return Ok(());
                }
                format!("{ready} of {wanted} pods are ready")
            }
            Err(why) => why,
        };
        if context.recorder.now_us() >= deadline_us {
            return Err(format!("after {} s, {last}", LIMIT.as_secs()));
        }
    }
}

/// What decides about the spread of a workload, as it is now.
struct Seen {
    workload: Workload,
    pods: Vec<Pod>,
    nodes: Vec<Node>,
    claims: Vec<Claim>,
    volumes: Vec<Volume>,
}

impl Seen {
    async fn of(context: &StepContext, of: &ScopedWorkload) -> Result<Self, String> {
        let kube = &context.world.kube;
        let (namespace, failed) = (&of.namespace, |e: ApiError| e.to_string());
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{}/{}", of.workload.plural(), of.workload.name);
        let found: Option<Workload> = kube.find_as(&path).await.map_err(failed)?;
        let mut workload = found.ok_or_else(|| "it does not exist any more".to_owned())?;
        // A single object of the API server does not always say its kind.
        of.workload.kind.clone_into(&mut workload.kind);
        Ok(Self {
            workload,
            pods: kube.list_as(&format!("/api/v1/namespaces/{namespace}/pods")).await.map_err(failed)?,
            nodes: kube.list_as("/api/v1/nodes").await.map_err(failed)?,
            claims: kube
                .list_as(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"))
                .await
                .map_err(failed)?,
            volumes: kube.list_as("/api/v1/persistentvolumes").await.map_err(failed)?,
        })
    }

    fn around(&self) -> UnevenAround<'_> {
        UnevenAround { pods: &self.pods, nodes: &self.nodes, claims: &self.claims, volumes: &self.volumes }
    }
}
