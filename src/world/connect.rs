//! Connects to the cluster of a context, and finds out which cluster that is. The current context is never used: a
//! drill must name its cluster.

use std::{path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{ApiError, Here, Kube};
use crate::model::{ClusterIdentity, Told};

/// How many large lists are read at the same time when a drill begins to observe.
const LARGE_AT_ONCE: usize = 4;

/// How to reach a cluster. Another process can use it too.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The context in the kubeconfig.
    pub context: String,
    /// The kubeconfig files. Empty means $KUBECONFIG or ~/.kube/config.
    pub kubeconfigs: Vec<PathBuf>,
    /// Whether to use the service account of the pod in which drillmaster runs.
    pub in_cluster: bool,
}

/// Why the connection failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The context or a file does not exist, or a certificate cannot be read.
    #[error("context `{context}`: {why}")]
    Config {
        /// Context.
        context: String,
        /// Why.
        why: Told,
    },
    /// The API server refused, or did not answer.
    #[error("cannot use the API server of context `{context}`")]
    Api {
        /// Context.
        context: String,
        /// Why.
        #[source]
        source: ApiError,
    },
}

/// Connects, and reads the identity of the cluster.
pub async fn connect(reach: &Reach, here: &Here) -> Result<(Kube, ClusterIdentity), ConnectError> {
    let wrong = |why: String| {
        let why = here.redactor().clean(&why);
        ConnectError::Config { context: reach.context.clone(), why }
    };
    let mut config = if reach.in_cluster {
        kube::Config::incluster().map_err(|e| wrong(e.to_string()))?
    } else {
        let kubeconfig = ready(read_kubeconfig(reach).map_err(wrong)?, here);
        let options = KubeConfigOptions { context: Some(reach.context.clone()), ..KubeConfigOptions::default() };
        kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| wrong(e.to_string()))?
    };
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(3));
    config.read_timeout = Some(Duration::from_secs(60));
    config.write_timeout = Some(Duration::from_secs(10));
    // The audit log shows this name, which distinguishes drillmaster's requests from others of the same user.
    let agent = concat!("drillmaster/", env!("CARGO_PKG_VERSION"));
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(agent)));
    let server = config.cluster_url.to_string();
    let client = kube::Client::try_from(config).map_err(|e| wrong(e.to_string()))?;
    let kube = Kube::new(client).cleaned_by(here.redactor()).in_turns(LARGE_AT_ONCE);
    let api = |source| ConnectError::Api { context: reach.context.clone(), source };
    let system = kube.get("/api/v1/namespaces/kube-system").await.map_err(api)?;
    let version = kube.get("/version").await.map_err(api)?;
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let identity = ClusterIdentity {
        name: "cluster".into(),
        context: reach.context.clone(),
        uid: text(&system, "/metadata/uid"),
        server: here.redactor().clean(server.trim_end_matches('/')).into_string(),
        version: text(&version, "/gitVersion"),
        flavour: "other".into(),
    };
    Ok((kube, identity))
}

/// Makes credential programs run with the same paths and configuration as where the run began. The same applies to the
/// proxy.
fn ready(mut kubeconfig: Kubeconfig, here: &Here) -> Kubeconfig {
    for user in &mut kubeconfig.auth_infos {
        let Some(exec) = user.auth_info.as_mut().and_then(|a| a.exec.as_mut()) else { continue };
        if let Some(found) = exec.command.as_ref().and_then(|c| here.find(c).ok()) {
            exec.command = Some(found.display().to_string());
        }
        let given = exec.env.get_or_insert_with(Vec::new);
        for (name, value) in here.variables() {
            let Some(value) = value.to_str().filter(|_| given.iter().all(|v| v.get("name") != Some(&name))) else {
                continue;
            };
            given.push([("name".into(), name), ("value".into(), value.to_owned())].into_iter().collect());
        }
    }
    let proxy = here.setting("HTTPS_PROXY").or_else(|| here.setting("https_proxy"));
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|c| c.cluster.as_mut()) {
        cluster.proxy_url = cluster.proxy_url.take().or_else(|| proxy.clone());
    }
    kubeconfig
}

/// The files in which a context is searched.
pub fn kubeconfig_files(reach: &Reach) -> Vec<PathBuf> {
    if !reach.kubeconfigs.is_empty() {
        return reach.kubeconfigs.clone();
    }
    let named = std::env::var_os("KUBECONFIG").filter(|v| !v.is_empty());
    match (named, std::env::home_dir()) {
        (Some(list), _) => std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect(),
        (None, Some(home)) => vec![home.join(".kube/config")],
        (None, None) => vec![],
    }
}

fn read_kubeconfig(reach: &Reach) -> Result<Kubeconfig, String> {
    let files = kubeconfig_files(reach);
    // Like kubectl, skip a file that does not exist.
    let mut read = files.iter().filter(|f| f.exists()).map(Kubeconfig::read_from);
    let Some(first) = read.next() else {
        let listed: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        return Err(format!("no kubeconfig exists ({}): give one with --kubeconfig FILE", listed.join(", ")));
    };
    let kubeconfig = read
        .try_fold(first.map_err(|e| e.to_string())?, |all, next| all.merge(next?))
        .map_err(|e: kube::config::KubeconfigError| e.to_string())?;
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
    if known.contains(&reach.context.as_str()) {
        Ok(kubeconfig)
    } else {
        Err(format!("the kubeconfig does not contain this context; its contexts are: {}", known.join(", ")))
    }
}

/// When the credentials of a context expire. None if they do not, if that is unknown, or if a program renews them.
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
