//! Taints and tolerations.

use super::objects::{Taint, Toleration};

/// The taint of an unreachable node.
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// How long a pod stays on a node with a NoExecute taint of `key`: none is forever, zero is not at all. If several
/// tolerations match, the shortest time counts.
pub fn toleration_seconds(tolerations: &[Toleration], key: &str) -> Option<u64> {
    let taint = Taint { key: key.to_owned(), effect: "NoExecute".to_owned(), ..Taint::default() };
    let mut matching = tolerations.iter().filter(|t| tolerates(t, &taint)).peekable();
    if matching.peek().is_none() {
        return Some(0);
    }
    matching.filter_map(|t| t.toleration_seconds).min().map(|s| u64::try_from(s).unwrap_or(0))
}

/// Whether a toleration tolerates a taint.
pub(super) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
    let key = toleration.key.is_empty() || toleration.key == taint.key;
    let value = match toleration.operator.as_str() {
        "Exists" => true,
        "" | "Equal" => !toleration.key.is_empty() && toleration.value == taint.value,
        _ => false,
    };
    effect && key && value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exists(key: &str, seconds: Option<i64>) -> Toleration {
        Toleration {
            key: key.into(),
            operator: "Exists".into(),
            effect: "NoExecute".into(),
            toleration_seconds: seconds,
            ..Toleration::default()
        }
    }

    #[test]
    fn no_toleration_leaves_at_once_and_no_seconds_stays_for_ever() {
        assert_eq!(toleration_seconds(&[], UNREACHABLE), Some(0));
        assert_eq!(toleration_seconds(&[exists(UNREACHABLE, Some(300))], UNREACHABLE), Some(300));
        assert_eq!(toleration_seconds(&[exists("", None)], UNREACHABLE), None);
        assert_eq!(toleration_seconds(&[exists("other", Some(5))], UNREACHABLE), Some(0));
    }
}
