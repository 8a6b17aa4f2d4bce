//! From a context's name to a cluster whose identity is known. The current
//! context is never used: a drill names its cluster (correctness 72).

use std::{path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{ApiError, Kube};
use crate::model::ClusterIdentity;

/// How to reach a cluster; enough to do it again in another process.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Context in the kubeconfig.
    pub context: String,
    /// The kubeconfig; none is $KUBECONFIG or ~/.kube/config.
    pub kubeconfig: Option<PathBuf>,
    /// The service account of the pod that we run in.
    pub in_cluster: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No such context, no such file, a certificate that cannot be read.
    #[error("context `{context}`: {why}")]
    Config {
        /// Context.
        context: String,
        /// Why.
        why: String,
    },
    /// The API server said no, or nothing.
    #[error("the API server of context `{context}` cannot be used")]
    Api {
        /// Context.
        context: String,
        /// Why.
        #[source]
        source: ApiError,
    },
}

/// Connects and finds out which cluster it is.
pub async fn connect(reach: &Reach) -> Result<(Kube, ClusterIdentity), ConnectError> {
    let wrong = |why: String| ConnectError::Config { context: reach.context.clone(), why };
    let mut config = if reach.in_cluster {
        kube::Config::incluster().map_err(|e| wrong(e.to_string()))?
    } else {
        let kubeconfig = read_kubeconfig(reach).map_err(wrong)?;
        let options = KubeConfigOptions { context: Some(reach.context.clone()), ..KubeConfigOptions::default() };
        kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| wrong(e.to_string()))?
    };
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(3));
    config.read_timeout = Some(Duration::from_secs(60));
    config.write_timeout = Some(Duration::from_secs(10));
    let server = config.cluster_url.to_string();
    let client = kube::Client::try_from(config).map_err(|e| wrong(e.to_string()))?;
    let kube = Kube::new(client);
    let api = |source| ConnectError::Api { context: reach.context.clone(), source };
    let system = kube.get("/api/v1/namespaces/kube-system").await.map_err(api)?;
    let version = kube.get("/version").await.map_err(api)?;
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let identity = ClusterIdentity {
        name: "cluster".into(),
        context: reach.context.clone(),
        uid: text(&system, "/metadata/uid"),
        server: server.trim_end_matches('/').to_owned(),
        version: text(&version, "/gitVersion"),
        flavour: "other".into(),
    };
    Ok((kube, identity))
}

fn read_kubeconfig(reach: &Reach) -> Result<Kubeconfig, String> {
    let kubeconfig = match &reach.kubeconfig {
        Some(path) => Kubeconfig::read_from(path).map_err(|e| e.to_string())?,
        None => Kubeconfig::read().map_err(|e| e.to_string())?,
    };
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
    if known.contains(&reach.context.as_str()) {
        Ok(kubeconfig)
    } else {
        Err(format!("the kubeconfig has no such context; it has: {}", known.join(", ")))
    }
}

/// When the credentials of a context stop working; none when they have no end
/// that can be seen, or are renewed by a program.
pub fn credentials_expire(reach: &Reach) -> Option<Timestamp> {
    let kubeconfig = read_kubeconfig(reach).ok()?;
    let context = kubeconfig.contexts.iter().find(|c| c.name == reach.context)?.context.as_ref()?;
    let user = context.user.clone()?;
    let auth = kubeconfig.auth_infos.iter().find(|a| a.name == user)?.auth_info.as_ref()?;
    if auth.exec.is_some() || auth.auth_provider.is_some() {
        return None;
    }
    let certificate = auth
        .client_certificate_data
        .as_ref()
        .and_then(|data| BASE64_STANDARD.decode(data.trim()).ok())
        .or_else(|| std::fs::read(auth.client_certificate.as_ref()?).ok())
        .and_then(|pem| certificate_end(&pem));
    let token = auth
        .token
        .as_ref()
        .map(|t| t.expose_secret().to_owned())
        .or_else(|| std::fs::read_to_string(auth.token_file.as_ref()?).ok())
        .and_then(|token| token_end(&token));
    [certificate, token].into_iter().flatten().min()
}

fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn token_end(token: &str) -> Option<Timestamp> {
    let claims = token.trim().split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}
