//! Reads lists from the API server, page by page.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use kube::client::Body;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    ApiError, Kube,
    kube::{build, shape, strange, timeout},
    page::{self, Page},
    watch::{Readable, read},
};

/// The time limit for a page of a list, which may have many megabytes.
const LIST_LIMIT: Duration = Duration::from_secs(30);
/// How many objects a page of a list contains.
const PAGE: u32 = 500;

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
        let take = |bytes: &Bytes, items: &mut Vec<U>| {
            let page: Typed<T> = serde_json::from_slice(bytes)?;
            items.extend(page.items.into_iter().flatten().map(&mut keep));
            Ok((page.metadata.next, page.metadata.resource_version))
        };
        Ok(self.pages(path, take).await?.0)
    }

    /// Reads a complete list into a type that has only the fields that are needed. Returns also the version from which
    /// to watch. Items of another shape stay JSON.
    pub async fn list_readable<T: DeserializeOwned>(&self, path: &str) -> Result<(Vec<Readable<T>>, String), ApiError> {
        self.pages(path, |bytes, items| {
            if let Ok(page) = serde_json::from_slice::<Typed<T>>(bytes) {
                items.extend(page.items.into_iter().flatten().map(Ok));
                return Ok((page.metadata.next, page.metadata.resource_version));
            }
            let page = page::read(bytes, &mut |_, item| items.push(read(item)))?;
            Ok((page.next, page.version))
        })
        .await
    }

    /// Reads one page after another. Returns what `take` collects from them, and the version of the last page. `take`
    /// returns where the list continues, and its version.
    pub(super) async fn pages<T>(
        &self,
        path: &str,
        mut take: impl FnMut(&Bytes, &mut Vec<T>) -> Result<(String, String), serde_json::Error>,
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
}

/// A page of a list, read into a type.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct Typed<T> {
    #[serde(default)]
    pub(super) items: Option<Vec<T>>,
    #[serde(default)]
    pub(super) metadata: PageMeta,
}

/// How a list continues, and its version.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PageMeta {
    #[serde(rename = "continue")]
    pub(super) next: String,
    pub(super) resource_version: String,
}

fn with_accept(mut request: Request<Body>, accept: &str) -> Request<Body> {
    if let Ok(value) = accept.parse() {
        request.headers_mut().insert("accept", value);
    }
    request
}
