//! A real API server must answer the questions that the simulated one answers.

use kube::config::{KubeConfigOptions, Kubeconfig};

use super::hollow::Hollow;

#[path = "../shared/conformance.rs"]
mod questions;

#[test]
#[ignore = "needs the hollow lab"]
fn the_real_api_server_conforms() {
    let lab = Hollow::bare();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wrong = runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(&lab.env["KUBECONFIG"]).unwrap();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.default_retry = false;
        questions::all(kube::Client::try_from(config).unwrap()).await
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
