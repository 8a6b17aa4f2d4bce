//! Reads every object of a namespace, of every kind that the API server serves, and the objects outside the namespace
//! that belong to it. A kind that cannot be listed is an error: an object that was not read could be lost without
//! notice.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::{
    kubernetes::{Live, Objects, Seen},
    world::{ApiError, Kube},
};

/// Cluster-scoped kinds whose objects may belong to a namespace: group and resource.
pub const BESIDE: [(&str, &str); 6] = [
    ("", "persistentvolumes"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
];
/// The largest number of requests at the same time.
const AT_ONCE: usize = 8;

/// The current objects of a namespace, and those outside that belong to it. Objects for which `ours` is true belong to
/// the drill and are left out.
///
/// # Errors
/// A kind cannot be listed.
pub async fn live(kube: &Kube, namespace: &str, ours: impl Fn(&Value) -> bool) -> Result<Live, ApiError> {
    live_of(kube, &kinds(kube).await?, namespace, ours).await
}

/// The same, for kinds that are already known.
pub(super) async fn live_of(
    kube: &Kube,
    kinds: &Kinds,
    namespace: &str,
    ours: impl Fn(&Value) -> bool,
) -> Result<Live, ApiError> {
    let lists = kinds.0.iter().filter(|r| r.is_content()).chain(kinds.0.iter().filter(|r| r.is_beside()));
    seen(kube, namespace, lists, ours).await
}

/// The current objects of a namespace.
///
/// # Errors
/// A kind cannot be listed.
pub async fn objects_in(kube: &Kube, namespace: &str) -> Result<Objects, ApiError> {
    let kinds = kinds(kube).await?;
    Ok(seen(kube, namespace, kinds.0.iter().filter(|r| r.is_content()), |_| false).await?.objects)
}

/// The objects of these lists, in the order of the lists.
async fn seen(
    kube: &Kube,
    namespace: &str,
    lists: impl Iterator<Item = &Resource>,
    ours: impl Fn(&Value) -> bool,
) -> Result<Live, ApiError> {
    let mut all: Vec<Seen> = itself(kube, namespace).await?.and_then(Seen::within).into_iter().collect();
    let keep = |resource: &Resource, object: Value| match resource.namespaced {
        true if ours(&object) => None,
        true => Seen::within(object),
        false => Seen::beside(&object, namespace),
    };
    let keep = &keep;
    let asked: Vec<_> = lists
        .map(|resource| async move { kube.list_map(&resource.path(namespace), |object| keep(resource, object)).await })
        .collect();
    let mut answers = stream::iter(asked).buffered(AT_ONCE);
    while let Some((list, _)) = answers.try_next().await? {
        all.extend(list);
    }
    Ok(all.into_iter().collect())
}

/// The Namespace object itself; none if the namespace does not exist.
async fn itself(kube: &Kube, namespace: &str) -> Result<Option<Value>, ApiError> {
    let found = kube.find(&format!("/api/v1/namespaces/{namespace}")).await?;
    Ok(found.map(|mut object| {
        object["kind"] = "Namespace".into();
        object["apiVersion"] = "v1".into();
        object
    }))
}

/// The kinds that can be listed: those of `/api/v1`, and of the preferred version of every group.
pub(super) struct Kinds(Vec<Resource>);

/// A resource of the API server, in its preferred version.
struct Resource {
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    base: String,
    group: String,
    plural: String,
    namespaced: bool,
}

impl Resource {
    /// The path of its list; for a namespaced resource, that of the list in this namespace.
    fn path(&self, namespace: &str) -> String {
        if self.namespaced {
            format!("{}/namespaces/{namespace}/{}", self.base, self.plural)
        } else {
            format!("{}/{}", self.base, self.plural)
        }
    }

    /// Whether it is namespaced content. Views of objects that another group lists are left out, and so are objects
    /// that no backup needs.
    fn is_content(&self) -> bool {
        let view = matches!(
            (self.group.as_str(), self.plural.as_str()),
            ("" | "events.k8s.io", "events")
                | ("", "endpoints")
                | ("discovery.k8s.io", "endpointslices")
                | ("coordination.k8s.io", "leases")
                | ("apps", "controllerrevisions")
                | ("metrics.k8s.io", _)
        );
        self.namespaced && !view
    }

    fn is_beside(&self) -> bool {
        !self.namespaced && BESIDE.contains(&(self.group.as_str(), self.plural.as_str()))
    }
}

/// Asks the API server which kinds can be listed.
pub(super) async fn kinds(kube: &Kube) -> Result<Kinds, ApiError> {
    let groups = kube.get("/apis").await?;
    let mut bases = vec![("/api/v1".to_owned(), String::new())];
    for group in groups["groups"].as_array().into_iter().flatten() {
        let name = group["name"].as_str().unwrap_or_default();
        if let Some(version) = group.pointer("/preferredVersion/groupVersion").and_then(Value::as_str) {
            bases.push((format!("/apis/{version}"), name.to_owned()));
        }
    }
    let asked: Vec<_> = bases.iter().map(|(base, _)| kube.get(base)).collect();
    let documents: Vec<Value> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    let mut all = vec![];
    for ((base, group), document) in bases.iter().zip(&documents) {
        for resource in document["resources"].as_array().into_iter().flatten() {
            let plural = resource["name"].as_str().unwrap_or_default();
            let listable = resource["verbs"].as_array().is_some_and(|v| v.contains(&json!("list")));
            if listable && !plural.contains('/') {
                let namespaced = resource["namespaced"] == true;
                all.push(Resource { base: base.clone(), group: group.clone(), plural: plural.to_owned(), namespaced });
            }
        }
    }
    Ok(Kinds(all))
}
