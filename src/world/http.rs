//! Plain HTTP beside the cluster: monitoring, downloads, webhooks. No proxy
//! guessing, no redirects to elsewhere, a limit on every exchange.

use std::{io::Read, sync::Arc, time::Duration};

use serde_json::Value;

use super::{Stage, WebRequest};
use crate::model::{Raw, Redactor, Told, WebhookUrl};

/// What went wrong with an exchange.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} {url}: {why}")]
pub struct HttpError {
    /// Method.
    pub method: &'static str,
    /// Where, without query and password: they may be keys.
    pub url: Told,
    /// Why.
    pub why: Told,
}

/// A client that keeps connections.
#[derive(Clone, Debug)]
pub struct Http {
    side: Side,
    redactor: Arc<Redactor>,
}

#[derive(Clone, Debug)]
enum Side {
    Live(reqwest::Client),
    Simulated(Stage, Duration),
}

impl Http {
    /// A client with a limit for each exchange.
    pub fn new(limit: Duration, redactor: &Arc<Redactor>) -> Self {
        let client = reqwest::Client::builder()
            .timeout(limit)
            .connect_timeout(limit.min(Duration::from_secs(5)))
            .build()
            .expect("nothing in these settings can fail once a crypto provider is installed");
        Self { side: Side::Live(client), redactor: Arc::clone(redactor) }
    }

    /// The same in a world that is not there.
    pub fn simulated(stage: Stage, limit: Duration) -> Self {
        Self { side: Side::Simulated(stage, limit), redactor: Arc::default() }
    }

    /// A GET of JSON.
    pub async fn json(&self, url: &str) -> Result<Value, HttpError> {
        self.json_with(url, &[]).await
    }

    /// A GET of JSON with headers that nobody else sees.
    pub async fn json_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Value, HttpError> {
        let bytes = self.get(url, headers).await?;
        serde_json::from_slice(&bytes).map_err(|e| self.error("GET", url, format!("the answer is not JSON: {e}")))
    }

    /// A GET of bytes.
    pub async fn bytes(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        self.get(url, &[]).await
    }

    /// A GET of bytes, of which there may be so many and no more.
    pub async fn bounded(&self, url: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
        let long = || self.error("GET", url, format!("the answer is longer than {limit} bytes"));
        let Side::Live(client) = &self.side else {
            let bytes = self.get(url, &[]).await?;
            return if bytes.len() > limit { Err(long()) } else { Ok(bytes) };
        };
        let mut response = client.get(url).send().await.map_err(|e| self.error("GET", url, chain(e)))?;
        if !response.status().is_success() {
            return Err(self.error("GET", url, response.status().to_string()));
        }
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|e| self.error("GET", url, chain(e)))? {
            if bytes.len() + chunk.len() > limit {
                return Err(long());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Vec<u8>, HttpError> {
        match &self.side {
            Side::Live(client) => {
                let request =
                    headers.iter().fold(client.get(url), |request, (name, value)| request.header(*name, *value));
                let mut response = request.send().await.map_err(|e| self.error("GET", url, chain(e)))?;
                let status = response.status();
                let mut body = vec![];
                while let Some(part) = response.chunk().await.map_err(|e| self.error("GET", url, chain(e)))? {
                    if body.len() + part.len() > LARGEST {
                        return Err(self.error("GET", url, too_large()));
                    }
                    body.extend_from_slice(&part);
                }
                if status.is_success() { Ok(body) } else { Err(self.error("GET", url, status.to_string())) }
            }
            Side::Simulated(stage, limit) => self.exchange(stage, *limit, "GET", url, vec![]).await,
        }
    }

    /// A GET of gzip, unpacked. Velero's object store sends no Content-Encoding.
    pub async fn gunzipped(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        let bytes = self.bytes(url).await?;
        let mut out = vec![];
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .take(LARGEST as u64 + 1)
            .read_to_end(&mut out)
            .map_err(|e| self.error("GET", url, format!("not gzip: {e}")))?;
        if out.len() > LARGEST { Err(self.error("GET", url, too_large())) } else { Ok(out) }
    }

    /// A POST of one line of text; any 2xx says that it is durable.
    pub async fn append(&self, url: &str, line: &str) -> Result<(), HttpError> {
        self.send(url, "text/plain", line.to_owned()).await
    }

    /// A POST of JSON to a webhook; any 2xx will do. What is said of it names its host only.
    pub async fn post(&self, webhook: &WebhookUrl, body: &Value) -> Result<(), HttpError> {
        let sent = self.send(webhook.reveal(), "application/json", body.to_string()).await;
        sent.map_err(|error| HttpError { url: self.redactor.clean(&webhook.to_string()), ..error })
    }

    async fn send(&self, url: &str, kind: &str, body: String) -> Result<(), HttpError> {
        let client = match &self.side {
            Side::Live(client) => client,
            Side::Simulated(stage, limit) => {
                return self.exchange(stage, *limit, "POST", url, body.into_bytes()).await.map(drop);
            }
        };
        let request = client.post(url).header("content-type", kind).body(body);
        let response = request.send().await.map_err(|e| self.error("POST", url, chain(e)))?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(self.error("POST", url, response.status().to_string()))
        }
    }

    async fn exchange(
        &self,
        stage: &Stage,
        limit: Duration,
        method: &'static str,
        url: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, HttpError> {
        let request = WebRequest { method: method.to_owned(), url: url.to_owned(), body };
        match tokio::time::timeout(limit, stage.web(request)).await {
            Err(_) => Err(self.error(method, url, "no answer in time".into())),
            Ok(Err(why)) => Err(self.error(method, url, why)),
            Ok(Ok(answer)) if (200..300).contains(&answer.status) => Ok(answer.body),
            Ok(Ok(answer)) => Err(self.error(method, url, answer.status.to_string())),
        }
    }

    /// An answer of another shape than asked for.
    pub(super) fn strange(&self, url: &str, why: &str) -> HttpError {
        self.error("GET", url, why.to_owned())
    }

    fn error(&self, method: &'static str, url: &str, why: String) -> HttpError {
        let url = url.split('?').next().unwrap_or(url);
        HttpError { method, url: self.redactor.clean(url), why: Raw::new(why).told(&self.redactor) }
    }
}

/// No answer is larger, packed or unpacked: it is kept in memory.
const LARGEST: usize = 1 << 30;

fn too_large() -> String {
    format!("the answer is larger than {} MiB", LARGEST >> 20)
}

fn chain(error: reqwest::Error) -> String {
    let mut parts = vec![];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        parts.push(cause.to_string());
        source = cause.source();
    }
    if error.is_timeout() {
        return "no answer in time".into();
    }
    parts.pop().unwrap_or_else(|| error.without_url().to_string())
}
