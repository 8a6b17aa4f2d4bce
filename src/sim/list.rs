//! Lists of the simulated API server: selectors, pages, and the bytes of the answer, written from
//! the objects themselves.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    api::{Call, Target, refuse},
    fields::{self, text},
    state::State,
    store::WINDOW,
};
use crate::kubernetes::Selector;

/// What a request selects by labels.
pub(super) fn selector(call: &Call<'_>) -> Result<Option<Selector>, Value> {
    let parse = |text: &str| Selector::parse(text).map_err(|e| refuse(400, "BadRequest", e));
    call.asks("labelSelector").map(parse).transpose()
}

/// `metadata.name=…`, `spec.nodeName=…`: what the clients of this product use.
fn field_matches(expression: &str, object: &Value) -> bool {
    expression.split(',').all(|term| {
        let (field, value) = term.split_once('=').unwrap_or((term, ""));
        let (field, wanted) = field.strip_suffix('!').map_or((field, true), |f| (f, false));
        let value = value.trim_start_matches('=');
        (text(object, &format!("/{}", field.replace('.', "/"))) == value) == wanted
    })
}

/// The answer to a list, as bytes.
pub(super) fn list(state: &State, call: &Call<'_>, target: &Target) -> Result<Vec<u8>, Value> {
    let selector = selector(call)?;
    let resource = target.resource;
    let all: Box<dyn Iterator<Item = &Arc<Value>>> = match &target.namespace {
        Some(namespace) => Box::new(state.store.within(resource.plural, namespace)),
        None => Box::new(state.store.all(resource.plural)),
    };
    let field = call.asks("fieldSelector");
    let chooses = selector.is_some() || field.is_some();
    let mut chosen = all.filter(|o| {
        selector.as_ref().is_none_or(|s| fields::selects(s, o)) && field.is_none_or(|f| field_matches(f, o))
    });
    let limit: usize = call.asks("limit").and_then(|l| l.parse().ok()).unwrap_or(0);
    let from = match call.asks("continue") {
        None => 0,
        Some(token) => {
            let (version, from) = token.split_once('.').unwrap_or(("", ""));
            let version: u64 = version.parse().map_err(|_| refuse(400, "BadRequest", "continue key is not valid"))?;
            if version + WINDOW < state.store.version() {
                return Err(refuse(410, "Expired", "The provided continue parameter is too old"));
            }
            from.parse().unwrap_or(0)
        }
    };
    let most = if limit == 0 { usize::MAX } else { limit };
    let items: Vec<Item<'_>> = chosen.by_ref().skip(from).take(most).map(|object| Item(object)).collect();
    let to = from + items.len();
    // Where all are chosen, the rest need not be looked at.
    let more = match chooses {
        _ if items.len() < most => 0,
        true => chosen.count(),
        false => state.store.count(resource.plural, target.namespace.as_deref()).saturating_sub(to),
    };
    let mut metadata = json!({"resourceVersion": state.store.version().to_string()});
    if more > 0 {
        metadata["continue"] = format!("{}.{to}", state.store.version()).into();
        metadata["remainingItemCount"] = more.into();
    }
    let kind = format!("{}List", resource.kind);
    let list = List { api_version: resource.api_version(), items, kind, metadata };
    Ok(serde_json::to_vec(&list).unwrap_or_default())
}

/// A list as it goes over the wire, written from the objects themselves.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: String,
    items: Vec<Item<'a>>,
    kind: String,
    metadata: Value,
}

/// Items of a list come without kind and apiVersion.
struct Item<'a>(&'a Value);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.as_object().into_iter().flatten();
        serializer.collect_map(fields.filter(|(key, _)| !matches!(key.as_str(), "kind" | "apiVersion")))
    }
}
