//! Which of many selectors select one of many objects. A large cluster has hundreds of budgets and Services, and a
//! hundred thousand pods may change in one instant. Read [`that_select`] first.

use std::collections::BTreeMap;

use crate::{
    kubernetes::Selector,
    sim::{fields, value::Value},
};

/// For each selector, whether it selects at least one of the objects. An object is compared only with the selectors
/// that ask for one of its labels.
pub(super) fn that_select<'o>(selectors: &[&Selector], objects: impl Iterator<Item = &'o Value>) -> Vec<bool> {
    let mut by_label: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    let mut without_label = vec![];
    for (at, selector) in selectors.iter().enumerate() {
        match selector.match_labels.first_key_value() {
            Some((label, value)) => by_label.entry((label, value)).or_default().push(at),
            None => without_label.push(at),
        }
    }
    let mut selects = vec![false; selectors.len()];
    for object in objects {
        let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
        let near = labels.filter_map(|(label, value)| by_label.get(&(label.as_str(), value.as_str()?)));
        for at in near.flatten().chain(&without_label) {
            selects[*at] = selects[*at] || fields::selects(selectors[*at], object);
        }
    }
    selects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::value::json;

    #[test]
    fn each_selector_is_compared_with_the_objects_that_it_may_select() {
        let read = |selector: serde_json::Value| serde_json::from_value::<Selector>(selector).expect("a selector");
        let of = |labels: serde_json::Value| json!({"metadata": {"labels": labels}});
        let objects = [of(serde_json::json!({"app": "web", "tier": "front"})), of(serde_json::json!({"app": "api"}))];
        let expression =
            |operator: &str| serde_json::json!({"matchExpressions": [{"key": "tier", "operator": operator}]});
        let cases = [
            (serde_json::json!({"matchLabels": {"app": "web", "tier": "front"}}), true),
            (serde_json::json!({"matchLabels": {"app": "api", "tier": "front"}}), false),
            (serde_json::json!({"matchLabels": {"app": "other"}}), false),
            (serde_json::json!({}), true),
            (expression("Exists"), true),
            (expression("Strange"), false),
        ];
        let selectors: Vec<Selector> = cases.iter().map(|(selector, _)| read(selector.clone())).collect();
        let selectors: Vec<&Selector> = selectors.iter().collect();
        let wanted: Vec<bool> = cases.iter().map(|(_, wanted)| *wanted).collect();
        assert_eq!(that_select(&selectors, objects.iter()), wanted);
        assert_eq!(that_select(&selectors, [].into_iter()), vec![false; cases.len()]);
    }
}
