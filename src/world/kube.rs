//! The client of the API server. Requests are paths and JSON, so the plan shows exactly what will be sent. Retries and
//! time limits are drillmaster's own; those of the kube crate are disabled, because they would retry a budget's 429
//! for minutes. Start with [`Kube`].

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    api::{ApiCall, ApiError},
    page::{self, Page},
    watch::WatchLines,
};
use crate::model::{Permission, Raw, Redactor, Told};

/// The time limit of a request. A frozen API server accepts connections but never answers.
const LIMIT: Duration = Duration::from_secs(10);
/// The time limit for a page of a list, which may have many megabytes.
const LIST_LIMIT: Duration = Duration::from_secs(30);
/// How many objects a page of a list contains.
const PAGE: u32 = 500;
/// The field manager of every change that drillmaster makes.
pub(super) const MANAGER: &str = "drillmaster";

/// A client of one API server.
#[derive(Clone)]
pub struct Kube {
    client: kube::Client,
    redactor: Arc<Redactor>,
}

impl fmt::Debug for Kube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kube")
    }
}

impl Kube {
    /// Uses any client, real or simulated.
    pub fn new(client: kube::Client) -> Self {
        Self { client, redactor: Arc::default() }
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

    async fn get_bytes(&self, path: &str) -> Result<Bytes, ApiError> {
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
        self.find(path).await?.map(|value| shape(path, value)).transpose()
    }

    /// Reads a complete list page by page. Returns its items, and the version from which to watch.
    pub async fn list(&self, path: &str) -> Result<(Vec<Value>, String), ApiError> {
        self.list_map(path, Some).await
    }

    /// Reads a complete list and converts each item, so that a list of large objects is never in memory as a whole.
    pub async fn list_map<T>(
        &self,
        path: &str,
        keep: impl Fn(Value) -> Option<T>,
    ) -> Result<(Vec<T>, String), ApiError> {
        self.pages(path, |bytes, items| {
            let page = page::read(bytes, &mut |page, mut item| {
                // The items of a list do not contain their kind. Those of custom resources do, and the list itself may
                // have any kind.
                if item.is_object() && item["kind"].as_str().is_none_or(str::is_empty) {
                    item["kind"] = page.kind.strip_suffix("List").unwrap_or("").into();
                    item["apiVersion"] = page.api.as_str().into();
                }
                items.extend(keep(item));
            })?;
            Ok((page.next, page.version))
        })
        .await
    }

    /// Reads a complete list into a type. Each item is converted when its page arrives: ten thousand pods would need
    /// half a gigabyte otherwise.
    pub async fn list_as<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        let (items, _) = self.list_map(path, |item| Some(shape(path, item))).await?;
        items.into_iter().collect()
    }

