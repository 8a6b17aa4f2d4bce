//! Two controllers that many clusters have, in their simplest form: an autoscaler, which scales a workload between two
//! bounds, and a GitOps controller, which reverts changes of objects. Their requests are sent by `objects`. Read
//! [`autoscale`] and [`put_back`] first.

use super::{
    super::value::{Map, Value, json},
    Autoscaler, GitOps, objects,
    objects::ApiPath,
};
use crate::sim::{
    fields::{self, number},
    state::State,
};

/// The field manager of autoscalers. The controller manager scales by the subresource `scale` for autoscalers only.
const MANAGER: &str = "kube-controller-manager";
const ARGO: &str = "argocd-controller";

/// The fields that say what an object should be.
const CONTENT: [&str; 2] = ["spec", "data"];

/// Adds one replica. At the upper bound, goes down to the lower bound.
pub(super) fn autoscale(state: &mut State, it: &Autoscaler) {
    let Some(place) = ApiPath::of(&it.workload, &it.namespace) else { return };
    let Some(now) = place.find(state).map(|w| number(w, "/spec/replicas")) else { return };
    let (min, max) = (i64::from(it.min), i64::from(it.max));
    let wanted = if now >= max { min } else { (now + 1).max(min) };
    let _ = objects::merge(state, &place, &json!({"spec": {"replicas": wanted}}), MANAGER, "scale");
}

/// Remembers the present objects as those that the controller wants.
pub(super) fn remember(state: &mut State, entry: usize, it: &GitOps) {
    let places = it.objects.iter().filter_map(|o| Some((o.clone(), ApiPath::of(o, &it.namespace)?)));
    let wanted = places.filter_map(|(word, place)| Some((word, Value::clone(place.find(state)?)))).collect::<Map>();
    state.script.before.insert(entry, wanted.into());
}

fn is_wanted(now: &Value, wanted: &Value) -> bool {
    CONTENT.iter().all(|field| now.get(field) == wanted.get(field))
}

/// Reverts everything that differs from the remembered objects.
pub(super) fn put_back(state: &mut State, entry: usize, it: &GitOps) {
    let by = it.by.as_deref().unwrap_or(ARGO);
    let wanted = state.script.before.get(&entry).cloned().unwrap_or_default();
    for (word, wanted) in wanted.as_object().into_iter().flatten() {
        let Some(place) = ApiPath::of(word, &it.namespace) else { continue };
        let _ = match place.find(state).cloned() {
            None => objects::make(state, &place, wanted, by),
            Some(now) if fields::is_terminating(&now) || is_wanted(&now, wanted) => continue,
            Some(now) => {
                let patch = CONTENT.map(|field| (field, difference(&now[field], &wanted[field])));
                let patch = patch.into_iter().filter(|(_, part)| part.is_object()).collect::<Map>().into();
                objects::merge(state, &place, &patch, by, "").map(drop)
            }
        };
    }
}

/// Returns the merge patch that changes one value into another.
fn difference(now: &Value, wanted: &Value) -> Value {
    let (Some(old), Some(new)) = (now.as_object(), wanted.as_object()) else { return wanted.clone() };
    let gone = old.keys().filter(|key| !new.contains_key(key)).map(|key| (key.clone(), Value::Null));
    let other = new.iter().filter(|(key, value)| old.get(key) != Some(*value));
    let other = other.map(|(key, value)| (key.clone(), difference(&now[key.as_str()], value)));
    gone.chain(other).collect::<Map>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_makes_one_of_the_other() {
        let now = json!({"replicas": 1, "more": true, "template": {"a": 1, "b": 2}});
        let wanted = json!({"replicas": 3, "template": {"a": 1, "b": {"c": 3}}});
        let patch = difference(&now, &wanted);
        assert_eq!(patch, json!({"replicas": 3, "more": null, "template": {"b": {"c": 3}}}));
        let mut object = now;
        object.merge(&patch);
        assert_eq!(object, wanted);
    }
}
