//! The client of the API server. Requests are paths and JSON, so the plan shows exactly what will be sent. Retries and
//! time limits are drillmaster's own; those of the kube crate are disabled, because they would retry a budget's 429
//! for minutes. Start with [`Kube`].

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    api::{ApiCall, ApiError},
    watch::WatchLines,
};
use crate::model::{Permission, Raw, Redactor, Told, with_causes};

/// The time limit of a request. A frozen API server accepts connections but never answers.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// The field manager of every change that drillmaster makes.
pub(super) const MANAGER: &str = "drillmaster";

/// A client of one API server.
#[derive(Clone)]
pub struct Kube {
    client: kube::Client,
    redactor: Arc<Redactor>,
    /// None in a simulation, where answers take no memory of their own and turns would change the order of requests.
    turns: Option<Arc<Semaphore>>,
}

impl fmt::Debug for Kube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kube")
    }
}

impl Kube {
    /// Uses any client, real or simulated.
    pub fn new(client: kube::Client) -> Self {
        Self { client, redactor: Arc::default(), turns: None }
    }

    /// Gives at most this many callers of [`Kube::turn`] a turn at the same time.
    pub fn in_turns(self, at_once: usize) -> Self {
        Self { turns: Some(Arc::new(Semaphore::new(at_once))), ..self }
    }

    /// Waits for a turn, which lasts until the result is dropped. For large requests that many tasks make at the same
    /// moment, and that may wait.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.as_ref()?.acquire().await.ok()
    }

    /// Removes the secrets that this redactor knows from what the API server returns.
    pub fn cleaned_by(self, redactor: &Arc<Redactor>) -> Self {
        Self { redactor: Arc::clone(redactor), ..self }
    }

    /// Sends one GET request, with a time limit and without retries.
    pub async fn get_once(&self, path: &str, limit: Duration) -> Result<Value, ApiError> {
        self.request(Method::GET, path, "", None, limit).await
    }

    /// Sends a GET request, and retries it a few times if that may help.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        let bytes = self.get_bytes(path).await?;
        serde_json::from_slice(&bytes).map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })
    }

    pub(super) async fn get_bytes(&self, path: &str) -> Result<Bytes, ApiError> {
        let mut wait = Duration::from_millis(200);
        for _ in 0..3 {
            match self.bytes(Method::GET, path, "", None, LIMIT).await {
                Err(error) if error.is_transient() => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                other => return other,
            }
        }
        self.bytes(Method::GET, path, "", None, LIMIT).await
    }

    /// Sends a GET request. None if the object does not exist.
    pub async fn find(&self, path: &str) -> Result<Option<Value>, ApiError> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the API server reports that it is ready.
    pub async fn ready(&self) -> Result<(), ApiError> {
        self.text("/readyz", LIMIT).await.map(drop)
    }

    /// The time of the API server; none if the answer does not contain it.
    pub async fn date(&self) -> Option<jiff::Timestamp> {
        let request = build(Method::GET, "/version", "", None).ok()?;
        let response = tokio::time::timeout(LIMIT, self.client.send(request)).await.ok()?.ok()?;
        let date = response.headers().get("date")?.to_str().ok()?;
        Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
    }

    /// Reads an object into a type. None if it does not exist.
    pub async fn find_as<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ApiError> {
        match self.get_bytes(path).await {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) }),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a change once. Only an answer that proves that the change had no effect justifies a second attempt; in all
    /// other cases, the caller reads the state again.
    pub async fn send(&self, call: &ApiCall) -> Result<Value, ApiError> {
        let joint = if call.path.contains('?') { '&' } else { '?' };
        let path = if call.method == Method::DELETE {
            call.path.clone()
        } else {
            format!("{}{joint}fieldManager={MANAGER}", call.path)
        };
        let mut tries = 0;
        loop {
            let body = Some(&call.body);
            let answer = self.request(call.method.clone(), &path, call.content_type, body, LIMIT).await;
            match answer.and_then(|body| self.granted(&call.method, &path, body)) {
                Err(ApiError::Status { code: 429, causes, .. })
                    if tries < 4 && !causes.iter().any(|c| c == "DisruptionBudget") =>
                {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(300 * tries)).await;
                }
                other => return other,
            }
        }
    }

    /// Asks the API server whether drillmaster has a permission.
    pub async fn may(&self, permission: &Permission) -> Result<bool, ApiError> {
        let (resource, subresource) = permission.resource.split_once('/').unwrap_or((permission.resource.as_str(), ""));
        let call = ApiCall::create(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {
                    "group": permission.group, "resource": resource, "subresource": subresource,
                    "verb": permission.verb, "namespace": permission.namespace}}}),
        );
        let answer = self.send(&call).await?;
        Ok(answer.pointer("/status/allowed") == Some(&Value::Bool(true)))
    }

    /// Reads a text, such as the log of a pod.
    pub async fn text(&self, path: &str, limit: Duration) -> Result<String, ApiError> {
        let bytes = self.bytes(Method::GET, path, "", None, limit).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Opens a watch from a version. It ends by itself after at most 30 s.
    pub async fn watch(&self, path: &str, version: &str) -> Result<WatchLines, ApiError> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path =
            format!("{path}{joint}watch=true&allowWatchBookmarks=true&timeoutSeconds=30&resourceVersion={version}");
        let request = build(Method::GET, &path, "", None)?;
        let response = tokio::time::timeout(LIMIT, self.client.send(request))
            .await
            .map_err(|_| timeout(&Method::GET, &path, LIMIT))?
            .map_err(|e| self.unreachable(&Method::GET, &path, &e))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(&Method::GET, &path, status.as_u16(), &BTreeMap::new(), b""));
        }
        Ok(WatchLines::new(path, response.into_body()))
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<T, ApiError> {
        let bytes = self.bytes(method, path, content_type, body, limit).await?;
        serde_json::from_slice(&bytes).map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })
    }

    async fn bytes(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Bytes, ApiError> {
        let request = build(method.clone(), path, content_type, body)?;
        let exchange = async {
            let body = self.opened(request, &method, path).await?;
            self.collected(body, &method, path).await
        };
        tokio::time::timeout(limit, exchange).await.map_err(|_| timeout(&method, path, limit))?
    }

    /// Sends a request and returns the body of a successful answer, which has not been read yet.
    pub(super) async fn opened(&self, request: Request<Body>, method: &Method, path: &str) -> Result<Body, ApiError> {
        let response = self.client.send(request).await.map_err(|e| self.unreachable(method, path, &e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let headers: BTreeMap<String, String> = response
            .headers()
            .iter()
            .filter_map(|(k, v)| Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned())))
            .collect();
        let bytes = self.collected(response.into_body(), method, path).await?;
        Err(self.refused(method, path, status.as_u16(), &headers, &bytes))
    }

    async fn collected(&self, body: Body, method: &Method, path: &str) -> Result<Bytes, ApiError> {
        Ok(body.collect().await.map_err(|e| self.unreachable(method, path, &e))?.to_bytes())
    }

    /// Some servers send an error as the body of a successful answer.
    fn granted(&self, method: &Method, path: &str, body: Value) -> Result<Value, ApiError> {
        if body["kind"] != "Status" || body["status"] != "Failure" {
            return Ok(body);
        }
        let code = body["code"].as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 300);
        Err(self.refused(method, path, code.unwrap_or(500), &BTreeMap::new(), body.to_string().as_bytes()))
    }

    fn refused(
        &self,
        method: &Method,
        path: &str,
        code: u16,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> ApiError {
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        ApiError::Status {
            verb: method.to_string(),
            path: path.to_owned(),
            code,
            reason: text("/reason"),
            message: if status.is_object() { Raw::new(text("/message")) } else { Raw::of_bytes(body) }
                .told(&self.redactor),
            causes: status
                .pointer("/details/causes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|c| c.get("reason").and_then(Value::as_str).map(str::to_owned))
                .collect(),
            retry_after: headers
                .get("retry-after")
                .and_then(|v| v.parse().ok())
                .or_else(|| status.pointer("/details/retryAfterSeconds").and_then(Value::as_u64)),
        }
    }

    pub(super) fn unreachable(&self, method: &Method, path: &str, error: &dyn std::error::Error) -> ApiError {
        ApiError::Unreachable {
            verb: method.to_string(),
            path: path.to_owned(),
            why: Raw::new(with_causes(error)).told(&self.redactor),
        }
    }
}

pub(super) fn build(
    method: Method,
    path: &str,
    content_type: &str,
    body: Option<&Value>,
) -> Result<Request<Body>, ApiError> {
    let bytes = body.map_or_else(Vec::new, |b| b.to_string().into_bytes());
    let mut request = Request::builder().method(method).uri(path);
    if body.is_some() {
        request = request.header("content-type", content_type);
    }
    request
        .header("accept", "application/json")
        .body(Body::from(bytes))
        .map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })
}

