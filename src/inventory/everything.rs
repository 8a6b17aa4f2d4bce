//! Every object of a namespace, of every kind that the API server knows, and the objects
//! outside of it that belong to it. A kind that cannot be listed is an error: what is
//! not known cannot be called covered.

use serde_json::{Value, json};

use crate::{
    kubernetes::{Live, Objects, Seen},
    world::{ApiError, Kube},
};

/// Kinds in no namespace whose objects may belong to one: group and resource.
pub const BESIDE: [(&str, &str); 6] = [
    ("", "persistentvolumes"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
];
/// As many lists are asked for at a time.
const AT_ONCE: usize = 8;

/// A namespace as it is now and what belongs to it outside, without what `ours` says is the drill's own.
///
/// # Errors
/// A kind cannot be listed.
pub async fn live(kube: &Kube, namespace: &str, ours: impl Fn(&Value) -> bool) -> Result<Live, ApiError> {
    let resources = resources(kube).await?;
    let mut seen = within(kube, namespace, &resources, ours).await?;
    for resource in resources.iter().filter(|r| r.is_beside()) {
        let keep = |object: Value| Seen::beside(&object, namespace);
        seen.extend(kube.list_map(&resource.path(""), keep).await?.0);
    }
    Ok(seen.into_iter().collect())
}

/// The objects of a namespace as it is now.
///
/// # Errors
/// A kind cannot be listed.
pub async fn objects_in(kube: &Kube, namespace: &str) -> Result<Objects, ApiError> {
    let seen = within(kube, namespace, &resources(kube).await?, |_| false).await?;
    Ok(seen.into_iter().collect::<Live>().objects)
}

async fn within(
    kube: &Kube,
    namespace: &str,
    resources: &[Resource],
    ours: impl Fn(&Value) -> bool,
) -> Result<Vec<Seen>, ApiError> {
    let mut seen: Vec<Seen> = itself(kube, namespace).await?.and_then(Seen::within).into_iter().collect();
    let lists: Vec<String> = resources.iter().filter(|r| r.is_content()).map(|r| r.path(namespace)).collect();
    for chunk in lists.chunks(AT_ONCE) {
        let keep = |object: Value| if ours(&object) { None } else { Seen::within(object) };
        let answers = chunk.iter().map(|path| kube.list_map(path, keep));
        for answer in futures_util::future::join_all(answers).await {
            seen.extend(answer?.0);
        }
    }
    Ok(seen)
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

/// A resource of the API server, by its preferred version.
struct Resource {
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    base: String,
    group: String,
    plural: String,
    namespaced: bool,
}

impl Resource {
    /// The path of its list, in a namespace where it is in one.
    fn path(&self, namespace: &str) -> String {
        if self.namespaced {
            format!("{}/namespaces/{namespace}/{}", self.base, self.plural)
        } else {
            format!("{}/{}", self.base, self.plural)
        }
    }

    /// In a namespace. Views of objects that another group lists, and objects that no backup needs, are left out.
    fn is_content(&self) -> bool {
        let view = matches!(
            (self.group.as_str(), self.plural.as_str()),
            ("" | "events.k8s.io", "events")
                | ("", "endpoints" | "bindings")
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

/// What can be listed: of `/api/v1` and the preferred version of every group.
async fn resources(kube: &Kube) -> Result<Vec<Resource>, ApiError> {
    let groups = kube.get("/apis").await?;
    let mut bases = vec![("/api/v1".to_owned(), String::new())];
    for group in groups["groups"].as_array().into_iter().flatten() {
        let name = group["name"].as_str().unwrap_or_default();
        if let Some(version) = group.pointer("/preferredVersion/groupVersion").and_then(Value::as_str) {
            bases.push((format!("/apis/{version}"), name.to_owned()));
        }
    }
    let mut all = vec![];
    for (base, group) in bases {
        let document = kube.get(&base).await?;
        for resource in document["resources"].as_array().into_iter().flatten() {
            let plural = resource["name"].as_str().unwrap_or_default();
            let listable = resource["verbs"].as_array().is_some_and(|v| v.contains(&json!("list")));
            if listable && !plural.contains('/') {
                let namespaced = resource["namespaced"] == true;
                all.push(Resource { base: base.clone(), group: group.clone(), plural: plural.to_owned(), namespaced });
            }
        }
    }
    Ok(all)
}
