//! HTTP to services beside the cluster: monitoring, downloads, webhooks. It does not detect proxies, does not follow
//! redirects to other hosts, and has a time limit for every request. Start with [`Http`].

use std::{io::Read, sync::Arc, time::Duration};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::{SimBackend, WebRequest};
use crate::{
    files::Limited,
    model::{Raw, Redactor, Told, WebhookUrl, causes},
};

/// Why an HTTP request failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} {url}: {why}")]
pub struct HttpError {
    /// Method.
    pub method: &'static str,
    /// The address without query and password, because they may be keys.
    pub url: Told,
    /// Why.
    pub why: Told,
}

/// A client that reuses connections.
#[derive(Clone, Debug)]
pub struct Http {
    side: Side,
    redactor: Arc<Redactor>,
}

#[derive(Clone, Debug)]
enum Side {
    Live(reqwest::Client),
    Simulated(SimBackend, Duration),
}

impl Http {
    /// A client with a time limit for each request.
    pub fn new(limit: Duration, redactor: &Arc<Redactor>) -> Self {
        let client = reqwest::Client::builder()
            .timeout(limit)
            .connect_timeout(limit.min(Duration::from_secs(5)))
            .build()
            .expect("nothing in these settings can fail once a crypto provider is installed");
        Self { side: Side::Live(client), redactor: Arc::clone(redactor) }
    }

    /// The same in a simulated world.
    pub fn simulated(backend: SimBackend, limit: Duration) -> Self {
        Self { side: Side::Simulated(backend, limit), redactor: Arc::default() }
    }

    /// Requests JSON.
    pub async fn json(&self, url: &str) -> Result<Value, HttpError> {
        self.json_with(url, &[]).await
    }

    /// Requests JSON with headers that are not shown to anybody.
    pub async fn json_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Value, HttpError> {
        let bytes = self.get(url, headers, LARGEST).await?;
        self.json_of(url, &bytes)
    }

    /// Parses the answer of an address as JSON.
    pub(super) fn json_of(&self, url: &str, bytes: &[u8]) -> Result<Value, HttpError> {
        serde_json::from_slice(bytes).map_err(|e| self.error("GET", url, format!("the answer is not JSON: {e}")))
    }

    /// Requests bytes.
    pub async fn bytes(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        self.get(url, &[], LARGEST).await
    }

    /// Requests bytes. An answer larger than the limit is an error.
    pub async fn bounded(&self, url: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
        self.get(url, &[], limit).await
    }

    async fn get(&self, url: &str, headers: &[(&str, &str)], most: usize) -> Result<Vec<u8>, HttpError> {
        let fits = |length: usize| {
            let why = || format!("the answer is larger than {} MiB", most >> 20);
            if length > most { Err(self.error("GET", url, why())) } else { Ok(()) }
        };
        let client = match &self.side {
            Side::Live(client) => client,
            Side::Simulated(backend, limit) => {
                let body = self.exchange(backend, *limit, "GET", url, vec![]).await?;
                return fits(body.len()).map(|()| body);
            }
        };
        let request = headers.iter().fold(client.get(url), |request, (name, value)| request.header(*name, *value));
        let mut response = request.send().await.map_err(|e| self.error("GET", url, chain(e)))?;
        if !response.status().is_success() {
            return Err(self.error("GET", url, response.status().to_string()));
        }
        let mut body = vec![];
        while let Some(part) = response.chunk().await.map_err(|e| self.error("GET", url, chain(e)))? {
            fits(body.len() + part.len())?;
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// Requests gzip and unpacks it. Velero's object store does not send Content-Encoding.
    pub async fn gunzipped(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        let bytes = self.bytes(url).await?;
        let mut out = vec![];
        Limited::new(MultiGzDecoder::new(&bytes[..]), LARGEST as u64)
            .read_to_end(&mut out)
            .map_err(|e| self.error("GET", url, format!("the answer cannot be unpacked: {e}")))?;
        Ok(out)
    }

    /// Posts one line of text. Any 2xx answer confirms that it is durable.
    pub async fn append(&self, url: &str, line: &str) -> Result<(), HttpError> {
        self.send(url, &[], "text/plain", line.to_owned()).await
    }

    /// Posts JSON to a webhook. Any 2xx answer is a success. Errors contain only the host of the webhook.
    pub async fn post(&self, webhook: &WebhookUrl, body: &Value) -> Result<(), HttpError> {
        self.post_with(webhook, &[], body).await
    }

    /// The same, with headers that are not shown to anybody.
    pub async fn post_with(
        &self,
        webhook: &WebhookUrl,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<(), HttpError> {
        let sent = self.send(webhook.reveal(), headers, "application/json", body.to_string()).await;
        sent.map_err(|error| HttpError { url: self.redactor.clean(&webhook.to_string()), ..error })
    }

    async fn send(&self, url: &str, headers: &[(&str, &str)], kind: &str, body: String) -> Result<(), HttpError> {
        let client = match &self.side {
            Side::Live(client) => client,
            Side::Simulated(backend, limit) => {
                return self.exchange(backend, *limit, "POST", url, body.into_bytes()).await.map(drop);
            }
        };
        let request = client.post(url).header("content-type", kind).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.map_err(|e| self.error("POST", url, chain(e)))?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(self.error("POST", url, response.status().to_string()))
        }
    }

    async fn exchange(
        &self,
        backend: &SimBackend,
        limit: Duration,
        method: &'static str,
        url: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, HttpError> {
        let request = WebRequest { method: method.to_owned(), url: url.to_owned(), body };
        match tokio::time::timeout(limit, backend.web(request)).await {
            Err(_) => Err(self.error(method, url, "no answer in time".into())),
            Ok(Err(why)) => Err(self.error(method, url, why)),
            Ok(Ok(answer)) if (200..300).contains(&answer.status) => Ok(answer.body),
            Ok(Ok(answer)) => Err(self.error(method, url, answer.status.to_string())),
        }
    }

    /// The error for an answer in an unexpected form.
    pub(super) fn strange(&self, url: &str, why: &str) -> HttpError {
        self.error("GET", url, why.to_owned())
    }

    fn error(&self, method: &'static str, url: &str, why: String) -> HttpError {
        let url = url.split('?').next().unwrap_or(url);
        HttpError { method, url: self.redactor.clean(url), why: Raw::new(why).told(&self.redactor) }
    }
}

/// The size limit of an answer, before and after unpacking, because it is kept in memory.
const LARGEST: usize = 1 << 30;

fn chain(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    match causes(&error).last() {
        Some(root) => root.to_string(),
        None => error.without_url().to_string(),
    }
}
