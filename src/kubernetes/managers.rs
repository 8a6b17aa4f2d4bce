//! Who wrote a field last, by the API server's own book (`metadata.managedFields`).

use serde_json::Value;

/// Who owns a field, in words that fit behind "changed by". A field that was taken away
/// has no owner any more.
pub fn writer(object: &Value, path: &[&str]) -> String {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let owns = |entry: &&Value| {
        let keys = path.iter().map(|p| format!("f:{p}"));
        keys.fold(entry.get("fieldsV1"), |at, key| at?.get(key.as_str())).is_some()
    };
    let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let Some(last) = entries.filter(owns).max_by_key(|e| text(e, "time")) else { return "somebody else".into() };
    match (text(last, "manager").as_str(), text(last, "subresource").as_str()) {
        ("", _) => "somebody else".into(),
        // The controller manager scales by that subresource for autoscalers only.
        ("kube-controller-manager", "scale") => "an autoscaler".into(),
        (manager, _) => format!("`{manager}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_owner_of_a_field_is_named() {
        let entry = |manager: &str, sub: &str, time: &str, field: &str| {
            json!({"manager": manager, "subresource": sub, "time": time,
                "fieldsV1": {"f:spec": {(format!("f:{field}")): {}}}})
        };
        let object = |entries: Vec<Value>| json!({"metadata": {"managedFields": entries}});
        let two = object(vec![
            entry("kubectl-edit", "", "2026-01-02T00:00:00Z", "replicas"),
            entry("kubectl-apply", "", "2026-01-01T00:00:00Z", "replicas"),
            entry("later", "", "2026-01-03T00:00:00Z", "paused"),
        ]);
        assert_eq!(writer(&two, &["spec", "replicas"]), "`kubectl-edit`");
        let scaled = object(vec![entry("kube-controller-manager", "scale", "2026-01-01T00:00:00Z", "replicas")]);
        assert_eq!(writer(&scaled, &["spec", "replicas"]), "an autoscaler");
        assert_eq!(writer(&json!({}), &["spec", "replicas"]), "somebody else");
    }
}
