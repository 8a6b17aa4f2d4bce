//! Requests and refusals of an API server as data: a request is printed before it
//! is sent, a refusal is told apart by what may be done about it.

use std::{fmt, time::Duration};

use http::Method;
use serde_json::{Value, json};

use crate::model::Told;

/// One request that changes something, as data: it is printed before it is sent.
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

    /// Merges into an object.
    pub fn merge(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, "application/merge-patch+json", body)
    }

    /// Makes an object so, whoever else has written to it (server-side apply).
    pub fn apply(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, format!("{}?force=true", path.into()), "application/apply-patch+yaml", body)
    }

    /// Patches an object by JSON patch: its `test` operations are preconditions.
    pub fn json_patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, "application/json-patch+json", body)
    }

    /// Deletes exactly the object with that UID (correctness 73).
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

    /// And only if it has not changed since it was seen.
    pub fn at_version(mut self, version: &str) -> Self {
        self.body["preconditions"]["resourceVersion"] = version.into();
        self
    }

    /// Evicts a pod. Written out, because the key that kube 5 sends for its
    /// options is not the API's.
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

/// What went wrong with a request.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// The API server said no.
    #[error("{verb} {path}: {code} {reason}: {message}")]
    Status {
        /// HTTP method.
        verb: String,
        /// Path.
        path: String,
        /// HTTP status.
        code: u16,
        /// Its word for it.
        reason: String,
        /// Its sentence.
        message: Told,
        /// Reasons in details.causes: tells a budget's 429 from throttling.
        causes: Vec<String>,
        /// Seconds that it asks to wait.
        retry_after: Option<u64>,
    },
    /// No answer: the request may or may not have had its effect.
    #[error("{verb} {path}: no answer within {limit:?}")]
    Timeout {
        /// HTTP method.
        verb: String,
        /// Path.
        path: String,
        /// How long we waited.
        limit: Duration,
    },
    /// No connection, or a broken one.
    #[error("{verb} {path}: {why}")]
    Unreachable {
        /// HTTP method.
        verb: String,
        /// Path.
        path: String,
        /// Why.
        why: Told,
    },
    /// An answer that is not what the API promises.
    #[error("{path}: the answer cannot be read: {why}")]
    Strange {
        /// Path.
        path: String,
        /// Why.
        why: Told,
    },
}

impl ApiError {
    /// HTTP status, where there was one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// There is no such object.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The object is not as the precondition says.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// A right is missing, or the credentials are no longer good.
    pub fn is_denied(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// An admission, or the API server itself, refuses an object in the form in which it was
    /// sent: another form may do.
    pub fn is_refused_form(&self) -> bool {
        matches!(self.code(), Some(400 | 403 | 422))
    }

    /// Asking again may help.
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