pub(super) fn shape<T: DeserializeOwned>(path: &str, value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })
}

pub(super) fn timeout(method: &Method, path: &str, limit: Duration) -> ApiError {
    ApiError::Timeout { verb: method.to_string(), path: path.to_owned(), limit }
}

/// Describes an answer that is not JSON, or is JSON of another form. The JSON library quotes values, but not those of
/// Secrets.
pub(super) fn strange(error: &dyn fmt::Display) -> Told {
    Redactor::default().clean(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers everything with 201 and this body.
    fn saying(body: &Value) -> Kube {
        let text = body.to_string();
        let service = tower::service_fn(move |_: Request<Body>| {
            let answer = http::Response::builder().status(201).body(Body::from(text.clone().into_bytes()));
            std::future::ready(answer)
        });
        Kube::new(kube::Client::new(service, "default"))
    }

    #[tokio::test]
    async fn a_refusal_in_the_body_of_a_success_is_a_refusal() {
        let call = ApiCall::evict("shop", "web-1", "u", false);
        let granted = json!({"kind": "Status", "status": "Success", "code": 201});
        assert_eq!(saying(&granted).send(&call).await.unwrap(), granted);
        let mut refused = json!({"kind": "Status", "status": "Failure", "code": 429, "reason": "TooManyRequests",
            "details": {"causes": [{"reason": "DisruptionBudget"}], "retryAfterSeconds": 10}});
        let said = saying(&refused).send(&call).await;
        let Err(ApiError::Status { code: 429, causes, retry_after: Some(10), .. }) = said else { panic!("{said:?}") };
        assert_eq!(causes, ["DisruptionBudget"]);
        refused["code"] = Value::Null;
        assert_eq!(saying(&refused).send(&call).await.unwrap_err().code(), Some(500), "it says no, whatever else");
    }
}
