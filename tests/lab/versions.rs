//! The table of API versions, compared with what a real API server of the same version serves.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::{
    asked::{Asked, Call},
    hollow::Hollow,
};

/// The table: group, version, kind, and the minor versions that introduced, deprecated and removed the kind.
const TABLE: &str = include_str!("../../src/readiness/data/api-versions.tsv");
/// The minor version of the lab's API server.
const MINOR: u32 = 37;

/// An API version, such as `apps/v1`, and a kind.
type ApiKind = (String, String);

/// The kinds of the table that Kubernetes serves in this version: those that are stable, and all.
fn known() -> (BTreeSet<ApiKind>, BTreeSet<ApiKind>) {
    let (mut stable, mut all) = (BTreeSet::new(), BTreeSet::new());
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let api = if fields[0] == "core" { fields[1].to_owned() } else { format!("{}/{}", fields[0], fields[1]) };
        let kind = (api, fields[2].to_owned());
        if fields[5].parse::<u32>().is_ok_and(|removed| removed <= MINOR) {
            continue;
        }
        // The API server serves an alpha or beta version only if a flag says so.
        if !fields[1].contains("alpha") && !fields[1].contains("beta") {
            stable.insert(kind.clone());
        }
        all.insert(kind);
    }
    (stable, all)
}

/// The kinds that the API server serves, without subresources.
fn served(asked: &Asked) -> BTreeSet<ApiKind> {
    let get = |path: String| Call { method: Method::GET, path, kind: "application/json", body: Value::Null };
    let (_, groups) = asked.all(vec![get("/apis".to_owned())]).remove(0);
    let versions = groups["groups"].as_array().unwrap().iter().flat_map(|group| group["versions"].as_array().unwrap());
    let mut apis: Vec<String> = versions.map(|v| v["groupVersion"].as_str().unwrap().to_owned()).collect();
    apis.push("v1".to_owned());
    let path = |api: &String| if api == "v1" { "/api/v1".to_owned() } else { format!("/apis/{api}") };
    let documents = asked.all(apis.iter().map(path).map(get).collect());
    let mut all = BTreeSet::new();
    for (api, (code, document)) in apis.iter().zip(documents) {
        assert_eq!(code, 200, "{api}: {document}");
        let resources = document["resources"].as_array().unwrap().iter();
        let whole = resources.filter(|resource| !resource["name"].as_str().unwrap().contains('/'));
        all.extend(whole.map(|resource| (api.clone(), resource["kind"].as_str().unwrap().to_owned())));
    }
    all
}

#[test]
#[ignore = "needs the hollow lab"]
fn the_api_server_serves_what_the_table_says() {
    let lab = Hollow::bare();
    let served = served(&Asked::of(&lab));
    let (stable, all) = known();
    let unserved: Vec<_> = stable.difference(&served).collect();
    assert!(unserved.is_empty(), "the table says that they are served: {unserved:?}");
    let unknown: Vec<_> = served.difference(&all).collect();
    assert!(unknown.is_empty(), "they are served, and the table does not say so: {unknown:?}");
    eprintln!("{} kinds are served, {} of them in a stable version", served.len(), stable.len());
    assert!(served.len() > 50, "{served:?}");
}
