//! Requests to an API server and its errors, as data. A request can be printed before it is sent, and an error shows
//! what can be done about it.

use std::{fmt, time::Duration};

use http::Method;
use serde_json::{Value, json};

use crate::model::Told;

/// A request that changes something, as data: it is printed before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCall {
    /// POST, PATCH or DELETE.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Content type of a patch.
    pub content_type: &'static str,
    /// Body.
    pub body: Value,
}

impl ApiCall {
    /// Creates an object.
    pub fn create(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, "application/json", body)
    }

    /// Merges fields into an object.
    pub fn merge(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, "application/merge-patch+json", body)
    }

    /// Gives an object this content, whoever else has written to it (server-side apply).
    pub fn apply(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, format!("{}?force=true", path.into()), "application/apply-patch+yaml", body)
    }

    /// Changes an object with a JSON patch, whose `test` operations are preconditions.
    pub fn json_patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, "application/json-patch+json", body)
    }

    /// Deletes the object with this UID, and no other of the same name.
    pub fn delete(path: impl Into<String>, uid: &str, grace: Option<u32>) -> Self {
        let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
        if !uid.is_empty() {
            body["preconditions"] = json!({ "uid": uid });
        }
        if let Some(grace) = grace {
            body["gracePeriodSeconds"] = grace.into();
        }
        Self::new(Method::DELETE, path, "application/json", body)
    }

    /// The same request, but only if the object still has this version.
    pub fn at_version(mut self, version: &str) -> Self {
        self.body["preconditions"]["resourceVersion"] = version.into();
        self
    }

    /// Evicts a pod. The body is written here, because kube 5 sends its options under a wrong key.
    pub fn evict(namespace: &str, pod: &str, uid: &str, dry_run: bool) -> Self {
        let mut options = json!({});
        if !uid.is_empty() {
            options["preconditions"] = json!({ "uid": uid });
        }
        if dry_run {
            options["dryRun"] = json!(["All"]);
        }
        Self::create(
            format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction"),
            json!({"apiVersion": "policy/v1", "kind": "Eviction",
                   "metadata": {"name": pod, "namespace": namespace}, "deleteOptions": options}),
        )
    }

    fn new(method: Method, path: impl Into<String>, content_type: &'static str, body: Value) -> Self {
        Self { method, path: path.into(), content_type, body }
    }
}

impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if self.method != Method::DELETE && !self.body.is_null() {
            write!(f, " {}", self.body)?;
        }
        Ok(())
    }
}

/// Why a request failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// The API server returned an error.
    #[error("{verb} {path}: {code} {reason}: {message}")]
    Status {
        /// HTTP method.
        verb: String,
        /// Path.
        path: String,
        /// HTTP status.
        code: u16,
        /// Its reason.
        reason: String,
        /// Its message.
        message: Told,
        /// The reasons in details.causes, which distinguish a budget's 429 from throttling.
        causes: Vec<String>,
        /// How many seconds the caller should wait.
        retry_after: Option<u64>,
    },
    /// There was no answer: the request may or may not have had an effect.
    #[error("{verb} {path}: no answer within {limit:?}")]
    Timeout {
        /// HTTP method.
        verb: String,
        /// Path.
        path: String,
        /// The time limit.
        limit: Duration,
    },
    /// There was no connection, or it broke.
    #[error("{verb} {path}: {why}")]
    Unreachable {
        /// HTTP method.
        verb: String,
        /// Path.
        path: String,
        /// The reason.
        why: Told,
    },
    /// The answer does not have the form that the API defines.
    #[error("{path}: cannot read the answer: {why}")]
    Strange {
        /// Path.
        path: String,
        /// The reason.
        why: Told,
    },
}

impl ApiError {
    /// The HTTP status, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether a precondition does not hold.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether a permission is missing, or the credentials are no longer valid.
    pub fn is_denied(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// Whether admission or the API server refused the object in this form. Another form of it may be accepted.
    pub fn is_refused_form(&self) -> bool {
        matches!(self.code(), Some(400 | 403 | 422))
    }

    /// Whether a retry may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { code, causes, .. } => {
                matches!(code, 429 | 500 | 502 | 503 | 504) && !causes.iter().any(|c| c == "DisruptionBudget")
            }
            Self::Timeout { .. } | Self::Unreachable { .. } => true,
            Self::Strange { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_form_is_not_a_missing_object_and_no_trouble() {
        let of = |code| ApiError::Status {
            verb: "POST".into(),
            path: String::new(),
            code,
            reason: String::new(),
            message: Told::default(),
            causes: vec![],
            retry_after: None,
        };
        assert!([400, 403, 422].into_iter().all(|code| of(code).is_refused_form()));
        assert!([401, 404, 409, 429, 500, 503].into_iter().all(|code| !of(code).is_refused_form()));
    }
}
