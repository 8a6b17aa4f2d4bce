//! Lists of the simulated API server: selectors, pages, and the bytes of the answer. Read [`list`] first.

use super::{
    api::{Call, Target, refuse},
    fields::{self, text},
    state::State,
    store::{StoredObject, WINDOW},
    value::{Value, json},
};
use crate::kubernetes::Selector;

/// Parses the label selector of a request.
pub(super) fn selector(call: &Call<'_>) -> Result<Option<Selector>, Value> {
    let parse = |text: &str| Selector::parse(text).map_err(|e| refuse(400, "BadRequest", e));
    call.asks("labelSelector").map(parse).transpose()
}

/// Matches `metadata.name=…` and `spec.nodeName=…`: the field selectors that drillmaster uses.
fn field_matches(expression: &str, object: &Value) -> bool {
    expression.split(',').all(|term| {
        let (field, value) = term.split_once('=').unwrap_or((term, ""));
        let (field, wanted) = field.strip_suffix('!').map_or((field, true), |f| (f, false));
        let value = value.trim_start_matches('=');
        (text(object, &format!("/{}", field.replace('.', "/"))) == value) == wanted
    })
}

/// Returns the answer to a list request, as bytes.
pub(super) fn list(state: &State, call: &Call<'_>, target: &Target) -> Result<Vec<u8>, Value> {
    let selector = selector(call)?;
    let resource = target.resource;
    let all = state.store.kept(resource.plural, target.namespace.as_deref());
    let field = call.asks("fieldSelector");
    let chooses = selector.is_some() || field.is_some();
    let mut chosen = all.filter(|kept| {
        let object = &kept.object;
        selector.as_ref().is_none_or(|s| fields::selects(s, object)) && field.is_none_or(|f| field_matches(f, object))
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
    let items: Vec<&StoredObject> = chosen.by_ref().skip(from).take(most).collect();
    let to = from + items.len();
    // Without a selector, the store knows the number of the remaining objects without visiting them.
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
    Ok(written(&resource.api_version(), &kind, &metadata, &items))
}

/// Builds the bytes of a list. The bytes of each object are kept with the object.
fn written(api_version: &str, kind: &str, metadata: &Value, items: &[&StoredObject]) -> Vec<u8> {
    let length: usize = items.iter().map(|kept| kept.written().len() + 1).sum();
    let head = format!("{{\"apiVersion\":\"{api_version}\",\"items\":[");
    let tail = format!("],\"kind\":\"{kind}\",\"metadata\":{metadata}}}");
    let mut list = Vec::with_capacity(head.len() + length + tail.len());
    list.extend_from_slice(head.as_bytes());
    for (at, kept) in items.iter().enumerate() {
        if at > 0 {
            list.push(b',');
        }
        list.extend_from_slice(kept.written());
    }
    list.extend_from_slice(tail.as_bytes());
    list
}
