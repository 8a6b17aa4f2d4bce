//! Plain HTTP beside the cluster: monitoring, downloads, webhooks. No proxy
//! guessing, no redirects to elsewhere, a limit on every exchange.

use std::{io::Read, time::Duration};

use serde_json::Value;

/// What went wrong with an exchange.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} {url}: {why}")]
pub struct HttpError {
    /// Method.
    pub method: &'static str,
    /// Where; query values stay out, they may be signatures.
    pub url: String,
    /// Why.
    pub why: String,
}

/// A client that keeps connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// A client with a limit for each exchange.
    pub fn new(limit: Duration) -> Self {
        let client = reqwest::Client::builder()
            .timeout(limit)
            .connect_timeout(limit.min(Duration::from_secs(5)))
            .build()
            .expect("nothing in these settings can fail once a crypto provider is installed");
        Self { client }
    }

    /// A GET of JSON.
    pub async fn json(&self, url: &str) -> Result<Value, HttpError> {
        let bytes = self.bytes(url).await?;
        serde_json::from_slice(&bytes).map_err(|e| error("GET", url, format!("the answer is not JSON: {e}")))
    }

    /// A GET of bytes.
    pub async fn bytes(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        let response = self.client.get(url).send().await.map_err(|e| error("GET", url, chain(&e)))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|e| error("GET", url, chain(&e)))?;
        if status.is_success() { Ok(body.to_vec()) } else { Err(error("GET", url, status.to_string())) }
    }

    /// A GET of gzip, unpacked. Velero's object store sends no Content-Encoding.
    pub async fn gunzipped(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        let bytes = self.bytes(url).await?;
        let mut out = vec![];
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_end(&mut out)
            .map_err(|e| error("GET", url, format!("not gzip: {e}")))?;
        Ok(out)
    }

    /// A POST of JSON; any 2xx will do.
    pub async fn post(&self, url: &str, body: &Value) -> Result<(), HttpError> {
        let response = self.client.post(url).json(body).send().await.map_err(|e| error("POST", url, chain(&e)))?;
        if response.status().is_success() { Ok(()) } else { Err(error("POST", url, response.status().to_string())) }
    }
}

fn error(method: &'static str, url: &str, why: String) -> HttpError {
    HttpError { method, url: url.split('?').next().unwrap_or(url).to_owned(), why }
}

fn chain(error: &reqwest::Error) -> String {
    let mut parts = vec![];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        parts.push(cause.to_string());
        source = cause.source();
    }
    if error.is_timeout() {
        return "no answer in time".into();
    }
    parts.pop().unwrap_or_else(|| error.to_string())
}
