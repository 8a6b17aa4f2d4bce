//! The pods that read the files of volumes: which ones a step creates, and whether they could run, for the pre-flight.
//! Nothing is created here.

use std::collections::BTreeSet;

use super::Reply;
use crate::{
    kubernetes::{
        Around, Reader,
        objects::{Claim, Node, Volume},
    },
    model::{Capture, Into, Plan, PlannedStep, Verb},
    world::{ApiCall, ApiError, Kube, World},
};

/// Whether the pods that read volumes could run, according to a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadersSeen {
    /// The number of these pods.
    pub count: usize,
    /// What keeps one from running.
    pub wrong: Vec<String>,
}

/// The reader pod of each claim of a namespace, as it would be created now.
///
/// # Errors
/// Claims, pods, volumes or nodes cannot be listed.
pub async fn readers_of(
    kube: &Kube,
    namespace: &str,
    image: &str,
    run: &str,
) -> Result<Vec<(Claim, Reader)>, ApiError> {
    let path = |resource: &str| format!("/api/v1/namespaces/{namespace}/{resource}");
    let claims: Vec<Claim> = kube.list_as(&path("persistentvolumeclaims")).await?;
    if claims.is_empty() {
        return Ok(vec![]);
    }
    let (pods, _) = kube.list(&path("pods")).await?;
    let volumes: Vec<Volume> = kube.list_as("/api/v1/persistentvolumes").await?;
    let nodes: Vec<Node> = kube.list_as("/api/v1/nodes").await?;
    let around = Around { pods: &pods, volumes: &volumes, nodes: &nodes, image, run };
    let reader = |claim: Claim| {
        let reader = Reader::of(&claim, &around);
        (claim, reader)
    };
    Ok(claims.into_iter().map(reader).collect())
}

/// Whether the reader pods of all volumes that a plan reads would be admitted and could run.
pub(super) async fn readers_seen(world: &World, plan: &Plan, run: &str) -> Option<Reply<ReadersSeen>> {
    let image = world.bindings.volumes.reader_image.as_ref()?;
    let namespaces = read_here(&plan.steps);
    if namespaces.is_empty() {
        return None;
    }
    let mut seen = ReadersSeen::default();
    for namespace in namespaces {
        if let Err(why) = try_in(&world.kube, &namespace, (image, run), &mut seen).await {
            return Some(Err(why.to_string()));
        }
    }
    Some(Ok(seen))
}

/// The namespaces whose volumes are read in the first cluster. What is restored into the second cluster is read there,
/// and its namespace does not exist there yet.
fn read_here(steps: &[PlannedStep]) -> BTreeSet<String> {
    let of = |step: &PlannedStep| match step.verb() {
        Some(Verb::Backup(spec)) if spec.volumes != Capture::None => spec.namespaces.clone(),
        Some(Verb::Restore(spec)) if spec.into != Some(Into::Recovery) => spec.namespace.clone().into_iter().collect(),
        _ => vec![],
    };
    steps.iter().flat_map(of).collect()
}

async fn try_in(
    kube: &Kube,
    namespace: &str,
    (image, run): (&str, &str),
    seen: &mut ReadersSeen,
) -> Result<(), ApiError> {
    for (claim, reader) in readers_of(kube, namespace, image, run).await? {
        seen.count += 1;
        seen.wrong.extend(reader.hindrance.clone());
        if let Some(why) = refused(kube, &format!("/api/v1/namespaces/{namespace}/pods"), &reader).await? {
            seen.wrong.push(format!("the reader pod of claim {namespace}/{}: {why}", claim.metadata.name));
        }
    }
    Ok(())
}

/// Why no form of the reader pod is admitted. A dry run applies pod security, quotas and webhooks, and creates
/// nothing.
async fn refused(kube: &Kube, pods: &str, reader: &Reader) -> Result<Option<String>, ApiError> {
    let mut why = None;
    for form in &reader.forms {
        match kube.send(&ApiCall::create(format!("{pods}?dryRun=All"), form.clone())).await {
            Ok(_) => return Ok(None),
            Err(error) if error.is_refused_form() => why = Some(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(verb: &serde_json::Value) -> PlannedStep {
        serde_json::from_value(json!({"name": "s", "step": verb, "class": "observe", "acts": [], "on_stop": ""}))
            .expect("a step")
    }

    #[test]
    fn what_is_read_in_the_second_cluster_is_not_tried_in_the_first() {
        let restore = |into: &str| json!({"restore": {"backup": "b", "namespace": format!("to-{into}"), "into": into}});
        let steps = [
            step(&restore("recovery")),
            step(&restore("scratch")),
            step(&json!({"restore": {"backup": "b", "namespace": "back"}})),
            step(&json!({"backup": {"namespaces": ["saved"], "volumes": "snapshot"}})),
            step(&json!({"backup": {"namespaces": ["unread"], "volumes": "none"}})),
        ];
        let expected = ["back", "saved", "to-scratch"];
        assert_eq!(read_here(&steps).iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}