    /// The same for types that do not need the kind of an item, which are parsed directly. Used for lists that
    /// observers read again and again.
    pub async fn list_plain<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        self.list_plain_map(path, |item| item).await
    }

    /// The same, and converts each item when its page arrives.
    pub async fn list_plain_map<T: DeserializeOwned, U>(
        &self,
        path: &str,
        mut keep: impl FnMut(T) -> U,
    ) -> Result<Vec<U>, ApiError> {
        let take = |bytes: &[u8], items: &mut Vec<U>| {
            let page: Typed<T> = serde_json::from_slice(bytes)?;
            items.extend(page.items.into_iter().flatten().map(&mut keep));
            Ok((page.metadata.next, page.metadata.resource_version))
        };
        Ok(self.pages(path, take).await?.0)
    }

    /// Reads one page after another. Returns what `take` collects from them, and the version of the last page. `take`
    /// returns where the list continues, and its version.
    async fn pages<T>(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8], &mut Vec<T>) -> Result<(String, String), serde_json::Error>,
    ) -> Result<(Vec<T>, String), ApiError> {
        let mut items = vec![];
        let mut next = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let token = if next.is_empty() { String::new() } else { format!("&continue={next}") };
            let page = match self.get_bytes(&format!("{path}{joint}limit={PAGE}{token}")).await {
                // The continue token expired (410): start again.
                Err(ApiError::Status { code: 410, .. }) if !next.is_empty() => {
                    items.clear();
                    next.clear();
                    continue;
                }
                other => other?,
            };
            let (goes_on, version) =
                take(&page, &mut items).map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })?;
            if goes_on.is_empty() {
                return Ok((items, version));
            }
            next = goes_on;
        }
    }

    /// Reads one page of a list with this Accept header, and passes each item on. Returns the rest of the page, and its
    /// length. Items may have been passed on before an error.
    pub async fn page(
        &self,
        path: &str,
        token: &str,
        accept: &str,
        mut each: impl FnMut(Value),
    ) -> Result<(Page, usize), ApiError> {
        let token = if token.is_empty() { String::new() } else { format!("&continue={token}") };
        let address = format!("{path}?limit={PAGE}{token}");
        let mut wait = Duration::from_millis(200);
        for attempt in 0.. {
            let request = build(Method::GET, &address, "", None)?;
            match self.exchange(with_accept(request, accept), &Method::GET, &address, LIST_LIMIT).await {
                Err(error) if error.is_transient() && attempt < 3 => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => return Err(error),
                Ok(bytes) => {
                    let size = bytes.len();
                    let strange = |e: serde_json::Error| ApiError::Strange { path: path.to_owned(), why: strange(&e) };
                    return Ok((page::read(&bytes, &mut |_, item| each(item)).map_err(strange)?, size));
                }
            }
        }
        Err(timeout(&Method::GET, path, LIST_LIMIT))
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
        self.exchange(request, &method, path, limit).await
    }

    async fn exchange(
        &self,
        request: Request<Body>,
        method: &Method,
        path: &str,
        limit: Duration,
    ) -> Result<Bytes, ApiError> {
        let exchange = async {
            let response = self.client.send(request).await.map_err(|e| self.unreachable(method, path, &e))?;
            let status = response.status();
            let headers: BTreeMap<String, String> = response
                .headers()
                .iter()
                .filter_map(|(k, v)| Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned())))
                .collect();
            let bytes =
                response.into_body().collect().await.map_err(|e| self.unreachable(method, path, &e))?.to_bytes();
            if status.is_success() {
                Ok(bytes)
            } else {
                Err(self.refused(method, path, status.as_u16(), &headers, &bytes))
            }
        };
        tokio::time::timeout(limit, exchange).await.map_err(|_| timeout(method, path, limit))?
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

    fn unreachable(&self, method: &Method, path: &str, error: &dyn std::error::Error) -> ApiError {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            source = cause.source();
        }
        ApiError::Unreachable {
            verb: method.to_string(),
            path: path.to_owned(),
            why: Raw::new(why).told(&self.redactor),
        }
    }
}

/// A page of a list, read into a type.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Typed<T> {
    #[serde(default)]
    items: Option<Vec<T>>,
    #[serde(default)]
    metadata: PageMeta,
}

/// How a list continues, and its version.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMeta {
    #[serde(rename = "continue")]
    next: String,
    resource_version: String,
}

fn build(method: Method, path: &str, content_type: &str, body: Option<&Value>) -> Result<Request<Body>, ApiError> {
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

fn with_accept(mut request: Request<Body>, accept: &str) -> Request<Body> {
    if let Ok(value) = accept.parse() {
        request.headers_mut().insert("accept", value);
    }
    request
}

fn shape<T: DeserializeOwned>(path: &str, value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })
}

fn timeout(method: &Method, path: &str, limit: Duration) -> ApiError {
    ApiError::Timeout { verb: method.to_string(), path: path.to_owned(), limit }
}

/// Describes an answer that is not JSON, or is JSON of another form. The JSON library quotes values, but not those of
/// Secrets.
fn strange(error: &dyn fmt::Display) -> Told {
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
