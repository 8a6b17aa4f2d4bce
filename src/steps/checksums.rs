//! Reads the files of a namespace's volumes: a short-lived pod for each claim,
//! on the node that uses it, mounts it read-only and prints checksums. Velero
//! leaves these pods out of its backups. Where the place names no image for
//! them, volumes cannot be read, and nothing is claimed about them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Look, StepContext, StepError};
use crate::{
    kubernetes::objects::{Claim, Node, Pod},
    model::Checksums,
    world::ApiCall,
};

/// Enough for a drill's sample; a terabyte is not read in a drill.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) async fn read(context: &StepContext, namespace: &str) -> Result<Checksums, StepError> {
    let kube = &context.world.kube;
    let claims: Vec<Claim> = kube
        .list_as(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"))
        .await
        .map_err(StepError::failed)?;
    let pods = super::pods::pods_of(context, namespace).await?;
    let mut readers = vec![];
    for claim in claims {
        let name = claim.metadata.name;
        let user = pods.iter().find(|p| !p.is_finished() && p.claims().contains(&name.as_str()));
        readers.push(read_claim(context, namespace, name, user));
    }
    let mut all = Checksums::new();
    for done in futures_util::future::join_all(readers).await {
        let (claim, files) = done?;
        all.insert(claim, files);
    }
    Ok(all)
}

async fn read_claim(
    context: &StepContext,
    namespace: &str,
    claim: String,
    user: Option<&Pod>,
) -> Result<(String, BTreeMap<String, String>), StepError> {
    let kube = &context.world.kube;
    let image = context.world.bindings.volumes.reader_image.clone().unwrap_or_default();
    let hostname = match user {
        Some(pod) => hostname(context, &pod.spec.node_name).await,
        None => None,
    };
    // By a hash: two long names of claims may begin alike.
    let hash: String =
        Sha256::digest(format!("{} {claim}", context.run)).iter().take(6).map(|b| format!("{b:02x}")).collect();
    let name = format!("drill-read-{hash}");
    let base = format!("/api/v1/namespaces/{namespace}/pods");
    let path = format!("{base}/{name}");
    remove(context, &path).await?;
    let made = context.send(&ApiCall::create(&base, reader(&name, &claim, &image, hostname, &context.run))).await;
    made.map_err(|e| StepError::Failed(format!("volume {claim} cannot be read: {e}")))?;
    let read = context
        .until(LIMIT, &format!("the checksums of volume {claim}"), async || match kube.find_as::<Pod>(&path).await {
            Ok(Some(pod)) if pod.is_finished() => Look::Done(pod.status.phase),
            Ok(Some(pod)) => Look::NotYet(format!("reader pod {}", pod.status.phase)),
            Ok(None) => Look::NotYet("reader pod is gone".into()),
            Err(error) => Look::NotYet(error.to_string()),
        })
        .await;
    let log = kube.text(&format!("{path}/log"), Duration::from_secs(30)).await;
    remove(context, &path).await?;
    let phase = read?;
    let log = log.map_err(StepError::failed)?;
    if phase != "Succeeded" || !log.ends_with("end\n") {
        return Err(StepError::Failed(format!("volume {claim} cannot be read: the reader pod ended {phase}: {log}")));
    }
    Ok((claim, parse(&log)))
}

/// `HASH  PATH` a line; the last line says that nothing was cut off.
fn parse(log: &str) -> BTreeMap<String, String> {
    log.lines()
        .filter_map(|line| line.split_once("  "))
        // Velero's own marks of a restore: it removes them with the next one.
        .filter(|(_, file)| !file.starts_with("./.velero/"))
        .map(|(hash, file)| (file.to_owned(), hash.to_owned()))
        .collect()
}

async fn hostname(context: &StepContext, node: &str) -> Option<String> {
    let node: Node = context.world.kube.find_as(&format!("/api/v1/nodes/{node}")).await.ok()??;
    node.metadata.labels.get("kubernetes.io/hostname").cloned()
}

fn reader(name: &str, claim: &str, image: &str, hostname: Option<String>, run: &str) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {
            "app.kubernetes.io/managed-by": "drillmaster", "drillmaster.dev/run": run,
            "velero.io/exclude-from-backup": "true"}},
        "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": LIMIT.as_secs(),
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "read", "image": image, "imagePullPolicy": "IfNotPresent",
                // The path is fixed: no name of a claim or a file becomes part of a command.
                "command": ["sh", "-c", "cd /volume && find . -type f -exec sha256sum {} + && echo end"],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                "volumeMounts": [{"name": "volume", "mountPath": "/volume", "readOnly": true}]}],
            "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}]}});
    if let Some(hostname) = hostname {
        pod["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": hostname});
    }
    pod
}

async fn remove(context: &StepContext, path: &str) -> Result<(), StepError> {
    let kube = &context.world.kube;
    match context.send(&ApiCall::delete(path, "", Some(0))).await {
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?,
    };
    context
        .until(Duration::from_secs(30), "a reader pod to be gone", async || match kube.find(path).await {
            Ok(None) => Look::Done(()),
            Ok(Some(_)) => Look::NotYet("still there".into()),
            Err(error) => Look::NotYet(error.to_string()),
        })
        .await
}
