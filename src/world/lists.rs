//! Reads lists from the API server, page by page, and each page item by item.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    ApiError, Kube,
    kube::{LIMIT, build, shape, strange, timeout},
    page::{self, Page},
    pieces::Pieces,
};

/// The time limit for a page of a list, which may have many megabytes.
const LIST_LIMIT: Duration = Duration::from_secs(30);
/// How many objects a page of a list contains.
const PAGE: u32 = 500;
/// How often a request is repeated if that may help.
const REPEATS: u32 = 3;
/// How often a list is read again from its beginning.
const RESTARTS: u32 = 3;

/// Where the reading of a list continues.
#[derive(Debug, Default)]
pub(super) struct Position {
    /// Empty at the beginning of the list.
    pub next: String,
    restarts: u32,
}

impl Position {
    /// The address of the next page.
    pub fn address(&self, path: &str) -> String {
        address(path, &self.next)
    }

    /// Goes back to the beginning of the list if its continue token expired (410). Whether it did.
    pub fn goes_back(&mut self, error: &ApiError) -> bool {
        let expired = matches!(error, ApiError::Status { code: 410, .. }) && !self.next.is_empty();
        if !expired || self.restarts == RESTARTS {
            return false;
        }
        self.next.clear();
        self.restarts += 1;
        true
    }
}

fn address(path: &str, next: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    let token = if next.is_empty() { String::new() } else { format!("&continue={next}") };
    format!("{path}{joint}limit={PAGE}{token}")
}

impl Kube {
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
        self.pages(path, |page, mut item: Value| {
            // The items of a list do not contain their kind. Those of custom resources do, and the list itself may
            // have any kind.
            if item.is_object() && item["kind"].as_str().is_none_or(str::is_empty) {
                item["kind"] = page.kind.strip_suffix("List").unwrap_or("").into();
                item["apiVersion"] = page.api.as_str().into();
            }
            keep(item)
        })
        .await
    }

    /// Reads a complete list into a type. Each item is converted when it arrives: ten thousand pods would need half a
    /// gigabyte otherwise.
    pub async fn list_as<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        let (items, _) = self.list_map(path, |item| Some(shape(path, item))).await?;
        items.into_iter().collect()
    }

    /// The same for types that do not need the kind of an item, which are parsed directly. Used for lists that
    /// observers read again and again.
    pub async fn list_plain<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        self.list_plain_map(path, |item| item).await
    }

    /// The same, and converts each item when it arrives.
    pub async fn list_plain_map<T: DeserializeOwned, U>(
        &self,
        path: &str,
        mut keep: impl FnMut(T) -> U,
    ) -> Result<Vec<U>, ApiError> {
        Ok(self.pages(path, |_, item| Some(keep(item))).await?.0)
    }

    /// Reads one page after another. Returns what `keep` returns for their items, and the version of the last page.
    async fn pages<T: DeserializeOwned, U>(
        &self,
        path: &str,
        mut keep: impl FnMut(&Page, T) -> Option<U>,
    ) -> Result<(Vec<U>, String), ApiError> {
        let mut items = vec![];
        let mut position = Position::default();
        let mut failures = 0;
        loop {
            let request = build(Method::GET, &position.address(path), "", None)?;
            let before = items.len();
            let take = |page: &Page, item| items.extend(keep(page, item));
            let (page, _) = match self.read_page(request, path, LIMIT, take).await {
                Err(error) if position.goes_back(&error) => {
                    items.clear();
                    continue;
                }
                Err(error) if error.is_transient() && failures < REPEATS => {
                    // Part of the page may have arrived.
                    items.truncate(before);
                    pause(failures).await;
                    failures += 1;
                    continue;
                }
                other => other?,
            };
            if page.strange {
                return Err(ApiError::Strange { path: path.to_owned(), why: strange(&"its items are not a list") });
            }
            failures = 0;
            if page.next.is_empty() {
                return Ok((items, page.version));
            }
            position.next = page.next;
        }
    }

    /// Reads one page of a list with this Accept header, and passes each item on. Returns the rest of the page, and its
    /// length. Items may have been passed on before an error; then the page is not read again.
    pub async fn page(
        &self,
        path: &str,
        token: &str,
        accept: &str,
        mut each: impl FnMut(Value),
    ) -> Result<(Page, usize), ApiError> {
        let address = address(path, token);
        let (mut passed, mut failures) = (0, 0);
        loop {
            let request = with_accept(build(Method::GET, &address, "", None)?, accept);
            let take = |_: &Page, item| {
                passed += 1;
                each(item);
            };
            match self.read_page(request, path, LIST_LIMIT, take).await {
                Err(error) if error.is_transient() && failures < REPEATS && passed == 0 => {
                    pause(failures).await;
                    failures += 1;
                }
                other => return other,
            }
        }
    }

    /// Requests a page, and passes its items on while they arrive. Returns the rest of the page, and its length.
    async fn read_page<T: DeserializeOwned>(
        &self,
        request: Request<Body>,
        path: &str,
        limit: Duration,
        mut each: impl FnMut(&Page, T),
    ) -> Result<(Page, usize), ApiError> {
        let method = Method::GET;
        let read = async {
            let mut body = self.opened(request, &method, path).await?;
            let cannot = |e: serde_json::Error| ApiError::Strange { path: path.to_owned(), why: strange(&e) };
            let mut pieces = Pieces::new();
            let (mut length, mut first) = (0, None);
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|e| self.unreachable(&method, path, &e))?;
                let Ok(data) = frame.into_data() else { continue };
                length += data.len();
                if length == data.len() {
                    first = Some(data);
                    continue;
                }
                if let Some(first) = first.take() {
                    pieces.take(&first, &mut each).map_err(cannot)?;
                }
                pieces.take(&data, &mut each).map_err(cannot)?;
            }
            // A short page arrives in one piece.
            let page = match first {
                Some(whole) => page::read(&whole, &mut each),
                None => pieces.end(&mut each),
            };
            Ok((page.map_err(cannot)?, length))
        };
        tokio::time::timeout(limit, read).await.map_err(|_| timeout(&Method::GET, path, limit))?
    }
}

/// Waits before a request is repeated.
async fn pause(failures: u32) {
    tokio::time::sleep(Duration::from_millis(200) * 2_u32.pow(failures)).await;
}

fn with_accept(mut request: Request<Body>, accept: &str) -> Request<Body> {
    if let Ok(value) = accept.parse() {
        request.headers_mut().insert("accept", value);
    }
    request
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::world::LastList;

    #[tokio::test]
    async fn a_list_that_expires_each_time_is_an_error() {
        let service = tower::service_fn(|request: Request<Body>| {
            let goes_on = request.uri().query().is_some_and(|q| q.contains("continue="));
            let body = if goes_on {
                json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"})
            } else {
                json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"continue": "more"},
                    "items": [{"metadata": {"name": "a"}}]})
            };
            let answer = http::Response::builder().status(if goes_on { 410 } else { 200 });
            std::future::ready(answer.body(Body::from(body.to_string().into_bytes())))
        });
        let kube = Kube::new(kube::Client::new(service, "default"));
        let path = "/api/v1/configmaps";
        let listed = kube.list(path).await.map(drop);
        assert!(matches!(listed, Err(ApiError::Status { code: 410, .. })), "{listed:?}");
        let again = kube.list_again(path, &mut LastList::<Value>::default()).await.map(drop);
        assert!(matches!(again, Err(ApiError::Status { code: 410, .. })), "{again:?}");
    }
}
