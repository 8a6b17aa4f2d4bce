//! Requests to the API server of a lab: many at the same time, with the code that it answers.

use futures_util::{StreamExt, stream};
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::{
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;

use super::hollow::Hollow;

/// The largest number of requests at the same time.
const AT_ONCE: usize = 24;

/// A request: method, path, type of the content, body.
pub struct Call {
    pub method: Method,
    pub path: String,
    pub kind: &'static str,
    pub body: Value,
}

impl Call {
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), kind: "application/json", body }
    }
}

/// The administrator of a lab.
pub struct Asked {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

impl Asked {
    pub fn of(lab: &Hollow) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let kubeconfig = Kubeconfig::read_from(&lab.env["KUBECONFIG"]).unwrap();
        let client = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            kube::Client::try_from(kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap()
        });
        Self { runtime, client }
    }

    /// The answers, in the order of the requests.
    pub fn all(&self, calls: Vec<Call>) -> Vec<(u16, Value)> {
        let client = &self.client;
        self.runtime.block_on(stream::iter(calls).map(|call| answer(client, call)).buffered(AT_ONCE).collect())
    }
}

async fn answer(client: &kube::Client, call: Call) -> (u16, Value) {
    let request = Request::builder()
        .method(call.method)
        .uri(&call.path)
        .header("content-type", call.kind)
        .header("accept", "application/json")
        .body(Body::from(if call.body.is_null() { vec![] } else { call.body.to_string().into_bytes() }))
        .unwrap();
    let answer = client.send(request).await.unwrap();
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}
