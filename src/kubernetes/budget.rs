//! The arithmetic of PodDisruptionBudgets. Budgets apply only to the Eviction API: a node that loses power does not
//! ask them.

use serde_json::Value;

use super::objects::{Budget, BudgetSpec, Pod};

impl Budget {
    /// Whether it applies to this pod: same namespace, matching labels. A budget without a selector applies to no pod,
    /// one with an empty selector to all pods.
    pub fn selects(&self, pod: &Pod) -> bool {
        self.metadata.namespace == pod.metadata.namespace
            && self.spec.selector.as_ref().is_some_and(|s| s.matches(&pod.metadata.labels))
    }
}

/// The budgets that apply to a pod.
pub fn budgets_of<'a>(pod: &Pod, budgets: &'a [Budget]) -> Vec<&'a Budget> {
    budgets.iter().filter(|b| b.selects(pod)).collect()
}

/// How many of the expected pods a budget requires to be healthy. Percentages are rounded up, for both fields. None if
/// the value is neither a number nor a percentage.
pub fn desired_healthy(spec: &BudgetSpec, expected: u64) -> Option<u64> {
    desired_healthy_of(spec.min_available.as_ref(), spec.max_unavailable.as_ref(), expected)
}

/// The same, from the two fields.
pub fn desired_healthy_of(min: Option<&Value>, max: Option<&Value>, expected: u64) -> Option<u64> {
    match (min, max) {
        (Some(min), _) => scaled(min, expected),
        (None, Some(max)) => Some(expected.saturating_sub(scaled(max, expected)?)),
        // With neither field, the API server does not add a default, and the budget allows no eviction.
        (None, None) => Some(expected),
    }
}

fn scaled(value: &Value, expected: u64) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64(),
        Value::String(s) => match s.strip_suffix('%') {
            Some(percent) => Some((percent.parse::<u64>().ok()? * expected).div_ceil(100)),
            None => s.parse().ok(),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn percentages_round_up() {
        assert_eq!(desired_healthy_of(Some(&json!("50%")), None, 7), Some(4));
        assert_eq!(desired_healthy_of(None, Some(&json!("30%")), 7), Some(4));
        assert_eq!(desired_healthy_of(None, Some(&json!(1)), 3), Some(2));
        assert_eq!(desired_healthy_of(Some(&json!(2)), None, 3), Some(2));
        assert_eq!(desired_healthy_of(Some(&json!("two")), None, 3), None);
    }

    #[test]
    fn only_budgets_of_its_namespace_select_a_pod() {
        let budget = |namespace: &str, name: &str, selector: Value| -> Budget {
            let metadata = json!({"name": name, "namespace": namespace});
            serde_json::from_value(json!({"metadata": metadata, "spec": {"selector": selector}})).unwrap()
        };
        let app = |app: &str| json!({"matchLabels": {"app": app}});
        let metadata = json!({"name": "web-1", "namespace": "shop", "labels": {"app": "web"}});
        let pod: Pod = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
        let all = [
            budget("shop", "a", app("web")),
            budget("other", "b", app("web")),
            budget("shop", "c", app("db")),
            budget("shop", "d", Value::Null),
            budget("shop", "e", json!({})),
        ];
        let names: Vec<&str> = budgets_of(&pod, &all).iter().map(|b| b.metadata.name.as_str()).collect();
        assert_eq!(names, ["a", "e"]);
    }

    proptest::proptest! {
        #[test]
        fn never_more_than_expected_for_percentages(percent in 0u64..=100, expected in 0u64..500) {
            let value = json!(format!("{percent}%"));
            proptest::prop_assert!(desired_healthy_of(Some(&value), None, expected).is_some_and(|d| d <= expected));
            proptest::prop_assert!(desired_healthy_of(None, Some(&value), expected).is_some_and(|d| d <= expected));
        }
    }
}
