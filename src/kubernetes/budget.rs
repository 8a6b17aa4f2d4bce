//! The arithmetic of PodDisruptionBudgets. They bind the Eviction API only: a
//! node that dies asks nobody (correctness 1).

use serde_json::Value;

use super::objects::BudgetSpec;

/// How many healthy pods a budget asks for, of so many expected. Percentages
/// round up, both ways (correctness 6). None when the value is neither form.
pub fn desired_healthy(spec: &BudgetSpec, expected: u64) -> Option<u64> {
    desired_healthy_of(spec.min_available.as_ref(), spec.max_unavailable.as_ref(), expected)
}

/// The same from the two fields.
pub fn desired_healthy_of(min: Option<&Value>, max: Option<&Value>, expected: u64) -> Option<u64> {
    match (min, max) {
        (Some(min), _) => scaled(min, expected),
        (None, Some(max)) => Some(expected.saturating_sub(scaled(max, expected)?)),
        // With neither, the API server fills in nothing and the budget allows none.
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

    proptest::proptest! {
        #[test]
        fn never_more_than_expected_for_percentages(percent in 0u64..=100, expected in 0u64..500) {
            let value = json!(format!("{percent}%"));
            proptest::prop_assert!(desired_healthy_of(Some(&value), None, expected).is_some_and(|d| d <= expected));
            proptest::prop_assert!(desired_healthy_of(None, Some(&value), expected).is_some_and(|d| d <= expected));
        }
    }
}
